"""How this process logs: lines with fields, from structlog and from libraries alike.

Used by the command line. Each line of a tick, a command or a card bears the release's id, which
whoever works on it binds (structlog's context variables). No line holds a secret or a body:
nobody hands one in, and what libraries say below ERROR is dropped, since they say both.
docs/operate.md says what each line means.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from bot.settings import Settings

LIBRARY_EVENT = "library_error"
"""What a line is called that a library wrote."""

WITH_A_WAY_OF_THEIR_OWN = ("github",)
"""Libraries that bring a handler and a level: PyGithub writes addresses to the standard error."""

Line = MutableMapping[str, Any]


def set_up(settings: Settings, stream: TextIO | None = None) -> None:
    """Log to a stream (by default the standard error) as the settings say."""
    out = stream or sys.stderr
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not out.isatty())
    # A traceback with the values of variables would hold tokens and bodies.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: Any = structlog.processors.JSONRenderer() if as_json else console
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([structlog.processors.format_exc_info] if as_json else []),
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level)),
        logger_factory=structlog.WriteLoggerFactory(file=out),
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _from_library],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.ERROR, handlers=[handler])
    for name in WITH_A_WAY_OF_THEIR_OWN:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.setLevel(logging.NOTSET)


def _from_library(_logger: Any, _method: str, line: Line) -> Line:
    """Give a library's line a name of ours, and its own words a field."""
    record: logging.LogRecord = line["_record"]
    return {**line, "event": LIBRARY_EVENT, "library": record.name, "said": line["event"]}
