"""Requests that make a target show its errors: missing, malformed, mistyped, oversized; and what is told then.

Nothing here can change data: reading operations get values of the wrong type, writing ones bodies that no parser
takes, and those only where `canary-write` traffic is consented to.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from stagehold.environment.access import BasicFlow, FormFlow
from stagehold.environment.model import Environment, Target
from stagehold.environment.placeholders import person_values
from stagehold.errors import ProbeError
from stagehold.network.pace import Asking, Search
from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.operations import Operations, build_call
from stagehold.probes.access.oracle import interference
from stagehold.probes.web.fill import fill, flows_of
from stagehold.probes.web.leaks import Leak, correlation_id, find_leaks
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.sampling import ENDS_SESSION, Samples
from stagehold.probes.web.survey import Judged, Survey
from stagehold.probes.web.visitor import ANONYMOUS, Visitor

MOST_MISTYPED = 10
MOST_MALFORMED = 5
_LARGE = 1_500_000
_LONG = 9_000
_HUGE_NUMBER = "9" * 20
_MISTYPED = (_HUGE_NUMBER, "stagehold'\"", "a\x00b", "-1")
_JSON = {"Content-Type": "application/json"}
_UNREADABLE = b'{"stagehold": [1, '
_INTERNAL = 500
_NOT_READY = {502, 503, 504}


@dataclass(frozen=True)
class Provocation:
    """One request that should end in an error."""

    what: str
    method: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)
    by_parser: bool = False
    """What stands in front may refuse it, or hang up, before the service sees it."""


def provoke(
    environment: Environment,
    target: Target,
    who: Sequence[Visitor],
    operations: Operations | None,
    *,
    seen: Samples,
    writing: bool,
    within: Search,
) -> Survey:
    """Send the battery and judge what the answers tell.

    Args:
        environment: names logins, private pages and the hook that forces an internal error.
        target: where.
        who: a stranger first.
        operations: the inventory, whose parameters get values of the wrong type.
        seen: ordinary responses; where none of them is good, errors tell nothing about the service.
        writing: whether unreadable bodies may be sent to operations that write.
        within: how fast, and for how long.

    Returns:
        Every answer with what it tells; gaps are what no answer of the service was seen for.
    """
    known = frozenset(name for other in environment.targets for name in (other.host, *other.names, *other.addresses))
    told = [reply for reply in seen.replies if reply.succeeded and (reply.is_html or _is_text(reply))]
    ordinary = frozenset(leak for reply in told for leak in find_leaks(reply, known))
    own = operations if operations is not None and operations.target.base_url == target.base_url else None
    replies: list[Reply] = []
    gaps: list[str] = []
    judged: list[Judged] = []
    batteries = [(visitor, _battery(environment, target, visitor, own, writing=writing)) for visitor in who]
    within.expect(sum(len(battery) for _, battery in batteries))
    for visitor, battery in batteries:
        first: Reply | None = None
        last: Reply | None = None
        for item, reply in _send_all(visitor, battery, within):
            if isinstance(reply, ProbeError):
                gaps += [] if item.by_parser else [f"{item.what} as {visitor.name}: {reply}"]
                continue
            replies.append(reply)
            judged.append(_judge(reply, known, ordinary))
            if blocked := "" if item.by_parser or reply.status == _INTERNAL else interference(reply.answer):
                gaps += [] if reply.status == 501 else [f"{reply}: {blocked}"]  # noqa: PLR2004 - an answer of its own
            first, last = first or reply, reply if item is battery[-1] else None
        if first is not None and last is not None and last.status != first.status:
            gaps.append(f"a missing page got {first.status} at first and {last.status} at the end")
    gaps += [left] if (left := within.unasked()) else []
    return Survey(Samples(target.name, tuple(replies), tuple(gaps)), tuple(judged), unproven=_unproven(replies, seen))


def _battery(
    environment: Environment, target: Target, visitor: Visitor, operations: Operations | None, *, writing: bool
) -> list[Provocation]:
    missing = f"/not-there-{secrets.token_hex(6)}"
    return [
        *_anywhere(missing),
        *((*_malformed(missing), *_at_logins(environment, target)) if visitor.name == ANONYMOUS else ()),
        *_forced(environment, target, visitor.name, writing=writing),
        *_at_operations(operations, environment, visitor.name, writing=writing),
        Provocation("page that does not exist, at the end", "GET", missing),
    ]


def _send_all(
    visitor: Visitor, battery: Sequence[Provocation], within: Search
) -> Iterator[tuple[Provocation, Reply | ProbeError]]:
    """The first and the last alone, for they are compared; what has a body alone, too: it is sent once only."""

    def send(item: Provocation) -> Reply:
        return visitor.ask(item.what, item.path, method=item.method, **item.options)

    def kind(reply: Reply) -> Hashable:
        return reply.status, reply.media_type

    held = visitor.holds()
    known: set[Hashable] = set()
    first, last = battery[0], battery[-1]
    for alone, items in groupby(battery, lambda item: item in (first, last) or item.by_parser or item.method != "GET"):
        together = not alone and visitor.holds() == held
        pause = _no_pause if alone else Reply.pause
        asking = Asking(send, pause, kind, let_go=visitor.let_go, together=together, known=known)
        yield from within.ask_all(visitor.target.base_url, list(items), asking)
    visitor.let_go()


def _no_pause(_: Reply) -> None:
    return None


def _judge(reply: Reply, known: frozenset[str], ordinary: frozenset[Leak]) -> Judged:
    """What a good page tells without any provocation, such as a manual's example of a trace, is no answer to one."""
    spared = ordinary if reply.succeeded else frozenset[Leak]()
    complaints = [f"tells {leak}" for leak in find_leaks(reply, known) if leak not in spared]
    named = correlation_id(reply)
    if reply.status == _INTERNAL and not named:
        complaints.append("an internal error without a correlation id")
    return Judged(reply, named, tuple(complaints))


