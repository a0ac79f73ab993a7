"""The book of assertions: which were executed while a check ran, which failed, and who heard of it.

Files of checks call it beside every assertion (`assertion_source`), in whatever thread or process they run.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import FrameType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

from stagehold.plugin.assertion_catchers import Catcher, Fate
from stagehold.plugin.assertion_pipe import Pipe
from stagehold.plugin.assertion_threads import short, still_running

_LIBRARIES_THAT_RETRY = frozenset({"backoff", "polling", "polling2", "retry", "retrying", "stamina", "tenacity"})
_LONGEST = 200
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
        return f"what is asserted at {short(self.file)}:{self.line} failed{where} and the check went on: {self.what}"


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
    _pipe: Pipe | None = None
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """A case begins."""
        self.judging, self._open, self._idle = False, True, []
        self._before = {one.ident for one in threading.enumerate() if one.ident is not None}
        if self._pipe is None:
            self._pipe = Pipe()
            self._listen()
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
        if running := still_running(self.catchers, self._before):
            return f"{running} was still running when the check ended. Wait for it in the check."
        if not self.executed:
            return "it asserted nothing: no assertion was executed while it ran. Say with `assert` what must hold."
        return ""

    def held(self, file: str, line: int) -> None:
        """An assertion holds."""
        if self._pipe is not None and self._pipe.in_child:
            self._pipe.tell("held")
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
        fate = self._fate(sys._getframe(1), error)  # noqa: SLF001 - the way to the caller
        if fate is Fate.JUDGED:
            return
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:_LONGEST]
        what = said if isinstance(error, AssertionError) else f"{type(error).__name__}: {said}"
        thread = threading.current_thread()
        where = "" if thread is threading.main_thread() else f"in thread {thread.name}"
        if self._pipe is not None and self._pipe.in_child:
            self._pipe.tell("fell", file, str(line), what)
            return
        with self._writing:
            self._fallen.append(Fallen(file, line, what, where, retried=fate is Fate.RETRIED))

    def named(self, file: str, line: int, value: object, *attributes: str) -> None:
        """An assertion of a plain name or attribute holds: whether it only does because it was not called."""
        kept = False
        for attribute in attributes:
            found = inspect.getattr_static(value, attribute, None)
            # A function that somebody put into an object: whether one is there may be what is asked.
            kept = not isinstance(value, ModuleType | type) and attribute in getattr(value, "__dict__", ())
            # A slot is read; a property might send something.
            value = getattr(value, attribute, None) if isinstance(found, MemberDescriptorType) else found
        if isinstance(value, _UNCALLED) and not kept:
            why = "it names a function that is not called"
        elif inspect.iscoroutine(value) or inspect.isgenerator(value):
            why = "nobody waits for what it names"
        else:
            return
        self._idle.append(f"the assertion at {short(file)}:{line} is always true: {why}")

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

    def _fate(self, frame: FrameType | None, error: BaseException) -> Fate:
        """What becomes of an error on its way out of this frame."""
        retried = False
        while frame is not None:
            code = frame.f_code
            for catcher in self.catchers.get(code.co_filename, ()):
                if not catcher.around(code.co_firstlineno, frame.f_lineno) or not _catches(catcher, frame, error):
                    continue
                if catcher.fate is Fate.ANSWERED:
                    return Fate.RETRIED if self._asks_again(frame.f_back) else Fate.LOST
                return catcher.fate
            module = str(frame.f_globals.get("__name__", ""))
            if module.split(".", maxsplit=1)[0] in _LIBRARIES_THAT_RETRY:
                retried = True
                break
            frame = frame.f_back
        return Fate.RETRIED if retried else Fate.LOST

    def _asks_again(self, frame: FrameType | None) -> bool:
        if frame is None:
            return False
        code = frame.f_code
        return any(
            catcher.fate is Fate.ASKED and catcher.around(code.co_firstlineno, frame.f_lineno)
            for catcher in self.catchers.get(code.co_filename, ())
        )

    def _listen(self) -> None:
        """Hear of what ends threads and what fails while objects are removed, whoever else listens."""
        thread_hook, unraisable_hook = threading.excepthook, sys.unraisablehook

        def of_thread(hook: threading.ExceptHookArgs) -> None:
            name = hook.thread.name if hook.thread else "unknown"
            if hook.exc_value is not None and not isinstance(hook.exc_value, SystemExit):
                self._unheard(hook.exc_value, f"in thread {name}")
            thread_hook(hook)

        def of_removal(hook: sys.UnraisableHookArgs) -> None:
            if hook.exc_value is not None and not isinstance(hook.exc_value, ResourceWarning):
                self._unheard(hook.exc_value, "while an object was removed")
            unraisable_hook(hook)

        threading.excepthook, sys.unraisablehook = of_thread, of_removal

    def _unheard(self, error: BaseException, where: str) -> None:
        steps = [one for one in traceback.extract_tb(error.__traceback__) if one.filename in self.catchers]
        if not self._open or not steps:
            return  # not from the files of checks: a library's own affair
        file, line = steps[-1].filename, steps[-1].lineno or 0
        with self._writing:
            if not any((one.file, one.line) == (file, line) for one in self._fallen):
                said = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:_LONGEST]}"
                self._fallen.append(Fallen(file, line, said, where, retried=False))

    def _hear(self) -> None:
        """What children of this process have told."""
        for words in self._pipe.hear() if self._pipe is not None else ():
            match words:
                case ["fell", file, number, *what] if number.isdigit():
                    said = " ".join(what)
                    self._fallen.append(Fallen(file, int(number), said, "in another process", retried=False))
                case ["held"]:
                    self.executed += 1


def _catches(catcher: Catcher, frame: FrameType, error: BaseException) -> bool:
    if catcher.fate is Fate.ASKED:
        return False
    if not catcher.names or catcher.names & {kind.__name__ for kind in type(error).__mro__}:
        return True
    for name in catcher.names:  # such as ERRORS = (AssertionError, TimeoutError)
        kinds = frame.f_locals.get(name, frame.f_globals.get(name))
        if isinstance(kinds, tuple) and any(isinstance(kind, type) and isinstance(error, kind) for kind in kinds):
            return True
    return False


def _counts(error: BaseException) -> bool:
    """Errors, and pytest's own failures; not that somebody cancels, skips or interrupts."""
    return isinstance(error, Exception) or type(error).__name__ == "Failed"


BOOK = Book()
"""The book of this process."""
