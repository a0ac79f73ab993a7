"""What a witness says of where a vantage stands: the declared place, another one, nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stagehold.environment.model import Environment, Vantage
from stagehold.errors import NotAllowed, ProbeError, StageholdError
from stagehold.network.door import Network
from stagehold.probes.ports.agents import HERE, Agent
from stagehold.probes.ports.survey import Survey
from stagehold.probes.ports.witness import address_told, require_witness
from tests.free_ports import free_port

Serve = Callable[..., Any]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7\n", "203.0.113.7"),
        ('{"origin": "203.0.113.7"}', "203.0.113.7"),
        ('{"ip":"2001:db8::7","port":54321}', "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("fd00::", "fd00::"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("You come from 203.0.113.7.", "203.0.113.7"),
        ('{"origin": "203.0.113.7, 203.0.113.7"}', "203.0.113.7"),
        ('{"origin": "10.0.0.1, 203.0.113.7"}', None),
        ("", None),
        ("<h1>Sign in</h1>", None),
        ("999.0.0.1", None),
    ],
)
def test_the_one_address_in_an_answer_counts(text: str, address: str | None) -> None:
    """Plain, in a sentence or in JSON, of both families; a proxy's list of two is no testimony."""
    assert address_told(text) == address


def described(url: str, *egress: str) -> Environment:
    return Environment.model_validate(
        {
            "environment": {"id": "t"},
            "targets": [{"name": "app", "base_url": "http://127.0.0.1:1"}],
            "hosts": [{"name": "app", "ipv4": ["127.0.0.1"]}],
            "vantage": {"external": {"witness": url, "egress": list(egress)}},
        }
    )


def require(environment: Environment, agent: Agent = HERE) -> None:
    require_witness(agent, environment.vantage["external"], Network.build(environment), None)


def test_what_the_witness_sees_must_be_declared(serve_pages: Serve) -> None:
    """One of the declared addresses is enough; any other says that the vantage stands elsewhere."""
    url = f"http://127.0.0.1:{serve_pages(lambda *_: (200, {}, '203.0.113.7')).port}/ip"
    require(described(url, "198.51.100.1", "203.0.113.7"))
    with pytest.raises(
        ProbeError, match=r"not where it claims to be.* sees 203\.0\.113\.7, declared is 198\.51\.100\.1"
    ):
        require(described(url, "198.51.100.1"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [((200, {}, "who knows"), "tells no address"), ((403, {}, "203.0.113.7"), "answers 403"), (None, "refused")],
)
def test_a_witness_that_says_nothing_is_none(serve_pages: Serve, answer: Any, words: str) -> None:
    """Silence, refusals and pages about something else prove no place."""
    port = serve_pages(lambda *_: answer).port if answer else free_port()
    with pytest.raises(ProbeError, match=words):
        require(described(f"http://127.0.0.1:{port}", "203.0.113.7"))


def test_elsewhere_curl_asks(tmp_path: Path) -> None:
    """An agent runs it there; its answer is judged like ours, and its failure is told."""
    fake = Agent(
        "external", (sys.executable, "-c", "import sys; print('203.0.113.7'); sys.exit('curl' not in sys.argv)")
    )
    require(described("http://127.0.0.1:9", "203.0.113.7"), fake)
    with pytest.raises(ProbeError, match="not where it claims"):
        require(described("http://127.0.0.1:9", "203.0.113.8"), fake)
    broken = Agent("external", (sys.executable, "-c", "import sys; sys.exit('no route')"))
    with pytest.raises(ProbeError, match="cannot be asked from vantage `external`: no route"):
        require(described("http://127.0.0.1:9", "203.0.113.7"), broken)


def test_nothing_is_scanned_from_the_wrong_place(serve_pages: Serve, tmp_path: Path) -> None:
    """The survey of ports asks before it scans, once when it is content and again when it is not."""
    asked: list[str] = []

    def serve(_: str, path: str, __: str, ___: bytes) -> tuple[int, dict[str, str], str]:
        asked.append(path)
        return 200, {}, "203.0.113.7"

    url = f"http://127.0.0.1:{serve_pages(serve).port}/me"
    for egress, times in (("203.0.113.7", 1), ("203.0.113.8", 2)):
        asked.clear()
        environment = described(url, egress)
        survey = Survey(Network.build(environment), environment, tmp_path)
        try:
            for _ in range(2):
                if egress == "203.0.113.7":
                    survey.agent("external")
                else:
                    with pytest.raises(ProbeError, match="claims to be"):
                        survey.tcp(environment.hosts[0])
        finally:
            survey.close()
        assert asked == ["/me"] * times


def test_a_witness_belongs_to_the_environment() -> None:
    """It is in the allow-list by being declared, refused when it is production, and needs addresses to see."""
    url = "http://127.0.0.2:9"
    stranger = described("http://127.0.0.1:9", "203.0.113.7")
    with pytest.raises(NotAllowed):
        require_witness(HERE, Vantage(witness=url, egress=("203.0.113.7",)), Network.build(stranger), None)
    denied = described(url, "203.0.113.7").model_dump(mode="json", by_alias=True)
    denied["deny"]["production"]["cidrs"] = ["127.0.0.2/32"]
    with pytest.raises(StageholdError, match="production"):
        require(Environment.model_validate(denied))
    with pytest.raises(ValidationError, match="needs `egress`"):
        Vantage(witness=url)
