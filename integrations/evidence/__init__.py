"""Reads what tools write about code, images and tests into one value: `bot.domain.evidence.Report`.

Each format is one file here: `FORMAT`, `recognise(content)` and `read(content)`; a new one is a new
file and its line in `bot.domain.evidence.KINDS`. Recognition looks at what the file holds, never at
its name. What is refused raises UserError, with a reason code and one sentence.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bot.domain.evidence import Format, Report
from bot.domain.reasons import Reason
from integrations.evidence.reading import LARGEST, Content, content_of, refuse

__all__ = ["FORMATS", "LARGEST", "read"]


class Reader(NamedTuple):
    """How one format is known and read."""

    recognise: Callable[[Content], bool]
    read: Callable[[Content], Report]
    empty_is_clean: bool
    """Whether the tool leaves an empty file or `[]` where it found nothing."""


def _discover() -> Mapping[Format, Reader]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if info.ispkg:
            # What takes reports in needs a web server, which reading them does not.
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "FORMAT"):
            empty = getattr(module, "EMPTY_IS_CLEAN", False)
            found[module.FORMAT] = Reader(module.recognise, module.read, empty)
    return found


FORMATS = _discover()


def read(raw: bytes, declared: Format | None = None) -> Report:
    """Read a report. `declared`: the format that somebody says it has.

    Raises UserError: too large, broken, empty, of no known format, or not what is declared.
    """
    content = content_of(raw)
    format_ = _of_nothing(declared) if content.nothing else _recognised(content, declared)
    report = FORMATS[format_].read(content)
    return report.model_copy(update={"digest": hashlib.sha256(raw).hexdigest()})


def _of_nothing(declared: Format | None) -> Format:
    """An empty report is clean only for a tool that writes one where it finds nothing."""
    fitting = ", ".join(sorted(name for name, reader in FORMATS.items() if reader.empty_is_clean))
    if declared is None:
        refuse(
            Reason.EVIDENCE_EMPTY,
            "The report is empty, which says nothing of what looked. Name the format with --format "
            f"({fitting} leave an empty report where they find nothing).",
        )
    if not FORMATS[declared].empty_is_clean:
        refuse(
            Reason.EVIDENCE_EMPTY,
            f"The report is empty, and {declared} writes something even where it finds nothing: "
            "the tool did not get through. Run it again.",
        )
    return declared


def _recognised(content: Content, declared: Format | None) -> Format:
    looks = [name for name, reader in FORMATS.items() if reader.recognise(content)]
    if declared is not None and declared not in looks:
        what = f"it looks like {looks[0]}" if looks else f"it is none of {_known()} either"
        refuse(Reason.EVIDENCE_MISLABELLED, f"This is no {declared} report: {what}.")
    if declared is None and len(looks) != 1:
        what = f"It could be {' or '.join(looks)}" if looks else f"It is none of {_known()}"
        refuse(Reason.EVIDENCE_UNKNOWN_FORMAT, f"The format is not recognised. {what}.")
    return declared or looks[0]


def _known() -> str:
    return ", ".join(sorted(FORMATS))
