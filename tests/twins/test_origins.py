"""Direct requests to origins, on nginx: which answers are refusals, and which let people past the CDN."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import NotAllowed, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.network.pace import Pace
from stagehold.probes.ports.origins import Origins, ask_origins
from tests.free_ports import free_port
from tests.probes.judged import outcomes
from tests.probes.pki import Authority, write_chain
from tests.probes.tls_servers import fresh_address
from tests.strangers.stage import NGINX
from tests.twins.web_stage import running

NAME = "app.twin.test"
APP = "root ROOT; location = /me { return 401 'who are you?'; }"
# What stands in the block of each origin.
ORIGINS = {
    "open": APP,
    "knows its pages": "location = /me { return 401; } location / { return 404; }",
    "moved": "return 301 https://app.twin.test$request_uri;",
    "welcome": "root ROOT/welcome;",
    "client certificate": f"ssl_client_certificate CA; ssl_verify_client on; {APP}",
    "closes": "return 444;",
    "forbids": "deny all; root ROOT;",
    "misdirected": "return 421;",
    "broken": "return 502;",
    "limits": "return 429;",
    "half closed": "location = /me { return 200 'in'; } location / { return 502; }",
}


class Stage:
    """One nginx: the public address, and each origin at an address of its own on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority.create()
        chain, key = write_chain(folder, authority.leaf(NAME), authority.intermediate)
        self.port, self.plain, self.wall = free_port(), free_port(), free_port()
        self.addresses = {name: fresh_address() for name in ORIGINS}
        self.plain_open = fresh_address()
        for path in ("root/index.html", "root/welcome/index.html"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(f"<title>{path}</title>")
        secure = f"ssl_certificate {chain}; ssl_certificate_key {key};"
        servers = [
            f"server {{ listen 127.0.0.1:{self.port} ssl; {secure} {APP} }}",
            f"server {{ listen 127.0.0.1:{self.wall} ssl; {secure} return 403; }}",
            f"server {{ listen {self.addresses['forbids']}:{self.wall} ssl; {secure} return 403; }}",
            f"server {{ listen {self.plain_open}:{self.plain}; return 301 https://$host$request_uri; }}",
            *(
                f"server {{ listen {self.addresses[name]}:{self.port} ssl; {secure} {text} }}"
                for name, text in ORIGINS.items()
            ),
        ]
        temporary = " ".join(
            f"{kind}_temp_path {folder}/t-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = "\n".join(servers).replace("ROOT", str(folder / "root"))
        self.configuration = folder / "nginx.conf"
        self.configuration.write_text(
            f"{'user root; ' if os.geteuid() == 0 else ''}daemon off; pid {folder}/pid; worker_processes 1;\n"
            f"events {{}}\nhttp {{ access_log off; {temporary} types {{ text/html html; }} default_type text/plain;\n"
            f"{text.replace('CA;', f'{authority.ca_file(folder)};')}\n}}\n"
        )

    def environment(self, *origins: str, port: int = 0, **keys: Any) -> Environment:
        """The target, with these addresses behind it."""
        target = {
            "name": "app", "kind": "api", "base_url": f"https://{NAME}:{port or self.port}",
            "addresses": ["127.0.0.1"], "origin_addresses": origins, **keys,
        }  # fmt: skip
        flows = {"web": {"kind": "basic", "target": "app", "whoami": {"path": "/me", "user": "/user"}}}
        return Environment.model_validate({"environment": {"id": "twin"}, "targets": [target], "flows": flows})

    def look(self, *origins: str, **keys: Any) -> Origins:
        """As the fixture `origins`."""
        environment = self.environment(*origins, **keys)
        return ask_origins(Network.build(environment), environment, Pace().search())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One nginx for all tests here."""
    made = Stage(tmp_path_factory.mktemp("origins"))
    command: list[str | Path] = [NGINX, "-e", made.folder / "error.log", "-p", made.folder, "-c", made.configuration]
    with running(command, made.port):
        yield made


def judged(origins: Origins) -> str:
    """What the check says."""
    return outcomes("ports", {"origins": origins})["NET-011"]


@pytest.mark.parametrize("origin", ["client certificate", "closes", "forbids", "misdirected"])
def test_refusals_pass(stage: Stage, origin: str) -> None:
    """A demand for a client certificate, a closed connection, 403 and 421 for everything are refusals."""
    assert judged(stage.look(stage.addresses[origin])) == "passed"


def test_closed_port_passes(stage: Stage) -> None:
    """A port that refuses connections is closed, by whatever closes it."""
    looked = stage.look(fresh_address())

    assert [item.closed for item in looked.seen] == ["refuses connections"]
    assert judged(looked) == "passed"


def test_silence_passes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that drops is believed after the second connection that nobody answers."""
    silent = fresh_address()
    dialled: list[str] = []
    create = socket.create_connection

    def drop(address: tuple[str, int], *rest: Any, **named: Any) -> socket.socket:
        if address[0] == silent:
            dialled.append(address[0])
            raise TimeoutError
        return create(address, *rest, **named)

    monkeypatch.setattr(socket, "create_connection", drop)
    looked = stage.look(silent)

    assert judged(looked) == "passed"
    assert dialled == [silent, silent]


def test_dead_route_is_inconclusive(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no packet can go, nobody has refused anything."""
    nowhere = fresh_address()
    create = socket.create_connection

    def lost(address: tuple[str, int], *rest: Any, **named: Any) -> socket.socket:
        if address[0] == nowhere:
            raise OSError(113, "No route to host")
        return create(address, *rest, **named)

    monkeypatch.setattr(socket, "create_connection", lost)

    assert judged(stage.look(nowhere)) == "inconclusive"


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("open", r"/ with status 200, /me with status 401"),
        ("knows its pages", r"/ with status 404, /me with status 401"),
        ("moved", r"/ with status 301"),
        ("welcome", r"/ with status 200"),
        ("half closed", r"/me with status 200"),
    ],
)
def test_answers_fail(stage: Stage, origin: str, words: str) -> None:
    """The application, also where it only asks for a login, a redirect, another site and half a fault are answers."""
    looked = stage.look(stage.addresses[origin])

    assert re.search(words, looked.wrong[0])
    assert judged(looked) == "failed"


@pytest.mark.parametrize(("origin", "words"), [("broken", "answers 502"), ("limits", "answers 429")])
def test_faults_and_limits_are_inconclusive(stage: Stage, origin: str, words: str) -> None:
    """What may be gone in a minute refuses nobody."""
    looked = stage.look(stage.addresses[origin])

    assert judged(looked) == "inconclusive"
    with pytest.raises(ProbeError, match=words):
        looked.require_complete()


def test_one_open_origin_among_many_fails(stage: Stage) -> None:
    """Every declared address is asked; the open one is named."""
    looked = stage.look(stage.addresses["closes"], stage.addresses["open"])

    assert len(looked.seen) == 2
    assert stage.addresses["open"] in "; ".join(looked.wrong)
    assert stage.addresses["closes"] not in "; ".join(looked.wrong)


def test_plain_port_of_the_origin_counts(stage: Stage) -> None:
    """An origin that is closed on 443 and redirects on its plain port answers."""
    looked = stage.look(stage.plain_open, http_port=stage.plain)

    assert judged(looked) == "failed"
    assert f"port {stage.plain}" in looked.wrong[0]


def test_wall_before_everybody_is_inconclusive(stage: Stage) -> None:
    """Where the public address refuses every path alike, a refusal of the origin says nothing."""
    assert judged(stage.look(stage.addresses["forbids"], port=stage.wall)) == "inconclusive"


def test_dead_public_address_is_inconclusive(stage: Stage) -> None:
    """Without a control, a closed origin says nothing."""
    assert judged(stage.look(fresh_address(), port=free_port())) == "inconclusive"


def test_public_address_is_no_origin(stage: Stage) -> None:
    """When the name itself leads to the origin, nothing stands before it."""
    environment = stage.environment("127.0.0.1")

    with pytest.raises(ProbeError, match=r"leads to 127\.0\.0\.1"):
        ask_origins(Network.build(environment), environment, Pace().search())


def test_nothing_declared_is_uncovered(stage: Stage) -> None:
    """Without an origin there is nothing to ask, and nothing is proven."""
    with pytest.raises(Uncovered, match="origin_addresses"):
        stage.look()


def test_origins_are_on_the_allow_list_with_their_ports_only(stage: Stage) -> None:
    """The plan shows each origin; any other port of it stays out of bounds."""
    address = stage.addresses["open"]
    network = Network.build(stage.environment(address))

    assert [(e.host, e.port, e.purpose) for e in network.entries if e.host == address] == [
        (address, stage.port, "origin of target app")
    ]
    with pytest.raises(NotAllowed):
        network.dial(address, stage.port + 1)
