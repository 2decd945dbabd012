"""Reads reports beside the event loop: small ones in a thread, others in a process of their own.

Reading a hostile file of 20 MB can take seconds and a gigabyte. A process can be given limits and
be ended; what it learnt comes back boiled down, in pieces that the loop can take one by one.
"""

import asyncio
import json
import sys
import zlib
from collections.abc import AsyncIterator
from typing import Any

from bot.domain.abstracts import Abstract, FindingRow, abstract_of, rows_of
from bot.domain.evidence import Format
from bot.domain.reasons import Reason
from bot.errors import UserError
from bot.ports_evidence import ReadReport
from integrations.evidence import read
from integrations.evidence.taking import reading_process

SMALL = 64 * 2**10
"""Bytes up to which a report is read in a thread: that takes some milliseconds."""

AT_ONCE = 2
"""Reports that are read at the same time."""

SECONDS = 60.0
"""How long one may take, as the clock on the wall goes."""

_LONGEST_LINE = 2**25

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from integrations.evidence.taking.reading_process import main; main(*sys.argv[2:])"
)
"""What the process runs. It finds the modules where this one does, whatever its directory."""


class Reader:
    """Reads reports, a few at a time; who comes later waits."""

    def __init__(self, small: int = SMALL, seconds: float = SECONDS) -> None:
        self._small = small
        self._seconds = seconds
        self._room = asyncio.Semaphore(AT_ONCE)

    async def read(self, raw: bytes, declared: Format | None) -> ReadReport:
        """Read a report. Raises UserError, as `integrations.evidence.read` does."""
        async with self._room:
            if len(raw) <= self._small:
                return await asyncio.to_thread(_read_here, raw, declared)
            return await self._read_apart(raw, declared)

    async def _read_apart(self, raw: bytes, declared: Format | None) -> ReadReport:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _BOOT, json.dumps(sys.path), declared or ""),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
        )
        try:
            async with asyncio.timeout(self._seconds):
                return await _talk(process, raw)
        except TimeoutError:
            raise _too_much(f"{self._seconds:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _talk(process: asyncio.subprocess.Process, raw: bytes) -> ReadReport:
    """Hand the report over and take what comes back, a line at a time."""
    feeding = asyncio.create_task(_feed(process, raw))
    try:
        answers = _lines(process)
        first = await anext(answers, None)
        if first is None:
            raise _too_much(f"{reading_process.MOST_MEMORY // 2**20} MB of memory")
        if "refused" in first:
            raise UserError(*first["refused"])
        if "fault" in first:
            # Its message may hold anything that is in the report.
            raise RuntimeError(f"a report could not be read: {first['fault']}")
        rows = [FindingRow(*row) async for part in answers for row in part["rows"]]
        packed = await asyncio.to_thread(zlib.compress, raw)
        abstract = Abstract.model_validate_json(json.dumps(first["abstract"]))
        if await process.wait():
            raise _too_much(f"{reading_process.MOST_MEMORY // 2**20} MB of memory")
        return ReadReport(abstract, rows, packed, len(raw))
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def _feed(process: asyncio.subprocess.Process, raw: bytes) -> None:
    if process.stdin is None:
        return
    try:
        process.stdin.write(raw)
        await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # It has died meanwhile, and what it left unsaid tells.
    process.stdin.close()


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[dict[str, Any]]:
    if process.stdout is None:
        return
    while line := await process.stdout.readline():
        yield json.loads(line)


def _read_here(raw: bytes, declared: Format | None) -> ReadReport:
    report = read(raw, declared)
    return ReadReport(abstract_of(report), rows_of(report), zlib.compress(raw), len(raw))


def _too_much(what: str) -> UserError:
    return UserError(
        f"Reading the report takes more than {what}. Split it, or leave raw output out of it.",
        Reason.EVIDENCE_TOO_LARGE,
    )
