"""Formats log lines: readable on a terminal, JSON elsewhere, and always without secrets."""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Literal

import structlog

from bot.text.printable import visible
from bot.text.redaction import Redactor

KEPT_BYTES = 1_048_576
"""Bytes of the log file; one older file of this size is kept too."""

Form = Literal["auto", "pretty", "json"]
"""The format of lines; `auto` is pretty on a terminal and JSON elsewhere."""

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(secrets: Iterable[str] = (), *, level: int = logging.INFO, form: Form = "auto") -> None:
    """Send all logging, including that of libraries, through structlog to stderr."""
    pretty = sys.stderr.isatty() if form == "auto" else form == "pretty"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(secrets, pretty=pretty))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for library in ("discord", "asyncio"):
        logging.getLogger(library).setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def keep_log_file(path: Path, secrets: Iterable[str] = ()) -> None:
    """Write the last lines to a file too, as JSON, for `threadline report`. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = _LogFile(path, maxBytes=KEPT_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(_formatter(secrets, pretty=False))
    logging.getLogger().addHandler(handler)


class _LogFile(RotatingFileHandler):
    """A file with mode 0600. A failed write is ignored, since stderr has the line."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.fdopen(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8")

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Ignore the error; stderr has the line."""


def _formatter(secrets: Iterable[str], *, pretty: bool) -> structlog.stdlib.ProcessorFormatter:
    redact = Redactor(secrets)

    def harmless(text: str) -> str:
        """Take secrets out; and where people read it, let no agent's text steer their terminal."""
        return visible(redact(text)) if pretty else redact(text)

    def without_secrets(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {key: _redacted(value, harmless) for key, value in event.items()}

    # Exceptions become text first, without local variables: both may hold secrets.
    last: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    if pretty:
        plain = structlog.dev.plain_traceback
        last.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain))
    else:
        last.append(structlog.processors.JSONRenderer(default=str))
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=last)


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    match value:
        case str():
            return redact(value)
        case dict():
            return {_redacted(key, redact): _redacted(each, redact) for key, each in value.items()}
        case list() | tuple():
            return [_redacted(each, redact) for each in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return value if redact(str(value)) == str(value) else redact(str(value))
