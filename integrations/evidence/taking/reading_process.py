"""The process that reads one report: bytes come in, lines of JSON go out. Started by `apart`.

The first line is the abstract, a refusal, or a fault; then come the findings, some in each line.
"""

import json
import resource
import sys
from typing import Any

from bot.domain.abstracts import abstract_of, rows_of
from bot.domain.evidence import Format
from bot.errors import UserError
from integrations.evidence import LARGEST, read

MOST_MEMORY = 1536 * 2**20
"""Bytes of address space."""

MOST_CPU_SECONDS = 45

ROWS = 500
"""Findings in one line."""


def main(declared: str = "") -> None:
    """Read a report from standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS))
    raw = sys.stdin.buffer.read(LARGEST + 1)
    for line in answers(raw, Format(declared) if declared else None):
        sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def answers(raw: bytes, declared: Format | None) -> list[dict[str, Any]]:
    """Make the lines."""
    try:
        report = read(raw, declared)
    except UserError as error:
        return [{"refused": [error.sentence, str(error.code)]}]
    except MemoryError:
        # The parent knows what it means that nothing comes.
        return []
    except Exception as error:  # noqa: BLE001 - told to the parent, which logs it with an id
        return [{"fault": type(error).__name__}]
    rows = rows_of(report)
    parts = (rows[start : start + ROWS] for start in range(0, len(rows), ROWS))
    abstract = abstract_of(report).model_dump(mode="json")
    return [{"abstract": abstract}, *({"rows": part} for part in parts)]
