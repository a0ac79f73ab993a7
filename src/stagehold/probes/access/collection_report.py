"""What everybody was shown of the canaries of all companies, and what that proves about collections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from stagehold.errors import ProbeError, Uncovered

_SHOWN = 5


@dataclass(frozen=True)
class Look:
    """One person's look at one operation: all its pages, or a search by one parameter."""

    operation: str
    person: str
    """Alias."""
    company: str
    how: str
    """`read`, or `search by q`."""
    statuses: tuple[int, ...] = ()
    let_in: bool = False
    """At least one answer was neither a refusal nor an error."""
    own: frozenset[str] = frozenset()
    """Kinds of objects of the person's own company whose canaries were found."""
    foreign: tuple[tuple[str, str], ...] = ()
    """Kinds of other companies' objects that were found, each with how."""
    open_question: str = ""
    """Why nothing can be said."""
    invalid: bool = False
    """The request itself was not accepted."""
    more: bool = False
    """There were more pages than were looked at."""
    command: str = field(default="", repr=False)


@dataclass(frozen=True)
class CollectionReport:
    """All looks at all operations."""

    owners: dict[str, str]
    """Kind of object to the company whose canary it bears."""
    looks: tuple[Look, ...]
    not_exercised: tuple[tuple[str, str], ...] = ()
    excluded: tuple[tuple[str, str], ...] = ()

    @property
    def leaks(self) -> tuple[Look, ...]:
        """Looks at which somebody was shown what belongs to another company."""
        return tuple(look for look in self.looks if look.foreign)

    @property
    def operations(self) -> tuple[str, ...]:
        """Everything that was looked at."""
        return tuple(dict.fromkeys(look.operation for look in self.looks))

    def controlled(self, company: str) -> tuple[tuple[str, str], ...]:
        """Operations, and ways, by which people of a company find their own canaries."""
        found = ((look.operation, look.how) for look in self.looks if look.own and look.company == company)
        return tuple(dict.fromkeys(found))

    @property
    def unseen(self) -> tuple[str, ...]:
        """Kinds of objects that no collection shows to their own company."""
        seen = {kind for look in self.looks for kind in look.own}
        return tuple(kind for kind in self.owners if kind not in seen)

    def summary(self) -> str:
        """The denominators in words."""
        foreigners = {look.person for look in self.looks if self._foreign_to(look)}
        read = {look.operation for look in self.looks if look.let_in and self._foreign_to(look)}
        ways = {(look.operation, look.how) for look in self.looks if look.own}
        searches = {(look.operation, look.how) for look in self.looks if look.how != "read"}
        words = (
            f"{len(self.leaks)} of {len(self.looks)} looks show a foreign canary: {len(self.operations)} operations "
            f"({len(read)} of them readable by other companies), {len(searches)} searches, {len(foreigners)} people of "
            f"other companies, canaries of {len(self.owners)} kinds; owners find theirs by {len(ways)} of these ways"
        )
        if self.unseen:
            words += f"; no collection shows {', '.join(self.unseen)} even to its own company"
        for what, items in (("not exercised", self.not_exercised), ("excluded", self.excluded)):
            words += f"; {len(items)} {what}" if items else ""
        return words

    def observed(self) -> str:
        """The leaks, else the denominators."""
        told = self.told()
        more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        return f"{'; '.join(told[:_SHOWN])}{more}; {self.summary()}" if told else self.summary()

    def told(self) -> list[str]:
        """One sentence for each way by which something of a kind is shown to others."""
        ways: dict[tuple[str, str, str], list[tuple[Look, str]]] = {}
        for look in self.leaks:
            for kind, told in look.foreign:
                ways.setdefault((look.operation, look.how, kind), []).append((look, told))
        sentences = []
        for (operation, how, kind), shown in ways.items():
            people = ", ".join(f"{look.person} of {look.company}" for look, _ in shown)
            owner = self.owners[kind]
            sentences.append(f"{operation} ({how}) shows the {kind} of company {owner} to {people}: {shown[0][1]}")
        return sentences

    @property
    def reproduction(self) -> str:
        """A command line for the first leak, else for the first look at something foreign."""
        others = (look for look in self.looks if self._foreign_to(look) and look.command)
        return next((look.command for look in (*self.leaks, *others)), "")

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: operation, how, person, company, answers, own canaries, foreign ones, note."""
        for look in self.looks:
            note = look.open_question or ("more pages than were looked at" if look.more else "")
            answers = " ".join(map(str, look.statuses))
            found = "; ".join(f"{kind}: {how}" for kind, how in look.foreign)
            own = ", ".join(sorted(look.own))
            yield look.operation, look.how, look.person, look.company, answers, own, found or "none", note
        for operation, why in self.not_exercised:
            yield operation, "", "", "", "", "", "not exercised", why
        for operation, why in self.excluded:
            yield operation, "", "", "", "", "", "excluded", why

    def require_decided(self) -> None:
        """Nothing found is worth something only where it could have been found.

        Raises:
            ProbeError: a look is left open, or owners do not find their own canaries.
            Uncovered: operations could not be looked at by anybody of another company.
        """
        if open_looks := [look for look in self.looks if look.open_question]:
            first = open_looks[0]
            raise ProbeError(
                f"{len(open_looks)} of {len(self.looks)} looks tell nothing; {first.operation} ({first.how}) as "
                f"{first.person}: {first.open_question}",
                remedy="Mend it, or exclude the operation with a reason.",
            )
        for company in dict.fromkeys(self.owners.values()):
            if not self.controlled(company):
                raise ProbeError(
                    f"nobody of company {company} finds its own canaries in any of {len(self.operations)} operations, "
                    "so that nobody else finds them proves nothing",
                    remedy="Declare the lists and searches that hold them in `inventory`, and who may read them.",
                )
        self._require_paged()
        self._require_looked_at()

    def _require_paged(self) -> None:
        seen = {(look.operation, look.how) for look in self.looks if look.own}
        cut = [look for look in self.looks if look.more and (look.operation, look.how) not in seen]
        if cut:
            raise ProbeError(
                f"{cut[0].operation} goes on after {len(cut[0].statuses)} pages, and nobody finds an own canary there",
                remedy="Declare a page size or an order in `inventory.parameters`, or exclude the operation.",
            )

    def _require_looked_at(self) -> None:
        missing = dict(self.not_exercised)
        for operation in self.operations:
            looks = [look for look in self.looks if look.operation == operation]
            if all(look.invalid for look in looks):
                missing[operation] = "nobody's request was accepted; declare its query in `inventory.parameters`"
        for company in dict.fromkeys(self.owners.values()):
            for operation, how in self.controlled(company):
                beside = [x for x in self.looks if (x.operation, x.how) == (operation, how) and x.company != company]
                if not any(look.let_in for look in beside):
                    missing[operation] = f"shows company {company} its own, and nobody of another company may read it"
        if missing:
            names = "; ".join(f"{operation} ({why})" for operation, why in list(missing.items())[:_SHOWN])
            raise Uncovered(
                f"{len(missing)} of {len({*self.operations, *missing})} operations were not looked at: {names}",
                remedy="Give another company an account that may, or exclude the operation with a reason.",
            )

    def _foreign_to(self, look: Look) -> bool:
        return any(company != look.company for company in self.owners.values())
