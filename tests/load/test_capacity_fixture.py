"""From environment to outcome: sessions, the deny list, the service's own books, and the check itself."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from stagehold.capacity import assess
from stagehold.environment.load_plan import LoadBooks, Slo
from stagehold.environment.model import Environment, Target
from stagehold.errors import ProbeError
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.plugin.load import LoadTest, _differences, _headers, _is_denied
from tests.load.orders import order, request
from tests.load.results import LIMIT, cell, load_run

TARGET = Target(name="web", base_url="https://web.test/app")


@dataclass
class Response:
    """What a books request answers."""

    status_code: int
    document: Any

    def json(self) -> Any:
        if isinstance(self.document, Exception):
            raise self.document
        return self.document


@dataclass
class Person:
    """Stands for a logged-in session; the login itself has tests of its own."""

    headers: dict[str, str] = field(default_factory=lambda: {"Cookie": "session=1"})
    target: Target = TARGET
    answer: Response = field(default_factory=lambda: Response(200, {"debit": "0.00", "balanced": True}))

    def auth_headers(self) -> dict[str, str]:
        return self.headers

    def request(self, method: str, path: str, *, target: Target) -> Response:
        assert (method, path, target) == ("GET", "/books", TARGET)
        return self.answer


def sessions(person: Person) -> Any:
    """A cache that gives that person for every alias."""
    return cast("Any", type("Cache", (), {"of": lambda _self, _alias: person})())


BOOKS = LoadBooks(path="/books", account="a", expect={"/debit": "0.00", "/balanced": True})


def test_books_that_balance_have_no_differences() -> None:
    """Every declared pointer holds the declared value."""
    assert _differences(BOOKS, sessions(Person()), TARGET) == ()


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"debit": "0.01", "balanced": True}, "/debit is '0.01'"),
        ({"debit": "0.00", "balanced": 1}, "/balanced is 1"),
        ({"balanced": True}, "/debit is None"),
    ],
)
def test_books_that_do_not_balance_are_named(document: dict[str, Any], pointer: str) -> None:
    """A wrong, missing or merely similar value is a difference."""
    (difference,) = _differences(BOOKS, sessions(Person(answer=Response(200, document))), TARGET) or ()
    assert pointer in difference


def test_nothing_found_is_never_what_was_expected() -> None:
    """A pointer that leads nowhere differs even from a declared null."""
    books = LoadBooks(path="/books", account="a", expect={"/nowhere": None})
    assert _differences(books, sessions(Person()), TARGET)


@pytest.mark.parametrize("answer", [Response(503, {}), Response(200, ValueError("no JSON"))])
def test_books_that_cannot_be_read_prove_nothing(answer: Response) -> None:
    """An error or a page instead of the books is inconclusive."""
    with pytest.raises(ProbeError, match="books"):
        _differences(BOOKS, sessions(Person(answer=answer)), TARGET)


def test_a_cookie_is_not_sent_to_another_host() -> None:
    """A cookie session of one host is refused for a load on another; a token is not."""
    elsewhere = Target(name="api", base_url="https://api.test")
    with pytest.raises(ProbeError, match=r"cookie of web\.test"):
        _headers(sessions(Person()), "a", elsewhere)
    token = Person(headers={"Authorization": "Bearer x"})
    assert _headers(sessions(token), "a", elsewhere) == {"Authorization": "Bearer x"}
    with pytest.raises(ProbeError, match="nothing that authenticates"):
        _headers(sessions(Person(headers={})), "a", TARGET)


@pytest.mark.parametrize(
    ("denied", "method", "path", "expected"),
    [
        ("DELETE /invoices/{id}", "DELETE", "/invoices/17", True),
        ("* /invoices/{id}", "GET", "/invoices/{canary}", True),
        ("POST /app/pay", "POST", "/pay", True),
        ("POST /pay/", "POST", "/pay", True),
        ("DELETE /invoices/{id}", "GET", "/invoices/17", False),
        ("GET /invoices/{id}", "GET", "/invoices/17/lines", False),
    ],
)
def test_denied_operations_are_recognised_in_concrete_paths(
    denied: str, method: str, path: str, expected: bool
) -> None:
    """`deny.operations` holds templates; the load sends concrete paths."""
    environment = Environment.model_validate(
        {
            "environment": {"id": "x"},
            "targets": [{"name": "web", "base_url": TARGET.base_url}],
            "deny": {"operations": [denied]},
        }
    )
    assert _is_denied(method, path, environment, TARGET) is expected


@pytest.fixture(scope="module")
def suite() -> ModuleType:
    """The file of the check, imported as pytest would."""
    path = Path(__file__).resolve().parents[2] / "suites" / "load" / "test_capacity.py"
    spec = importlib.util.spec_from_file_location("suite_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_test(per_second: int, slow: int, books: tuple[str, ...] | None = None) -> LoadTest:
    """What the fixture gives for twenty seconds of these counts."""
    slo = Slo(p95_ms={"default": LIMIT}, error_rate=0.02)
    whole = order("https://web.test", None, [request("page")], slo=slo)
    run = load_run(whole, [cell("page", second, per_second, slow=slow) for second in range(20)])
    return LoadTest(whole, run, assess(run, slo, 20), books)


def late(test: LoadTest) -> LoadTest:
    """The same run by a generator whose requests left 70 ms late."""
    worker = test.run.workers[0]
    health = worker.health.model_copy(update={"lag_p99_ms": 70.0})
    workers = (worker.model_copy(update={"health": health}),)
    return replace(test, run=test.run.model_copy(update={"workers": workers}))


def recorder(folder: Path) -> EvidenceRecorder:
    """A recorder as the plug-in makes it."""
    return EvidenceRecorder(folder, "load", "LOD-001", "")


def test_the_check_passes_what_is_proven_and_attaches_its_evidence(suite: ModuleType, tmp_path: Path) -> None:
    """A fast service passes, with summary, tables, drawing and the engine's result as evidence."""
    evidence = recorder(tmp_path)
    suite.test_declared_load_is_carried(load_test(20, 0), evidence)
    assert [item.name for item in evidence.items] == [
        "summary",
        "requests",
        "latency over time",
        "counters",
        "result of the engine",
    ]
    assert "every objective held" in evidence.observed


