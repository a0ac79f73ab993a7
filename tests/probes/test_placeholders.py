"""Text and XML bodies, placeholders in every declared path, header and body, and words for those without a value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagehold.environment.access import Account, Request
from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.access.isolation import foreign_reads, foreign_writes
from stagehold.probes.access.objects import CanaryObjects, Residue
from stagehold.probes.login.driver import LoginDriver, Sessions
from stagehold.probes.web.fill import fill, fill_path, flow_of
from tests.probes.xml_service import PASSWORD, XmlService, description

Serve = Callable[..., Any]


@pytest.fixture
def stage(serve_pages: Serve, tmp_path: Path) -> Callable[..., tuple[XmlService, CanaryObjects]]:
    """Starts the service with the given faults."""

    def start(*faults: str) -> tuple[XmlService, CanaryObjects]:
        service = XmlService(set(faults))
        served = serve_pages(service.page)
        environment = Environment.model_validate(description(f"http://127.0.0.1:{served.port}"))
        (tmp_path / "pw").write_text(PASSWORD)
        driver = LoginDriver(environment, Network.build(environment), tmp_path, None)
        objects = CanaryObjects(environment, Sessions(driver), Residue(tmp_path / "residue.jsonl"), run="20261201-abcd")
        return service, objects

    return start


def test_objects_are_made_and_judged_in_xml_and_text(stage: Any) -> None:
    """A sound service that speaks XML and text below a path of each person is judged, and nothing stays behind."""
    service, objects = stage()
    for fixture in objects.environment.fixtures:
        reads = foreign_reads(objects, fixture, None)
        assert reads.attacks
        assert not reads.granted
        reads.require_decided()
        writes = foreign_writes(objects, fixture)
        assert not writes.granted
        writes.require_decided()
    objects.remove_all()

    assert service.notes == {}
    assert set(service.kinds) == {"application/xml; charset=utf-8", "text/csv"}


@pytest.mark.parametrize("fault", ["leak-read", "leak-write"])
def test_faults_of_an_xml_service_are_seen(stage: Any, fault: str) -> None:
    """What another company reads or changes is found in XML as it is in JSON."""
    _, objects = stage(fault)
    note = objects.environment.fixtures[0]
    report = foreign_reads(objects, note, None) if fault == "leak-read" else foreign_writes(objects, note)

    assert {attack.attacker for attack in report.granted} == {"bert", "bea"}


def test_values_are_written_as_each_place_needs_them() -> None:
    """Percent-encoded in paths, escaped in XML, typed in JSON, as they are in text; doubled braces are braces."""
    values = {"user": "a&b <c>/d", "id": 7}
    request = Request(
        method="POST",
        path="/p/{user}?x={id}",
        json={"id": "{id}", "text": "{{id}} of {user}", "list": [{"n": "{id}"}]},
        headers={"X-Who": "{user}"},
        page="/p/{user}/form",
    )
    filled = fill(request, values)

    assert filled.path == "/p/a%26b%20%3Cc%3E%2Fd?x=7"
    assert filled.json == {"id": 7, "text": "{id} of a&b <c>/d", "list": [{"n": 7}]}
    assert filled.headers == {"X-Who": "a&b <c>/d"}
    assert filled.page == "/p/a%26b%20%3Cc%3E%2Fd/form"
    xml = fill(Request(method="PUT", path="/p", xml="<a by='{user}'>{user}</a>"), values)
    assert xml.raw == b"<a by='a&amp;b &lt;c&gt;/d'>a&amp;b &lt;c&gt;/d</a>"
    text = fill(Request(method="PUT", path="/p", text="{user};{{user}}"), values)
    assert text.raw == b"a&b <c>/d;{user}"
    assert fill(Request(method="PUT", path="/p", json=["{id}"]), values).json == [7]


@pytest.mark.parametrize(
    "request_",
    [
        Request(path="/p/{id}/{missing}"),
        Request(method="POST", path="/p/{id}", json={"a": [{"b": "x{missing}"}]}),
        Request(method="POST", path="/p/{id}", form={"a": "{missing}"}),
        Request(method="POST", path="/p/{id}", text="{missing}"),
        Request(method="POST", path="/p/{id}", xml="<a>{missing}</a>"),
        Request(path="/p/{id}", headers={"X": "{missing}"}),
    ],
    ids=["path", "json", "form", "text", "xml", "headers"],
)
def test_a_placeholder_without_a_value_is_named(request_: Request) -> None:
    """Nothing is sent; the words say which placeholder of which operation, and what there is."""
    with pytest.raises(ProbeError) as raised:
        fill(request_, {"id": 7})

    assert str(raised.value) == f"{{missing}} of {request_.method} {request_.path} gets no value"
    assert "{id}" in raised.value.remedy


def test_paths_of_other_peoples_descriptions_keep_their_own_names() -> None:
    """An OpenAPI path is filled with what is known."""
    assert fill_path("/a/{id}/{other}", {"id": "x/y"}, left=True) == "/a/x%2Fy/{other}"


def test_pages_of_a_login_take_the_account() -> None:
    """`whoami`, the login page and the page with the logout form are each person's own."""
    document = {
        **description("http://127.0.0.1:9"),
        "fixtures": [],
        "flows": {
            "basic": {
                "kind": "form",
                "target": "api",
                "page": "/{company}/login",
                "logout_page": "/u/{alias}",
                "whoami": {"path": "/u/{user}", "user": "/name"},
            }
        },
    }
    environment = Environment.model_validate(document)
    account: Account = environment.accounts[0]
    flow = flow_of(environment.flows["basic"], account)

    assert flow.whoami.path == "/u/anna%20%26%20co"
    assert getattr(flow, "page", "") == "/A/login"
    assert getattr(flow, "logout_page", "") == "/u/anna"
