"""Faults of what is around the gate: network, target, names, tools, variables, hostile answers, too many findings."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import playwright

from stagehold.reporting.allure_cli import VERSION
from tests.faults.driver import SOUND, Fault, Running
from tests.faults.stage import HOSTS, Stage

NODE = Path(playwright.__file__).parent / "driver" / "node"
_READS = '''
import time
from stagehold import check

@check("ACM-001", severity="blocker", proves=["transport-policy"], remedy="Mend it.", traffic="evidence")
def test_first(target, http):
    """The start page tells what it is."""
    assert "a small shop" in http(target).request("GET", "/").text

@check("ACM-002", severity="blocker", proves=["transport-policy"], remedy="Mend it.", traffic="evidence")
def test_second(target, http):
    """It still does after a while."""
    time.sleep(SECONDS)
    assert "a small shop" in http(target).request("GET", "/").text
'''
_MANY_LINES = '''
from stagehold import check

@check("ACM-001", severity="blocker", proves=["transport-policy"], remedy="Mend it.", traffic="evidence")
def test_many(evidence):
    """Finds ten thousand things at once."""
    found = [f"finding {number}: something is open at 10.0.{number // 256}.{number % 256}" for number in range(10_000)]
    evidence.compare(expected="nothing", observed="\\n".join(found))
    assert not found, "; ".join(found)
'''
_MANY_CASES = '''
import pytest
from stagehold import check

@check("ACM-001", severity="blocker", proves=["transport-policy"], remedy="Mend it.", traffic="evidence")
@pytest.mark.parametrize("number", range(COUNT))
def test_many(number):
    """Finds one thing in each case."""
    assert number < 0, f"finding {number}"
'''


def behave(how: str) -> Callable[[Running], None]:
    """The service misbehaves from the middle of the run on."""

    def inject(run: Running) -> None:
        run.when_busy()
        (run.stage.folder / "behave").write_text(how, encoding="ascii")

    return inject


def _cut(run: Running) -> None:
    run.when_busy()
    subprocess.run(["ip", "link", "set", "outside", "down"], check=True, timeout=10)
    try:
        run.process.wait(run.deadline)
    except subprocess.TimeoutExpired:
        return
    finally:
        subprocess.run(["ip", "link", "set", "outside", "up"], check=True, timeout=10)


def _target_dies(run: Running) -> None:
    run.when_busy()
    run.stage.end_service()


def _dead_target(stage: Stage, _out: Path) -> None:
    stage.end_service()


def _proxies(_stage: Stage, _out: Path) -> Mapping[str, str]:
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    files = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    return (
        dict.fromkeys(names, "http://10.99.0.1:3128")
        | dict.fromkeys(files, "/nonexistent/ca.pem")
        | {"NO_PROXY": "", "SSL_CERT_DIR": "/nonexistent", "NODE_OPTIONS": "--require /nonexistent.js"}
    )


def program(name: str, text: str) -> Callable[[Stage, Path], Mapping[str, str]]:
    """A program of that name that comes first in PATH."""

    def prepare(stage: Stage, _out: Path) -> Mapping[str, str]:
        path = stage.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        path.chmod(0o755)
        return {"PATH": f"{path.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}

    return prepare


def nmap(answer: str) -> Callable[[Stage, Path], Mapping[str, str]]:
    """An nmap that tells its version as the real one does, and answers a scan otherwise."""
    return program("nmap", f'case "$*" in --version|-V) exec /usr/bin/nmap --version;; esac\n{answer}')


def allure(script: str) -> Callable[[Stage, Path], Mapping[str, str]]:
    """An Allure program that tells the right version and otherwise does something else."""

    def prepare(stage: Stage, out: Path) -> Mapping[str, str]:
        package = out.parent / "tools/allure/node_modules/allure"
        package.mkdir(parents=True)
        (package / "package.json").write_text(json.dumps({"version": VERSION}), encoding="ascii")
        version = f'if (process.argv.includes("--version")) {{ console.log("{VERSION}"); process.exit(0); }}\n'
        (package / "cli.js").write_text(version + script, encoding="ascii")
        return {"STAGEHOLD_TOOLS": str(out.parent / "tools")}

    return prepare


_EMPTY_PAGE = 'require("fs").mkdirSync("out"); require("fs").writeFileSync("out/index.html", "");'
_NO_ADDRESSES = "targets: [{name: web, base_url: https://nowhere.faults.test:7443}]"


def _nameless(stage: Stage, _out: Path) -> None:
    path = stage.folder / "environment.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    start = lines.index("targets:")
    path.write_text("\n".join([*lines[:start], _NO_ADDRESSES, *lines[start + 2 :]]) + "\n", encoding="utf-8")


FAULTS = (
    Fault("the network is cut", r"ACM-002|cannot|no answer|unreachable|timed out|timeout", _cut, _READS, codes=(1, 3),
          seconds=5),
    Fault("the target dies", r"refused|cannot|no answer", _target_dies, _READS, codes=(3,), seconds=5, quick=True),
    Fault("the target is dead from the start", r"cannot be reached.*refused", suite=SOUND, codes=(3,),
          prepare=_dead_target),
    Fault("the name does not resolve", r"nowhere.faults.test", suite=SOUND, codes=(2, 3), prepare=_nameless),
    Fault("every answer is 503 meanwhile", r"503|small shop", behave("unavailable"), _READS, codes=(1, 3), seconds=5),
    Fault("a redirect to a denied host", r"10\.99\.0\.1|denied|redirect|small shop", behave("redirect"), _READS,
          codes=(1, 3), seconds=5),
    Fault("chunks without an end", r"too large|longer than|more than|bytes|time", behave("chunks"), _READS, codes=(3,),
          seconds=5),
    Fault("a header without an end", r"header|too large|more than|line", behave("header"), _READS, codes=(3,),
          seconds=5),
    Fault("a byte a second", r"time|slow|within|deadline", behave("slow"), _READS, codes=(3,), seconds=5, deadline=75),
    Fault("a gzip bomb", r"too large|longer than|more than|bytes|MiB", behave("bomb"), _READS, codes=(3,), seconds=5),
    Fault("proxy variables", "GO", suite=_READS, harmless=True, prepare=_proxies, seconds=1, quick=False),
    Fault("an nmap that does not exist any more", r"nmap", suite=SOUND, parts=(HOSTS,), codes=(3,),
          prepare=program("nmap", "exit 127"), quick=True),
    Fault("an nmap that prints nothing and ends with 0", r"nmap", suite=SOUND, parts=(HOSTS,), codes=(3,),
          prepare=nmap("exit 0")),
    Fault("an nmap that prints nonsense", r"nmap", suite=SOUND, parts=(HOSTS,), codes=(3,),
          prepare=nmap("echo all is well; exit 0")),
    Fault("an nmap that finds no host", r"nmap", suite=SOUND, parts=(HOSTS,), codes=(3,),
          prepare=nmap('echo "<nmaprun><runstats><finished exit=\\"success\\"/></runstats></nmaprun>"')),
    Fault("a node that ends with 0 at once", r"node|Node", suite=SOUND, codes=(3,),
          prepare=lambda stage, out: _over(stage, NODE, "exit 0")),
    Fault("an Allure program that ends with 0 at once", r"allure wrote no report", suite=SOUND, codes=(3,),
          prepare=allure("process.exit(0)"), quick=True),
    Fault("an Allure program that prints nonsense and fails", r"allure ended with code 3: nonsense", suite=SOUND,
          codes=(3,), prepare=allure('console.log("nonsense"); process.exit(3)')),
    Fault("an Allure program that writes an empty page", r"Allure report", suite=SOUND, codes=(3,),
          prepare=allure(_EMPTY_PAGE)),
    Fault("an Allure program that never ends", r"allure did not end within", suite=SOUND, codes=(3,), deadline=45,
          prepare=allure("setInterval(() => {}, 1000)")),
    Fault("10,000 findings in one check", r"finding 0", suite=_MANY_LINES, codes=(1,)),
    Fault("1,000 findings in as many cases", r"finding \d+", suite=_MANY_CASES.replace("COUNT", "1000"), codes=(1,),
          deadline=180),
    Fault("10,000 findings in as many cases, more than the time allows", r"deadline",
          suite=_MANY_CASES.replace("COUNT", "10_000"), codes=(1,), deadline=60),
)  # fmt: skip


def _over(stage: Stage, path: Path, text: str) -> None:
    """Another program lies over one, in our own mounts only."""
    other = stage.folder / f"instead-of-{path.name}"
    other.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    other.chmod(0o755)
    subprocess.run(["mount", "--bind", str(other), str(path)], check=True, timeout=10)
    stage.mounted.append(path)
