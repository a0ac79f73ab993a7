"""The book of assertions: which were executed while a check ran, which failed, and who heard of it.

Files of checks call it beside every assertion (`assertion_source`), in whatever thread or process they run.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, FunctionType, MethodType
from typing import Any

from stagehold.plugin.assertion_catchers import Catcher, Fate

_LIBRARY_THAT_RETRIES = re.compile(r"retry|retrying|tenacity|backoff|stamina|polling", re.IGNORECASE)
_LONGEST = 200
_PIPE = 4096
_UNCALLED = (FunctionType, MethodType, classmethod, staticmethod, type(len), type(str.join))


@dataclass(frozen=True)
class Fallen:
    """An assertion that failed, or never came to a result."""

    file: str
    line: int
    what: str
    where: str
    """Such as "in thread worker-1"; nothing for the check's own thread."""
    retried: bool

    def __str__(self) -> str:
        where = f" {self.where}" if self.where else ""
        return f"the assertion at {short(self.file)}:{self.line} failed{where} and the check went on: {self.what}"


@dataclass
class Book:
    """What one process keeps; between two cases nothing is written."""

    catchers: dict[str, list[Catcher]] = field(default_factory=dict)
    """Every file whose assertions are written down."""
    executed: int = 0
    judging: bool = False
    """Whether the body of a check runs: what its fixtures assert proves nothing of its claim."""
    _fallen: list[Fallen] = field(default_factory=list)
    _idle: list[str] = field(default_factory=list)
    _before: set[int] = field(default_factory=set)
    _open: bool = False
    _owner: int = 0
    _ends: tuple[int, int] | None = None
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """A case begins."""
        self.judging, self._open, self._idle = False, True, []
        self._before = {one.ident for one in threading.enumerate() if one.ident is not None}
        if self._ends is None:
            # What a forked child asserts is told through a pipe, which any process that is forked later inherits.
            self._ends = os.pipe()
            for end in self._ends:
                os.set_blocking(end, False)
        self._owner = os.getpid()
        self._hear()
        self.executed, self._fallen = 0, []

    def end(self) -> str:
        """The case is over: why it proves nothing although nothing was raised, if so."""
        self._hear()
        self._open = self.judging = False
        if self._fallen:
            more = f" ({len(self._fallen)} in all)" if len(self._fallen) > 1 else ""
            return f"{self._fallen[0]}{more}. Let a failure reach the check: no except, suppress or thread around it."
        if self._idle:
            return self._idle[0]
        if running := self._still_running():
            return f"{running} was still running when the check ended. Wait for it in the check."
        if not self.executed:
            return "it asserted nothing: no assertion was executed while it ran. Say with `assert` what must hold."
        return ""

    def held(self, file: str, line: int) -> None:
        """An assertion holds."""
        if os.getpid() != self._owner:
            self._tell("held\t")
            return
        if self.judging:
            self.executed += 1
        if self._fallen:
            with self._writing:
                kept = [one for one in self._fallen if not (one.retried and (one.file, one.line) == (file, line))]
                self._fallen = kept

    def fell(self, file: str, line: int) -> None:
        """An assertion failed; called while its error is being handled."""
        error = sys.exc_info()[1]
        if not self._open or error is None or not _counts(error):
            return
        kinds = frozenset(kind.__name__ for kind in type(error).__mro__)
        fate = self._fate(sys._getframe(1), kinds)  # noqa: SLF001 - the way to the caller
        if fate is Fate.JUDGED:
            return
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:_LONGEST]
        what = said if isinstance(error, AssertionError) else f"{type(error).__name__}: {said}"
        thread = threading.current_thread()
        where = "" if thread is threading.main_thread() else f"in thread {thread.name}"
        if os.getpid() != self._owner:
            self._tell(f"fell\t{file}\t{line}\t{what}")
            return
        with self._writing:
            self._fallen.append(Fallen(file, line, what, where, retried=fate is Fate.RETRIED))

    def of_value(self, file: str, line: int, value: object, name: str = "") -> None:
        """An assertion of a plain name or attribute holds: whether it only does because it was not called."""
        self.held(file, line)
        seen = value if not name else inspect.getattr_static(value, name, None)
        if isinstance(seen, _UNCALLED) or inspect.iscoroutine(seen) or inspect.isgenerator(seen):
            what = "a function that was not called" if isinstance(seen, _UNCALLED) else "was not waited for"
            self._idle.append(f"the assertion at {short(file)}:{line} is always true: it names {what}")

    def counted(self, function: Callable[..., Any], file: str, line: int) -> Callable[..., Any]:
        """A function of a library that judges, such as `assert_that` or `expect(…).to_have_text`."""
        code = getattr(inspect.unwrap(function), "__code__", None)
        if code is not None and code.co_filename in self.catchers:
            return function  # its own assertions count

        @functools.wraps(function)
        def judge(*arguments: object, **named: object) -> object:
            __tracebackhide__ = True
            try:
                answer = function(*arguments, **named)
            except BaseException:
                self.fell(file, line)
                raise
            if inspect.iscoroutine(answer):
                return self._awaited(answer, file, line)
            self.held(file, line)
            return answer

        return judge

    async def _awaited(self, answer: Awaitable[object], file: str, line: int) -> object:
        __tracebackhide__ = True
        try:
            value = await answer
        except BaseException:
            self.fell(file, line)
            raise
        self.held(file, line)
        return value

    def _fate(self, frame: FrameType | None, kinds: frozenset[str]) -> Fate:
        """What catches an error on its way out of this frame."""
        retried = False
        while frame is not None:
            code = frame.f_code
            for catcher in self.catchers.get(code.co_filename, ()):
                if catcher.holds(code.co_firstlineno, frame.f_lineno, kinds):
                    return catcher.fate
            module = str(frame.f_globals.get("__name__", ""))
            if code.co_filename not in self.catchers and _LIBRARY_THAT_RETRIES.search(module):
                retried = True
                break
            frame = frame.f_back
        return Fate.RETRIED if retried else Fate.LOST

    def _still_running(self) -> str:
        frames = sys._current_frames()  # noqa: SLF001 - there is no public way
        for thread in threading.enumerate():
            if thread.ident is None or thread.ident in self._before or thread is threading.current_thread():
                continue
            frame = frames.get(thread.ident)
            while frame is not None:
                if frame.f_code.co_filename in self.catchers:
                    return f"thread {thread.name} (at {short(frame.f_code.co_filename)}:{frame.f_lineno})"
                frame = frame.f_back
        return ""

    def _tell(self, line: str) -> None:
        if self._ends is None:
            return
        try:
            os.write(self._ends[1], f"{line}\n".encode("utf-8", "replace")[:_PIPE])
        except OSError:  # full: what stands in it is enough
            return

    def _hear(self) -> None:
        """What children of this process have told."""
        told = b""
        while self._ends is not None:
            try:
                part = os.read(self._ends[0], 1 << 16)
            except BlockingIOError:
                break
            told += part
        for line in told.decode("utf-8", "replace").splitlines():
            match line.split("\t"):
                case ["fell", file, number, *what] if number.isdigit():
                    said = " ".join(what)
                    self._fallen.append(Fallen(file, int(number), said, "in another process", retried=False))
                case ["held", *_]:
                    self.executed += 1


def _counts(error: BaseException) -> bool:
    """Errors, and pytest's own failures; not that somebody cancels, skips or interrupts."""
    return isinstance(error, Exception) or type(error).__name__ == "Failed"


def short(file: str) -> str:
    """Suite and file, as reports name them."""
    path = Path(file)
    return f"{path.parent.name}/{path.name}"


BOOK = Book()
"""The book of this process."""
