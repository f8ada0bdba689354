"""Logs as JSON lines on standard error, readable lines on a terminal.

The libraries' own loggers come out the same way, and everything passes redaction.py. uvicorn's access log stays off: it writes query strings.
"""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path
from traceback import extract_tb
from typing import TextIO

import structlog

from kuska.infra.telemetry.redaction import redact


class _Silent(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """A line that cannot be written is lost. Python would print it with all its arguments, unmasked."""


_LIBRARIES = ("uvicorn", "uvicorn.error", "asyncio", "asyncpg")


def configure(level: str) -> None:
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shared.append(_frames)
    last = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    handler = _Silent(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[redact, last],
            foreign_pre_chain=shared,
            pass_foreign_args=True,  # so that they can be told from the text
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = True
        library.setLevel(max(logging.WARNING, root.level))
    logging.getLogger("uvicorn.access").disabled = True


def _frames(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """An exception as its type and its places. Its message and its variables may quote a patient's data."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = type(error).__qualname__
        event["places"] = [
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)
        ][-12:]
        if error.__cause__ is not None:
            event["cause"] = type(error.__cause__).__qualname__
    return event


def last_words() -> None:
    """What Python itself says of an error that nobody caught: in the log and masked, instead of on the terminal in full.

    For the whole process, so it is called by its main program only.
    """

    def crashed(kind: type[BaseException], error: BaseException, _: object) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, error.__traceback__)
        else:
            logger("process").critical("crashed", exc_info=error)

    def in_thread(given: threading.ExceptHookArgs) -> None:
        logger("process").error("a thread crashed", exc_info=given.exc_value)

    def unraisable(given: sys.UnraisableHookArgs) -> None:
        logger("process").error("an error where none can be raised", exc_info=given.exc_value)

    sys.excepthook = crashed
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


def logger(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.get_logger(name)
