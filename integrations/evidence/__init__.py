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
    empty: Report
    """What an empty file or `[]` says, once somebody has said that this tool wrote it."""


def _discover() -> Mapping[Format, Reader]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if info.ispkg:
            # What takes reports in needs a web server, which reading them does not.
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "FORMAT"):
            found[module.FORMAT] = Reader(module.recognise, module.read, module.EMPTY)
    return found


FORMATS = _discover()


def read(raw: bytes, declared: Format | None = None) -> Report:
    """Read a report. `declared`: the format that somebody says it has.

    Raises UserError: too large, broken, empty, of no known format, or not what is declared.
    """
    content = content_of(raw)
    if content.nothing:
        return _of_nothing(raw, declared)
    report = FORMATS[_recognised(content, declared)].read(content)
    return report.model_copy(update={"digest": hashlib.sha256(raw).hexdigest()})


def _of_nothing(raw: bytes, declared: Format | None) -> Report:
    """Believe whoever says which tool found nothing; an empty file itself says not even that.

    Its digest is over the format's name too: else the empty reports of two tools would be one.
    """
    if declared is None:
        refuse(
            Reason.EVIDENCE_EMPTY,
            "The report is empty and says nothing of what looked. Name the format with --format, "
            f"and it is one that found nothing: {_known()}.",
        )
    digest = hashlib.sha256(declared.encode() + b"\n" + raw).hexdigest()
    return FORMATS[declared].empty.model_copy(update={"digest": digest})


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
