"""Every cell of the access matrix after it was tried, and what that proves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.probes.access.matrix import NO_ROW, Effect
from stagehold.probes.access.openapi import Operation

_SHOWN = 5


class CellState(StrEnum):
    """What became of one role's try at one operation."""

    LEAK = "let in, though denied"
    LOCKED_OUT = "refused, though allowed"
    UNDECIDED = "undecided"
    NOT_EXERCISED = "not exercised"
    GRANTED = "let in, as declared"
    DENIED = "refused, as declared"


@dataclass(frozen=True)
class Cell:
    """One operation and one role. `expected` is None where no row covers the operation."""

    operation: Operation
    role: str
    expected: Effect | None
    state: CellState
    reason: str
    account: str = ""
    """Alias of who tried."""
    status: int | None = None
    control: str = ""
    """Who was let in by the same request."""
    command: str = field(default="", repr=False)
    snippet: str = field(default="", repr=False)
    tried: tuple[str, ...] = ()
    """Aliases of everybody whose refusal counts."""

    def __str__(self) -> str:
        return f"{self.operation} as {self.role}: {self.reason}"

    @property
    def denied(self) -> bool:
        """Declared to be refused; what no row covers is not granted to anybody either."""
        return self.expected in {"deny", None}


@dataclass(frozen=True)
class RoleReport:
    """All cells of the matrix."""

    cells: tuple[Cell, ...]
    company: str | None = None
    excluded: tuple[tuple[Operation, str], ...] = ()
    public: int = 0
    """Operations that are for anybody, and so in no cell."""

    def reads_denied(self) -> Claim:
        """The cells of ACC-004."""
        return self._claim("read that is denied", lambda cell: cell.denied and cell.operation.reads)

    def writes_denied(self) -> Claim:
        """The cells of ACC-005."""
        return self._claim("write that is denied", lambda cell: cell.denied and not cell.operation.reads)

    def allowed(self) -> Claim:
        """The cells of ACC-006."""
        return self._claim("operation that is allowed", lambda cell: not cell.denied)

    def summary(self) -> str:
        """The denominators of the whole matrix in words."""
        operations, roles = {str(cell.operation) for cell in self.cells}, {cell.role for cell in self.cells}
        words = f"{len(operations)} operations x {len(roles)} roles = {len(self.cells)} cells: {_counts(self.cells)}"
        words += f"; {self.public} public operations" if self.public else ""
        return words + (f"; {len(self.excluded)} operations excluded" if self.excluded else "")

    def _claim(self, about: str, belongs: Callable[[Cell], bool]) -> Claim:
        return Claim(about, tuple(cell for cell in self.cells if belongs(cell)), self)


@dataclass(frozen=True)
class Claim:
    """The part of the matrix that one check is about."""

    about: str
    cells: tuple[Cell, ...]
    report: RoleReport

    @property
    def broken(self) -> tuple[Cell, ...]:
        """Cells that are not as declared."""
        return tuple(cell for cell in self.cells if cell.state in {CellState.LEAK, CellState.LOCKED_OUT})

    def summary(self) -> str:
        """The denominators in words."""
        return f"of {len(self.cells)} cells {_counts(self.cells)} ({self.report.summary()})"

    def observed(self) -> str:
        """What is not as declared, else the denominators."""
        shown = "; ".join(map(str, self.broken[:_SHOWN]))
        more = f"; and {len(self.broken) - _SHOWN} more" if len(self.broken) > _SHOWN else ""
        return f"{shown}{more}; {self.summary()}" if self.broken else self.summary()

    @property
    def reproduction(self) -> str:
        """A command line for the first cell that is not as declared, else for the first that was tried."""
        return next((cell.command for cell in (*self.broken, *self.cells) if cell.command), "")

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: operation, role, declared, outcome, account, status, reason, control."""
        for cell in self.cells:
            declared = cell.expected or "no row"
            yield (
                str(cell.operation), cell.role, declared, cell.state, cell.account, cell.status or "", cell.reason,
                cell.control,
            )  # fmt: skip
        for operation, why in self.report.excluded:
            yield str(operation), "", "", "excluded", "", "", why, ""

    def require_decided(self) -> None:
        """What was not decided, or not tried, proves nothing.

        Raises:
            ProbeError: a cell is left open, or nothing was tried.
            Uncovered: cells could not be tried with what is declared.
            NotApplicable: the matrix holds no such cell.
        """
        open_cells = [cell for cell in self.cells if cell.state is CellState.UNDECIDED]
        if open_cells:
            first = open_cells[0]
            remedy = f"If that is how this service refuses, declare: {first.snippet}" if first.snippet else ""
            raise ProbeError(f"{len(open_cells)} of {len(self.cells)} cells are undecided; {first}", remedy=remedy)
        missing = [cell for cell in self.cells if cell.state is CellState.NOT_EXERCISED]
        if missing:
            names = list(dict.fromkeys(f"{cell.operation} ({cell.reason})" for cell in missing))
            more = f", and {len(names) - _SHOWN} more operations" if len(names) > _SHOWN else ""
            raise Uncovered(
                f"{len(missing)} of {len(self.cells)} cells were not exercised: {'; '.join(names[:_SHOWN])}{more}",
                remedy="Give the operation a row, a fixture that sends it, an account; or exclude it with a reason.",
            )
        if not self.cells:
            if not self.report.cells:
                raise ProbeError("the access matrix has no cell, so nothing is proven")
            if not any(cell.denied for cell in self.report.cells):
                raise Uncovered(
                    f"the access matrix denies nothing to anybody in {len(self.report.cells)} cells: no role is "
                    "separated from another",
                    remedy="Declare in `access_matrix` what each role may not do.",
                )
            raise NotApplicable(f"the access matrix declares no {self.about}, of {len(self.report.cells)} cells")


def _counts(cells: Iterable[Cell]) -> str:
    count = Counter(cell.state for cell in cells)
    words = [f"{count[state]} {state.value}" for state in CellState if count[state]]
    reasons = Counter("no row covers them" if c.reason == NO_ROW else "see the table" for c in cells
                      if c.state is CellState.NOT_EXERCISED)  # fmt: skip
    if reasons["no row covers them"]:
        words.append(f"{reasons['no row covers them']} of these without a row")
    return ", ".join(words) or "none"
