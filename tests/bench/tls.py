"""Measures the TLS probe as ratios within one run, on an nginx of its own: `python -m tests.bench.tls`.

Everything that is compared is a process of its own, started anew, so that each pays for its own start. A verdict that
is not what the sound server deserves has no time at all.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from stagehold.environment.model import Environment
from stagehold.network.door import Network
from stagehold.probes.tls.accepted import AcceptedSuites
from stagehold.probes.tls.certificates import CertificateRules, read_anchors
from stagehold.probes.tls.facts import COMMANDS
from stagehold.probes.tls.reading import CERTIFICATES
from stagehold.probes.tls.side_by_side import Scans
from tests.probes.judged import outcomes
from tests.probes.pki import Authority, write_chain
from tests.probes.profiles import DEFAULT_PROFILE
from tests.probes.tls_servers import fresh_address
from tests.probes.tls_stacks import AEAD
from tests.strangers.stage import NGINX, wait_for

MANY = 20
HUNDRED = 100
LINEAR = 1.1
"""How much more than its share so many times as many may take and still count as linear."""
PORT = 8443
DEADLINE = 1800.0

Line = tuple[str, list[float], str, float | None]
"""What was measured, the values, their unit, and what the median must not exceed, if anything."""


@contextlib.contextmanager
def servers(folder: Path, count: int) -> Iterator[list[str]]:
    """One nginx that listens, soundly, at so many loopback addresses; `ca.pem` is beside it."""
    authority = Authority.create()
    chain, key = write_chain(folder, authority.leaf("app.test"), authority.intermediate)
    authority.ca_file(folder)
    addresses = [fresh_address() for _ in range(count)]
    listen = " ".join(f"listen {address}:{PORT} ssl;" for address in addresses)
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; events {{ worker_connections 2048; }}\n"
        f"http {{ access_log off; {temporary} ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {AEAD};\n"
        f"server {{ {listen} server_name app.test; ssl_certificate {chain}; ssl_certificate_key {key};\n"
        "return 200 ok; } }\n"
    )
    command = [NGINX, "-e", f"{folder}/error.log", "-p", str(folder), "-c", f"{folder}/nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(addresses[-1], PORT)
            yield addresses
        finally:
            process.terminate()


def environment(addresses: Sequence[str]) -> dict[str, object]:
    """Each address an endpoint of its own."""
    endpoints = [
        {"host": f"app{number}.test", "sni": "app.test", "port": PORT, "addresses": [address]}
        for number, address in enumerate(addresses)
    ]
    return {
        "environment": {"id": "bench"},
        "targets": [{"name": "web", "base_url": "http://192.0.2.1"}],
        "tls": {"endpoints": endpoints, "trust": {"kind": "private", "ca_file": "ca.pem"}},
    }


def verdict(folder: Path, addresses: Sequence[str]) -> None:
    """Scan and judge every endpoint; all of them must pass.

    Raises:
        SystemExit: a check of the suite did not pass.
    """
    described = Environment.model_validate(environment(addresses))
    rules = CertificateRules(
        read_anchors(folder / "ca.pem"), DEFAULT_PROFILE.rules, datetime.now(UTC), private_days=400
    )
    with Scans(Network.build(described), described.tls_endpoints) as scans:
        for endpoint in described.tls_endpoints:
            scan = scans.of(endpoint)
            facts = {
                "tls_scan": scan,
                "accepted_suites": AcceptedSuites(scan),
                "certificate_rules": rules,
                "served_names": (endpoint.name,),
                "tls_profile": DEFAULT_PROFILE,
            }
            said = outcomes("tls", facts, refused_version=DEFAULT_PROFILE.rules.refused_versions)
            if not said or set(said.values()) != {"passed"}:
                raise SystemExit(f"{endpoint.host}: {said}")


def bare(address: str) -> None:
    """What sslyze alone does for one endpoint, with the commands that the probe uses.

    Raises:
        SystemExit: a command was not completed.
    """
    # Only here: the probe itself has sslyze in a process of its own, and must not pay for it twice.
    from sslyze.plugins.scan_commands import ScanCommand  # noqa: PLC0415
    from sslyze.scanner.models import ServerScanRequest  # noqa: PLC0415
    from sslyze.scanner.scanner import Scanner  # noqa: PLC0415
    from sslyze.server_setting import ServerNetworkLocation  # noqa: PLC0415

    scanner = Scanner()
    location = ServerNetworkLocation(hostname="app.test", port=PORT, ip_address=address)
    commands = {ScanCommand(name) for name in (*COMMANDS.values(), CERTIFICATES)}
    scanner.queue_scans([ServerScanRequest(server_location=location, scan_commands=commands)])
    for result in scanner.get_results():
        told = result.scan_result
        if told is None or any(getattr(told, command.value).status != "COMPLETED" for command in commands):
            raise SystemExit(f"{address}: {result.scan_status}")


def measure(runs: int = 3) -> list[Line]:
    """All figures, as ratios of medians taken in turn.

    Raises:
        SystemExit: a scan was not what it must be.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        with servers(folder, HUNDRED) as addresses:
            alone = [_seconds("bare", folder, addresses[:1]) for _ in range(runs)]
            one = [_seconds("verdict", folder, addresses[:1]) for _ in range(runs)]
            many = [_seconds("verdict", folder, addresses[:MANY]) for _ in range(runs)]
            most = [_seconds("verdict", folder, addresses) for _ in range(runs)]
            beside = [*_beside(addresses[0], runs)]
            peak = _memory(folder, addresses)
    return [
        ("TLS: bare sslyze scan of one endpoint", alone, "s", None),
        ("TLS: full verdict for one endpoint", one, "s", None),
        ("TLS: verdict ÷ bare scan", [value / statistics.median(alone) for value in one], "times", 1.5),
        (f"TLS: {MANY} endpoints ÷ one", [value / statistics.median(one) for value in many], "times", 14),
        (
            f"TLS: {HUNDRED} endpoints ÷ {MANY}, {HUNDRED // MANY} times as many",
            [value / statistics.median(many) for value in most],
            "times",
            LINEAR * HUNDRED / MANY,
        ),
        (f"TLS: memory at {HUNDRED} endpoints", [peak], "MiB", 400),
        *beside,
    ]


