"""Looks for one company's canaries in everything that people of the others can read.

Every reading operation is asked for as everybody of the other companies, and before that as the owners: what
they find by the same method is the control. Pages are followed; text parameters and the search forms of pages are
asked for the canaries; files are unpacked. Sources: OWASP ASVS 8.4.1; OWASP Multi-Tenant Security cheat sheet; CWE-200.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from stagehold.environment.access import Account
from stagehold.errors import ProbeError, StageholdError, Uncovered
from stagehold.probes.access.collection_report import CollectionReport, Look
from stagehold.probes.access.lookup import look_up
from stagehold.probes.access.objects import CanaryObject, CanaryObjects, new_canary
from stagehold.probes.access.operations import Operations, build_call
from stagehold.probes.access.paging import size_query
from stagehold.probes.access.reader import Marked, Reader
from stagehold.probes.access.searches import Search, search_forms, text_parameters
from stagehold.probes.access.tries import Try, plan_tries
from stagehold.probes.login.session import Identity

MOST_FORMS = 10


@dataclass
class _Person:
    """Somebody, whose session it was when the survey began, and where this person may search."""

    account: Account
    before: Identity | None
    searches: list[Search] = field(default_factory=list)

    @property
    def company(self) -> str:
        return self.account.company or ""


def survey_collections(operations: Operations, objects: CanaryObjects) -> CollectionReport:
    """Everybody's look at every reading operation.

    Raises:
        Uncovered: no fixture's owner has a company, or there is nobody of another one.
        ProbeError: an object could not be made, or a session died.
    """
    return _Survey(operations, objects).run()


class _Survey:
    def __init__(self, operations: Operations, objects: CanaryObjects) -> None:
        self._environment = objects.environment
        self._objects = objects
        self._operations = operations
        companies = {account.alias: account.company for account in self._environment.accounts}
        victims = {f.name: objects.shared(f) for f in self._environment.fixtures if companies.get(f.owner)}
        if not victims:
            raise Uncovered("needs `fixtures` whose owners have a `company`")
        self._owners = {name: str(companies[made.owner]) for name, made in victims.items()}
        marked = [Marked(name, self._owners[name], made.canary) for name, made in victims.items()]
        self._reader = Reader(operations, objects, marked, (new_canary("none"), new_canary("none")))
        self._people = [self._meet(account) for account in self._choose(victims)]

    def run(self) -> CollectionReport:
        looks: list[Look] = []
        skipped: list[tuple[str, str]] = []
        public = tuple(o for o in self._operations.public if o.method == "GET")
        everything = replace(self._operations, private=(*self._operations.private, *public))
        for how in plan_tries(self._environment, everything):
            if how.operation.method != "GET" or how.kind == "logout":
                continue
            if how.kind != "read":
                skipped.append((str(how.operation), how.obstacle))
                continue
            found, obstacles = self._everybody(how)
            looks += found
            if not any(self._is_foreign(look.company) for look in found):
                skipped.append((str(how.operation), "; ".join(dict.fromkeys(obstacles)) or "nobody could ask for it"))
        # Searches last: what somebody searched for may be shown in that person's own history.
        for person in self._people:
            session = self._objects.sessions.of(person.account.alias)
            looks += [self._reader.search(one, person.account, session) for one in person.searches]
        self._require_alive()
        excluded = tuple((str(o), why) for o, why in self._operations.excluded if o.reads)
        return CollectionReport(self._owners, tuple(looks), tuple(skipped), excluded)

    def _choose(self, victims: dict[str, CanaryObject]) -> Iterator[Account]:
        """One account for each company, role and way of logging in; owners of objects first.

        Raises:
            Uncovered: nobody is of another company.
        """
        makers = {made.owner for made in victims.values()}
        chosen: dict[tuple[str | None, str | None, str], Account] = {}
        for account in sorted(
            self._environment.accounts,
            key=lambda a: (a.alias not in makers, a.company not in self._owners.values()),
        ):
            if account.pool == "standard" and account.company:
                chosen.setdefault((account.company, account.role, account.flow), account)
        for company in dict.fromkeys(self._owners.values()):
            if all(account.company == company for account in chosen.values()):
                raise Uncovered(f"needs a standard account of another company than {company}")
        yield from chosen.values()

    def _meet(self, account: Account) -> _Person:
        return _Person(account, self._objects.sessions.alive(account.alias).whoami())

    def _require_alive(self) -> None:
        for person in self._people:
            alias = person.account.alias
            if person.before is None or self._objects.sessions.of(alias).whoami() != person.before:
                raise ProbeError(
                    f"the session of {alias} ended while it was used, so what it was not shown proves nothing"
                )

    def _is_foreign(self, company: str) -> bool:
        return any(owner != company for owner in self._owners.values())

    def _everybody(self, how: Try) -> tuple[list[Look], list[str]]:
        looks: list[Look] = []
        obstacles: list[str] = []
        for person in self._people:
            # Of the owners' company one who is let in will do: the control.
            if not self._is_foreign(person.company) and any(x.let_in and x.company == person.company for x in looks):
                continue
            try:
                looks.append(self._look(how, person))
            except StageholdError as error:
                # Nothing that could be asked for: an object of one's own is missing.
                obstacles.append(f"{person.account.alias}: {error}")
        return looks, obstacles

    def _look(self, how: Try, person: _Person) -> Look:
        operation, target = how.operation, self._operations.target
        session = self._objects.sessions.of(person.account.alias)
        # Objects of the person's own company fill the path: it is lists that are looked at, not identifiers.
        identifiers: dict[str, str] = {}
        for fixture in how.fixtures:
            identifiers = {**self._objects.of_company(fixture, person.company).identifiers, **identifiers}
        found, missing = look_up(session, how.found, target)
        if missing:
            raise ProbeError(missing)
        identifiers |= found
        call = build_call(operation, target, identifiers, query=size_query(operation))
        asked_for = frozenset(fixture.name for fixture in how.fixtures)
        look, pages = self._reader.read(operation, person.account, session, call.url, asked_for=asked_for)
        if look.let_in or look.invalid:
            person.searches += text_parameters(operation, self._operations, identifiers)
        for page in pages:
            for search in search_forms(page, self._operations, self._environment):
                known = {(one.url.partition("?")[0], one.name) for one in person.searches}
                if (search.url.partition("?")[0], search.name) not in known and len(known) < MOST_FORMS:
                    person.searches.append(search)
        return look