def test_the_check_fails_what_is_refuted(suite: ModuleType, tmp_path: Path) -> None:
    """A slow endpoint is an assertion with its numbers."""
    with pytest.raises(AssertionError, match="page: 95% answered right within 250 ms: 160 of 400 bad"):
        suite.test_declared_load_is_carried(load_test(20, 8), recorder(tmp_path))


def test_slowness_of_a_late_generator_is_not_the_services(suite: ModuleType, tmp_path: Path) -> None:
    """A missed limit is inconclusive where the generator itself was late; errors stay errors."""
    slow = late(load_test(20, 8))
    with pytest.raises(ProbeError, match="70 ms late or later"):
        suite.test_declared_load_is_carried(slow, recorder(tmp_path))
    with pytest.raises(AssertionError, match="books at"):
        suite.test_declared_load_is_carried(replace(slow, books=("books at /b",)), recorder(tmp_path))
    suite.test_declared_load_is_carried(late(load_test(20, 0)), recorder(tmp_path))


def test_the_check_fails_for_books_out_of_balance(suite: ModuleType, tmp_path: Path) -> None:
    """Speed does not make up for books that do not balance."""
    with pytest.raises(AssertionError, match="books at"):
        suite.test_declared_load_is_carried(load_test(20, 0, ("books at /b: /d is 1",)), recorder(tmp_path))


def test_books_that_cannot_be_read_hide_no_failure(suite: ModuleType, tmp_path: Path) -> None:
    """Unreadable books make a good run inconclusive and leave a refuted one failed."""
    unread: Any = {"books": None, "books_problem": "the service's books could not be read"}
    with pytest.raises(ProbeError, match="could not be read"):
        suite.test_declared_load_is_carried(replace(load_test(20, 0), **unread), recorder(tmp_path))
    with pytest.raises(AssertionError, match="160 of 400"):
        suite.test_declared_load_is_carried(replace(load_test(20, 8), **unread), recorder(tmp_path))


def test_the_check_is_inconclusive_about_what_is_neither(suite: ModuleType, tmp_path: Path) -> None:
    """At the limit itself there is neither a pass nor a failure."""
    with pytest.raises(ProbeError, match="too little evidence"):
        suite.test_declared_load_is_carried(load_test(20, 1), recorder(tmp_path))