def _beside(address: str, runs: int) -> Iterator[Line]:
    """Other programs on the same endpoint, where they are installed."""
    for name, arguments in (
        ("sslscan", ["--no-colour", "--sni-name=app.test", f"{address}:{PORT}"]),
        ("testssl", ["--quiet", "--ip", address, "--warnings", "batch", "--color", "0", f"app.test:{PORT}"]),
    ):
        if (program := shutil.which(name)) is None:
            continue
        taken = []
        for _ in range(runs if name == "sslscan" else 1):
            begin = time.perf_counter()
            subprocess.run([program, *arguments], capture_output=True, stdin=subprocess.DEVNULL, check=False,
                           timeout=DEADLINE)  # fmt: skip
            taken.append(time.perf_counter() - begin)
        yield f"TLS: {name}, one endpoint", taken, "s", None


def _command(what: str, folder: Path, addresses: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "tests.bench.tls", "--inside", json.dumps([what, str(folder), list(addresses)])]


def _seconds(what: str, folder: Path, addresses: Sequence[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(_command(what, folder, addresses), check=True, timeout=DEADLINE)
    return time.perf_counter() - begin


def _memory(folder: Path, addresses: Sequence[str]) -> float:
    """Peak of the proportional set sizes of the whole process tree, in MiB."""
    process = psutil.Popen(_command("verdict", folder, addresses))
    begin, peak = time.monotonic(), 0.0
    while process.poll() is None and time.monotonic() - begin < DEADLINE:
        total = 0
        with contextlib.suppress(psutil.Error):
            for member in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += member.memory_full_info().pss
        peak = max(peak, total / 2**20)
        time.sleep(0.25)
    if process.wait():
        raise SystemExit("the scan of all endpoints was not what it must be")
    return peak


def main() -> int:
    """Measure and print, or do one thing inside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each (default 3)")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        what, folder, addresses = json.loads(arguments.inside)
        if what == "bare":
            bare(addresses[0])
        else:
            verdict(Path(folder), addresses)
        return 0
    for name, values, unit, most in measure(arguments.runs):
        spread = f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f}, n={len(values)}) {unit}"
        print(f"{name:<44} {spread:<34} {'' if most is None else f'≤ {most:g}'}")  # noqa: T201 - a program's output
    return 0


if __name__ == "__main__":
    sys.exit(main())
