"""Threads that a check has started and not waited for."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection
from pathlib import Path


def still_running(files: Collection[str], before: Collection[int]) -> str:
    """A thread that runs, or is yet to run, code of these files and was not there before; nothing: there is none."""
    frames = sys._current_frames()  # noqa: SLF001 - there is no public way
    for thread in threading.enumerate():
        if thread.ident is None or thread.ident in before or thread is threading.current_thread():
            continue
        # A timer that has not fired yet stands in a library's code.
        for work in (getattr(thread, "_target", None), getattr(thread, "function", None)):
            code = getattr(work, "__code__", None)
            if code is not None and code.co_filename in files:
                return f"thread {thread.name} ({short(code.co_filename)}:{code.co_firstlineno})"
        frame = frames.get(thread.ident)
        while frame is not None:
            if frame.f_code.co_filename in files:
                return f"thread {thread.name} ({short(frame.f_code.co_filename)}:{frame.f_lineno})"
            frame = frame.f_back
    return ""


def short(file: str) -> str:
    """Suite and file, as reports name them."""
    path = Path(file)
    return f"{path.parent.name}/{path.name}"
