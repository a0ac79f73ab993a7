"""Requests for names nobody declared, on nginx: which default virtual hosts let them reach the application."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from stagehold.environment.model import Environment
from stagehold.errors import DeniedByProduction, ProbeError
from stagehold.network.door import Network
from stagehold.network.pace import Pace
from stagehold.network.rules import spki_pin
from stagehold.probes.ports.named_requests import Answered, Asked
from stagehold.probes.ports.unknown_names import UnknownNames, alike, look_for_strangers
from tests.free_ports import free_port
from tests.probes.judged import outcomes
from tests.probes.pki import Authority, write_chain
from tests.strangers.stage import NGINX
from tests.twins.web_stage import running

NAME, TENANT = "app.twin.test", "bakery.twin.test"
PAGE = "<!doctype html><title>Ledger</title><p>Log in to see the vouchers of your own company and nothing else."
APP = "root ROOT/app; location = /me { return 401 'who are you?'; }"
SHELL = "root ROOT/app; try_files $uri /index.html;"
REJECT = "ssl_reject_handshake on;"
# What stands in the block of the name, and in the default block beside it (None: the name's block is the default).
FRONTS: dict[str, tuple[str, str | None]] = {
    "default": (APP, None),
    "shell": (SHELL, None),
    "rejects": (APP, REJECT),
    "closes": (APP, "NEUTRAL return 444;"),
    "refuses": (APP, "NEUTRAL return 421;"),
    "unavailable": (APP, "NEUTRAL return 503;"),
    "welcome": (APP, "NEUTRAL root ROOT/welcome;"),
    "leads home": (APP, f"NEUTRAL return 301 https://{NAME}:$server_port$request_uri;"),
    "own certificate": (APP, "OWN return 404;"),
    "other tenant": (APP, "TENANT return 404;"),
    "leads to tenant": (APP, f"NEUTRAL return 302 https://{TENANT}/;"),
    "tenant's cookie": (APP, f'NEUTRAL add_header Set-Cookie "a=b; Path=/; Domain=.{TENANT}" always; return 404;'),
    "limits": (APP, "NEUTRAL return 429;"),
    "all refused": ("return 403;", None),
    "broken": ("return 502;", "NEUTRAL return 404;"),
    "hidden reads": (APP, "NEUTRAL root ROOT/none; location = /me { return 401 'who are you?'; }"),
}


class Stage:
    """One nginx; each front is a port of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority.create()
        self.ports = {name: free_port() for name in FRONTS}
        self.pin = ""
        certificates = {}
        for word, name in (("OWN", NAME), ("TENANT", TENANT), ("NEUTRAL", "nobody.invalid")):
            place = folder / word.lower()
            place.mkdir()
            leaf = authority.leaf(name)
            chain, key = write_chain(place, leaf, authority.intermediate)
            certificates[word] = f"ssl_certificate {chain}; ssl_certificate_key {key};"
            if word == "NEUTRAL":
                self.pin = spki_pin(leaf.certificate.public_bytes(Encoding.DER))
        for path, text in {"app/index.html": PAGE, "welcome/index.html": "<title>Welcome to nginx!</title>"}.items():
            (folder / "root" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "root" / path).write_text(text)
        blocks = []
        for front, (own, other) in FRONTS.items():
            listen = f"listen 127.0.0.1:{self.ports[front]} ssl"
            if other is not None:
                blocks.append(f"server {{ {listen} default_server; server_name _; {other} }}")
            blocks.append(f"server {{ {listen}; server_name {NAME}; OWN {own} }}")
        text = "\n".join(blocks).replace("ROOT", str(folder / "root"))
        for word, lines in certificates.items():
            text = text.replace(f"{word} ", f"{lines} ")
        temporary = " ".join(
            f"{kind}_temp_path {folder}/t-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self.configuration = folder / "nginx.conf"
        self.configuration.write_text(
            f"{'user root; ' if os.geteuid() == 0 else ''}daemon off; pid {folder}/pid; worker_processes 1;\n"
            f"events {{}}\nhttp {{ access_log off; {temporary} types {{ text/html html; }} default_type text/plain;\n"
            f"{text}\n}}\n"
        )

    def look(self, front: str, **keys: object) -> UnknownNames:
        """As the fixture `unknown_names`."""
        environment = Environment.model_validate(
            {
                "environment": {"id": "twin"},
                "targets": [
                    {"name": "app", "base_url": f"https://{NAME}:{self.ports[front]}", "addresses": ["127.0.0.1"]}
                ],
                "flows": {"web": {"kind": "basic", "target": "app", "whoami": {"path": "/me", "user": "/user"}}},
                **keys,
            }
        )
        return look_for_strangers(Network.build(environment), environment, Pace().search())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One nginx for all tests here."""
    made = Stage(tmp_path_factory.mktemp("names"))
    command: list[str | Path] = [NGINX, "-e", made.folder / "error.log", "-p", made.folder, "-c", made.configuration]
    with running(command, made.ports["default"]):
        yield made


@pytest.mark.parametrize(
    "front", ["rejects", "closes", "refuses", "unavailable", "welcome", "leads home", "own certificate"]
)
def test_sound_default_hosts_pass(stage: Stage, front: str) -> None:
    """A refused handshake, a closed connection, an error, another page and the way home reach and reveal nothing."""
    looked = stage.look(front)

    assert looked.wrong == ()
    looked.require_complete()
    assert outcomes("ports", {"unknown_names": looked})["NET-016"] == "passed"


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("default", r"unknown Host and SNI reaches the application: .*/ \(200\), /me \(401\)"),
        ("shell", r"bare address without SNI reaches the application: .*/ \(200\)"),
        ("hidden reads", r"reaches the application: .*/me \(401\)"),
        ("other tenant", f"shown a certificate for {TENANT}"),
        ("leads to tenant", f"sent to {TENANT}"),
        ("tenant's cookie", f"given a cookie for {TENANT}"),
    ],
)
def test_faults_are_seen(stage: Stage, front: str, words: str) -> None:
    """The application as default host, also a single-page one, and every way to tell another tenant's name fail."""
    looked = stage.look(front)

    assert any(re.search(words, told) for told in looked.wrong), looked.wrong
    assert outcomes("ports", {"unknown_names": looked})["NET-016"] == "failed"


@pytest.mark.parametrize(
    ("front", "words"),
    [("limits", "429"), ("all refused", "refused alike"), ("broken", "answered 502")],
)
def test_what_tells_nothing_is_inconclusive(stage: Stage, front: str, words: str) -> None:
    """Limits, faults of the own name, and refusals that are the same for everybody prove nothing."""
    looked = stage.look(front)

    assert looked.wrong == ()
    with pytest.raises(ProbeError, match=words):
        looked.require_complete()
    assert outcomes("ports", {"unknown_names": looked})["NET-016"] == "inconclusive"


def test_a_dead_listener_is_inconclusive(stage: Stage) -> None:
    """Where nothing answers, nothing is proven."""
    environment = {"targets": [{"name": "app", "base_url": f"https://{NAME}:1", "addresses": ["127.0.0.1"]}]}

    with pytest.raises(ProbeError, match="no connection"):
        stage.look("rejects", **environment).require_complete()


def test_denied_key_of_the_default_host_stops_the_probe(stage: Stage) -> None:
    """A default virtual host with production's certificate is production."""
    with pytest.raises(DeniedByProduction):
        stage.look("refuses", deny={"production": {"spki": [stage.pin]}})


def test_addresses_only_is_inconclusive() -> None:
    """A target that is declared by its address is asked by it, so no control exists."""
    environment = Environment.model_validate(
        {"environment": {"id": "twin"}, "targets": [{"name": "app", "base_url": "https://127.0.0.1:1"}]}
    )

    with pytest.raises(ProbeError, match="declared by its address"):
        look_for_strangers(Network.build(environment), environment, Pace().search())


def test_likeness_survives_tokens_and_not_other_pages() -> None:
    """Two answers to one question differ by a token or the name that is echoed; another page differs by its words."""

    def page(host: str, words: str, **more: object) -> Answered:
        told = {"status": 200, "headers": (("content-type", "text/html"),), "body": words} | more
        return Answered(Asked("", host, "/login"), **told)  # type: ignore[arg-type]

    form = "<form method=post><input name=user><input name=password><input name=token value={}>at {}</form>"
    own = page("app.test", form.format("a1", "app.test"))

    assert alike(own, page("x.invalid:8443", form.format("b2", "x.invalid:8443")))
    assert not alike(own, page("x.invalid", "<title>Welcome to nginx!</title> it works, configure it to go on"))
    assert not alike(own, page("x.invalid", form.format("b2", "x"), status=404))
    assert not alike(Answered(Asked("", "a", "/")), Answered(Asked("", "a", "/")))
