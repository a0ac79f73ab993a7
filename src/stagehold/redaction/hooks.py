"""Puts the redactor where Python itself writes: log records and tracebacks that nobody caught."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType

from stagehold.redaction.redactor import REDACTOR, Redactor


def install(redactor: Redactor = REDACTOR) -> None:
    """Redact every log record when it is made, and every uncaught exception when it is shown; safe to call twice."""
    if not isinstance(logging.getLogRecordFactory(), _RedactingFactory):
        logging.setLogRecordFactory(_RedactingFactory(redactor))

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(redactor.text("".join(traceback.format_exception(kind, error, trace))))

    def show_in_thread(hook: threading.ExceptHookArgs) -> None:
        # As Python itself does: a thread that leaves by SystemExit says nothing.
        if hook.exc_value is not None and not isinstance(hook.exc_value, SystemExit):
            show(hook.exc_type, hook.exc_value, hook.exc_traceback)

    def show_unraisable(hook: sys.UnraisableHookArgs) -> None:
        if hook.exc_value is not None:
            # Without the object: its description may hold anything.
            show(hook.exc_type, hook.exc_value, hook.exc_traceback)

    sys.excepthook = show
    sys.unraisablehook = show_unraisable
    threading.excepthook = show_in_thread


class _RedactingFactory:
    """Makes log records whose message is final and holds no secret, whatever handler takes them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._make = logging.getLogRecordFactory()
        self._formatter = logging.Formatter()

    def __call__(self, *arguments: object, **fields: object) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*arguments, **fields)
        record.msg, record.args = self._redactor.text(_message(record)), ()
        if record.exc_info:
            # Handlers take a text that is there already.
            record.exc_text = self._redactor.text(self._formatter.formatException(record.exc_info))
        return record


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a message that cannot be made must not stop a run
        return f"{record.msg} ({type(error).__name__} while the message was made)"
