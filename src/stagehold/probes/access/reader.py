"""One person's look at one operation, page by page, or at what a search finds; and whose canaries it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import requests

from stagehold.command_lines import curl, header_of
from stagehold.environment.access import Account
from stagehold.errors import NotAllowed, ProbeError
from stagehold.probes.access.collection_report import Look
from stagehold.probes.access.content import Content
from stagehold.probes.access.nowhere import Nowhere
from stagehold.probes.access.objects import CanaryObjects
from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.operations import Operations, origin
from stagehold.probes.access.oracle import Answer, Ruling, interference
from stagehold.probes.access.paging import items_of, next_page, says_more
from stagehold.probes.access.role_oracle import judge_let_in, styles_of
from stagehold.probes.access.search_oracle import Asked, finds
from stagehold.probes.access.searches import Search
from stagehold.probes.login.session import Session

MOST_PAGES = 20
_HOPS = 5
_INVALID = (400, 422)


@dataclass(frozen=True)
class Marked:
    """A canary that was planted."""

    kind: str
    """Name of the fixture."""
    company: str
    canary: str = field(repr=False)


class Reader:
    """Looks as people do.

    Args:
        operations: the inventory.
        objects: sessions and environment.
        marked: what is looked for.
        blanks: two terms of the form of a canary that nobody has planted.
    """

    def __init__(
        self, operations: Operations, objects: CanaryObjects, marked: Sequence[Marked], blanks: tuple[str, str]
    ) -> None:
        self._target = operations.target
        self._marked = marked
        self._blanks = blanks
        self._styles = styles_of(objects.environment, operations.target, objects.sessions.driver)
        self._nowhere = Nowhere(objects.sessions.driver, operations.target)

    def read(
        self, operation: Operation, account: Account, session: Session, url: str, *, asked_for: frozenset[str]
    ) -> tuple[Look, list[requests.Response]]:
        """All pages of an operation, at most `MOST_PAGES`, and the answers themselves.

        Args:
            operation: what is asked for.
            account: by whom.
            session: the account's.
            url: of the first page.
            asked_for: kinds of own objects that the request names: that they are shown is no find.
        """
        look = Look(str(operation), account.alias, account.company or "", "read", command=_curl(account, url))
        seen: set[str] = set()
        shown: list[object] = []
        pages: list[requests.Response] = []
        following: str | None = url
        while following is not None and following not in seen:
            if len(pages) == MOST_PAGES:
                return replace(look, more=True), pages
            seen.add(following)
            try:
                page = self._get(session, following)
                look = self._with(look, operation, page, asked_for)
            except (ProbeError, NotAllowed) as error:
                return replace(look, open_question=str(error)), pages
            items = items_of(page) or page.content
            if look.open_question or not page.ok or items in shown:
                break
            pages.append(page)
            shown.append(items)
            following = next_page(operation, page)
            look = replace(look, more=says_more(operation, page))
        return look, pages

    def search(self, search: Search, account: Account, session: Session) -> Look:
        """Everybody's canaries, searched for one after the other, beside terms that nobody has."""
        command = _curl(account, search.ask("CANARY"))
        look = Look(search.operation, account.alias, account.company or "", f"search by {search.name}", command=command)
        try:
            first, second = (self._ask(session, search, term) for term in self._blanks)
            own: set[str] = set()
            foreign: list[tuple[str, str]] = []
            asked = [first, second]
            for one in self._marked:
                asked.append(self._ask(session, search, one.canary))
                told = finds(asked[-1], (first, second))
                # Whatever differs by chance does not differ twice.
                if told and (again := finds(self._ask(session, search, one.canary), (first, second))):
                    if one.company == look.company:
                        own.add(one.kind)
                    else:
                        foreign.append((one.kind, again))
        except (ProbeError, NotAllowed) as error:
            return replace(look, open_question=str(error))
        return replace(
            look,
            statuses=tuple(one.answer.status for one in asked),
            let_in=any(self._lets_in(one.answer, None) for one in asked),
            own=frozenset(own),
            foreign=tuple(foreign),
            open_question=next((why for one in asked if (why := _obstacle(one.answer, one.content))), ""),
            invalid=all(one.answer.status in _INVALID for one in asked),
        )

    def _with(self, look: Look, operation: Operation, page: requests.Response, asked_for: frozenset[str]) -> Look:
        """The look with one more page."""
        content, answer = Content.of(page), Answer.of(page)
        own, foreign = set(look.own), dict(look.foreign)
        for one in self._marked:
            if not content.count(one.canary):
                continue
            if one.company != look.company:
                number = len(look.statuses) + 1
                foreign.setdefault(one.kind, f"{page.status_code}, and page {number} holds its canary")
            elif one.kind not in asked_for:
                own.add(one.kind)
        return replace(
            look,
            statuses=(*look.statuses, page.status_code),
            let_in=look.let_in or self._lets_in(answer, operation),
            own=frozenset(own),
            foreign=tuple(foreign.items()),
            open_question=_obstacle(answer, content),
            invalid=look.invalid or (not look.statuses and page.status_code in _INVALID),
        )

    def _lets_in(self, answer: Answer, operation: Operation | None) -> bool:
        shell = self._nowhere.beside(operation) if operation and answer.succeeded and answer.is_html else None
        return judge_let_in(answer, self._styles, shell).ruling is Ruling.GRANTED

    def _ask(self, session: Session, search: Search, term: str) -> Asked:
        response = self._get(session, search.ask(term))
        return Asked(term, Answer.of(response), Content.of(response))

    def _get(self, session: Session, url: str) -> requests.Response:
        """The answer, redirects followed as long as they stay on this origin and do not ask for a login."""
        for _ in range(_HOPS):
            response = session.request("GET", url, target=self._target)
            led = Answer.of(response).redirect
            if led is None or not led.startswith(f"{origin(self._target)}/") or self._styles.login_pages.is_target(led):
                break
            url = led
        return response


def _obstacle(answer: Answer, content: Content) -> str:
    """Why an answer tells nothing."""
    return interference(answer) or (content.obstacle if answer.succeeded else "")


def _curl(account: Account, url: str) -> str:
    """A command line with placeholders for the credentials, and `CANARY` where a mark is searched for."""
    held, note = header_of(account.alias)
    return curl(url, credentials=[held], notes=[note])
