"""One drawing of each kind, from facts with something wrong in them; texts can be replaced by an attack."""

from __future__ import annotations

import math
from collections.abc import Callable

from stagehold.drawing import Drawing
from stagehold.drawing.certificate_ladder import Rung, certificate_ladder
from stagehold.drawing.heat_map import Access, Operation, access_heat_map
from stagehold.drawing.latency import Requests, Second, latency_over_time
from stagehold.drawing.port_matrix import PortSeen, port_matrix
from stagehold.drawing.protocol_grid import VersionSeen, Wanted, protocol_grid

Text = Callable[[str], str]


def plain(text: str) -> str:
    return text


def heat_map(say: Text = plain, *, roles: int = 3, operations: int = 6) -> Drawing:
    """Everything as declared but one leak and one wrong refusal in the last two operations."""
    names = [say(f"role {number}") for number in range(roles)]
    quiet = [Access.GRANTED if number % 2 else Access.DENIED for number in range(roles)]
    rows = [Operation(say(f"GET /api/things/{number}"), tuple(quiet), say("things")) for number in range(operations)]
    rows[-1] = Operation(say("DELETE /api/last"), (Access.LEAK, *quiet[1:]))
    rows[-2] = Operation(say("GET /api/refused"), (*quiet[:-1], Access.LOCKED_OUT))
    rows[-3] = Operation(say("GET /api/unclear"), (Access.UNDECIDED, Access.NOT_TESTED, *quiet[2:]))
    return access_heat_map(names, rows)


def ports(say: Text = plain) -> Drawing:
    """A database open, the web port closed, one port not known, forty others closed as they should be."""
    place = say("web 192.0.2.7")
    return port_matrix(
        [
            PortSeen(place, 443, "closed", expected_open=True, name=say("https")),
            PortSeen(place, 80, "open", expected_open=True, name=say("http")),
            PortSeen(place, 5432, "open", expected_open=False, name=say("PostgreSQL"), kind="database"),
            PortSeen(place, 8443, say("no answer"), expected_open=False),
            *(PortSeen(place, 9000 + n, "filtered", expected_open=False, kind=say("management")) for n in range(40)),
        ]
    )


def protocols(say: Text = plain) -> Drawing:
    """TLS 1.1 accepted at one of two addresses, TLS 1.3 refused there, SSL 3.0 not known."""
    answers = []
    for address in ("192.0.2.7", "2001:db8::7"):
        bad = ":" in address
        for version, accepted, wanted in (
            ("SSL 3.0", None if bad else False, Wanted.REFUSED),
            ("TLS 1.1", bad, Wanted.REFUSED),
            ("TLS 1.2", True, Wanted.EITHER),
            ("TLS 1.3", not bad, Wanted.ACCEPTED),
        ):
            answers.append(VersionSeen(say("app.test:443"), version, accepted, wanted, say(address)))
    return protocol_grid(answers)


def ladder(say: Text = plain) -> Drawing:
    """A leaf that ends soon, signed by an intermediate that is out of date, which the anchor did not sign."""
    return certificate_ladder(
        [
            Rung(
                *(say("CN=app.test"), say("CN=Issuing"), say("EC secp256r1"), say("with SHA256")),
                *("2026-01-01", "2026-04-01", 20.5, 90.0),
                names=(say("app.test"), say("www.app.test")),
                needed_days=30,
                problems=(say("ends too soon"),),
                signed_by_next=True,
            ),
            Rung(
                *(say("CN=Issuing"), say("CN=Root"), say("RSA 2048"), say("with SHA256")),
                *("2020-01-01", "2026-01-01", -3.2, 2190.0),
                problems=(say("is out of date"),),
                signed_by_next=False,
            ),
            Rung(
                *(say("CN=Root"), say("CN=Root"), say("RSA 4096"), say("with SHA256")),
                *("2020-01-01", "2040-01-01", 5000.0, 7300.0),
                served=False,
            ),
        ]
    )


def latency(say: Text = plain) -> Drawing:
    """One fast request, and one that goes over its limit and fails in one second."""
    fast = tuple(Second(n, {0.5: 10.0, 0.95: 20.0, 0.99: 30.0}, 5, 5) for n in range(-3, 20))
    slow = tuple(
        Second(n, {0.5: 40.0, 0.95: 600.0 if n > 9 else 90.0, 0.99: math.inf}, 5, 4 if n == 12 else 5)
        for n in range(-3, 20)
    )
    return latency_over_time(
        [
            Requests(say("GET /fast"), fast, {0.95: 250.0}, {0.95: 20.0}),
            Requests(say("GET /slow"), slow, {0.95: 250.0, 0.99: 800.0}, {0.95: 600.0, 0.99: math.inf}),
        ],
        rate=10,
    )


DRAWINGS: dict[str, Callable[[Text], Drawing]] = {
    "heat map": heat_map,
    "ports": ports,
    "protocols": protocols,
    "ladder": ladder,
    "latency": latency,
}