def _is_text(reply: Reply) -> bool:
    return reply.media_type == "text/plain" or reply.media_type.endswith("json")


def _unproven(replies: Sequence[Reply], seen: Samples) -> str:
    if not any(reply.succeeded for reply in seen.replies):
        return "none of its ordinary pages answers 2xx, so what its errors look like says nothing about the service"
    if any(reply.status >= 400 and reply.status not in _NOT_READY for reply in replies):  # noqa: PLR2004
        return ""
    return (
        f"none of {len(replies)} requests was answered with an error (statuses {sorted({r.status for r in replies})})"
    )


def _anywhere(missing: str) -> Iterator[Provocation]:
    """What any HTTP service has to cope with."""
    yield Provocation("page that does not exist", "GET", missing)
    yield Provocation("file that does not exist", "GET", f"{missing}.php")
    yield Provocation("method that does not exist", "PROPFIND", "/")
    yield Provocation("values of the wrong type", "GET", f"/?id={_HUGE_NUMBER}&page=%27%22&q[]=1&lang=%00")
    yield Provocation("over-long address", "GET", "/" + "a" * _LONG, by_parser=True)


def _malformed(missing: str) -> Iterator[Provocation]:
    """Request-targets that are none; whether somebody is logged in is asked later than this."""
    yield Provocation("malformed escape", "GET", "/", {"raw_target": "/%zz"}, by_parser=True)
    yield Provocation("address that is no UTF-8", "GET", "/", {"raw_target": "/%c0%af%ff"}, by_parser=True)
    yield Provocation("NUL in the address", "GET", "/", {"raw_target": f"{missing}%00"}, by_parser=True)


def _at_logins(environment: Environment, target: Target) -> Iterator[Provocation]:
    """Logins take input of anybody; what is sent here names no person, so that nobody is locked out."""
    for name, flow in flows_of(environment).items():
        if flow.target != target.name:
            continue
        token = {"headers": {"Authorization": "Bearer stagehold.~.~"}}
        yield Provocation(f"malformed token for {name}", "GET", flow.whoami.path, token)
        if isinstance(flow, BasicFlow):
            continue
        path = flow.page if isinstance(flow, FormFlow) else flow.login.path
        large = f"stagehold={'a' * _LARGE}".encode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        yield Provocation(f"large body for {name}", "POST", path, {"data": large, "headers": form}, by_parser=True)
        yield Provocation(f"malformed JSON for {name}", "POST", path, {"data": _UNREADABLE, "headers": _JSON})
        other = {"Content-Type": "application/x-stagehold"}
        yield Provocation(f"unknown type of body for {name}", "POST", path, {"data": b"~", "headers": other})
        if not isinstance(flow, FormFlow):
            wrong = {"username": {"a": [1]}, "password": [1]}
            yield Provocation(f"JSON of the wrong types for {name}", "POST", path, {"json": wrong})


def _forced(environment: Environment, target: Target, who: str, *, writing: bool) -> Iterator[Provocation]:
    hook = environment.hooks.force_error
    if hook is None or hook.target != target.name or (hook.account or ANONYMOUS) != who:
        return
    if hook.method not in {"GET", "HEAD"} and not writing:
        return
    account = next((account for account in environment.accounts if account.alias == hook.account), None)
    filled = fill(hook, person_values(account) if account is not None else {})
    sent = {"json": filled.json, "data": filled.data, "headers": filled.headers}
    yield Provocation("forced internal error", filled.method, filled.path, sent)


def _at_operations(
    operations: Operations | None, environment: Environment, who: str, *, writing: bool
) -> Iterator[Provocation]:
    if operations is None:
        return
    ends = {
        flow.logout.path.partition("?")[0]
        for flow in flows_of(environment).values()
        if not isinstance(flow, BasicFlow) and flow.logout is not None
    }
    offered = [
        operation
        for operation in (operations.public if who == ANONYMOUS else operations.private)
        if operation.path not in ends and not ENDS_SESSION.search(operation.path)
    ]
    typed = [op for op in offered if op.method == "GET" and (op.path_parameters or _query(op))]
    for operation in typed[:MOST_MISTYPED]:
        for value in _MISTYPED:
            yield Provocation(f"{operation} with {_shown(value)}", "GET", _mistyped(operation, operations, value))
    if writing:
        taking = [op for op in offered if not op.reads and any(kind.endswith("json") for kind in op.content_types)]
        for operation in taking[:MOST_MALFORMED]:
            url = build_call(operation, operations.target, {}).url
            what = f"malformed JSON for {operation}"
            yield Provocation(what, operation.method, url, {"data": _UNREADABLE, "headers": _JSON})


def _query(operation: Operation) -> list[str]:
    return [item.name for item in operation.parameters if item.place == "query"]


def _mistyped(operation: Operation, operations: Operations, value: str) -> str:
    identifiers = {item.name: value for item in operation.path_parameters}
    query = dict.fromkeys(_query(operation)[:1], value) if not identifiers else {}
    return build_call(operation, operations.target, identifiers, query=query).url


def _shown(value: str) -> str:
    return "a number of 20 digits" if value == _HUGE_NUMBER else repr(value).replace("\\x00", "NUL")
