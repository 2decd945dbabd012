"""Evidence: put in once, found by service and commit, compared with what is live.

Counts are kept with each report, so that a plan's facts read no single finding but those that two
reports are compared by.
"""

import asyncio
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import and_, bindparam, case, delete, func, insert, union_all, update
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.abstracts import FindingRow
from bot.domain.evidence import Finding
from bot.domain.severities import Severity
from bot.domain.submitted import Submitted
from bot.domain.superseding import key_of, standing
from bot.store.evidence_tables import EVIDENCE, EVIDENCE_RAW, FINDINGS, ID
from bot.store.inserts import insert_for
from bot.store.session import changed

MOST_REPORTS = 500
"""Reports on one commit that are looked at, the newest."""

MOST_COMPARED = 10_000
"""Findings of a report beyond which it is not compared with another."""

_TOGETHER = 10
"""Pairs of reports that one statement compares."""

_ONE, _OTHER = FINDINGS.alias("one"), FINDINGS.alias("other")

_CHUNK = 500
"""Findings written at a time; between two the loop may turn."""

Repeated = Literal["no", "same_run", "another_run"]


async def put(
    session: AsyncSession, submitted: Submitted, rows: Sequence[FindingRow], raw: bytes, size: int
) -> tuple[Submitted, Repeated]:
    """Store a report; the same bytes of the same kind on the same commit are one.

    `submitted.id` is not minded: the stored value is returned, with its own. Where another run
    brings the same bytes again, that run is its sender from then on: it was looked at anew.
    """
    found = await _inserted(session, submitted)
    if found is None:
        return await _again(session, submitted)
    await _put_findings(session, found, rows)
    packed = {"evidence_id": found, "at": submitted.received_at, "size": size, "packed": raw}
    await session.exec(insert(EVIDENCE_RAW).values(**packed))
    return submitted.model_copy(update={"id": found}), "no"


async def _inserted(session: AsyncSession, submitted: Submitted) -> int | None:
    done = await session.exec(
        insert_for(session)(EVIDENCE)
        .values(
            service=submitted.service,
            commit=submitted.commit,
            kind=submitted.kind.value,
            sha256=submitted.digest,
            version=submitted.version,
            first_at=submitted.received_at,
            seen_at=submitted.received_at,
            body=_body(submitted),
        )
        .on_conflict_do_nothing()
        .returning(EVIDENCE.c.id)
    )
    number: int | None = done.scalar_one_or_none()
    return number


def _body(submitted: Submitted) -> str:
    return submitted.model_dump_json(exclude={"id", "received_at", "new", "gone", "by_rule"})


async def _again(session: AsyncSession, submitted: Submitted) -> tuple[Submitted, Repeated]:
    found = await session.exec(
        select(EVIDENCE.c.id, EVIDENCE.c.seen_at, EVIDENCE.c.body)
        .where(
            EVIDENCE.c.service == submitted.service,
            EVIDENCE.c.commit == submitted.commit,
            EVIDENCE.c.kind == submitted.kind.value,
            EVIDENCE.c.sha256 == submitted.digest,
        )
        .with_for_update()
    )
    before = _value(*found.one())
    if submitted.sender.run is None or submitted.sender.run == before.sender.run:
        return before, "same_run"
    fresh = {
        "sender": submitted.sender,
        "received_at": submitted.received_at,
        "part": submitted.part,
        "image_digest": submitted.image_digest or before.image_digest,
    }
    after = before.model_copy(update=fresh)
    await session.exec(
        update(EVIDENCE)
        .where(EVIDENCE.c.id == before.id)
        .values(seen_at=after.received_at, body=_body(after))
    )
    return after, "another_run"


async def _put_findings(session: AsyncSession, number: int, rows: Sequence[FindingRow]) -> None:
    for start in range(0, len(rows), _CHUNK):
        values = [{"evidence_id": number, **row._asdict()} for row in rows[start : start + _CHUNK]]
        await session.exec(insert(FINDINGS), params=values)
        # On SQLite nothing of this waits by itself.
        await asyncio.sleep(0)


def _value(number: int, seen_at: datetime, body: str) -> Submitted:
    return Submitted.model_validate_json(
        f'{{"id":{number},"received_at":"{seen_at.isoformat()}",{body[1:]}'
    )


def reports_on(service: str, commit: str) -> Any:
    """Find the reports on a commit, newest first."""
    return (
        select(EVIDENCE.c.id, EVIDENCE.c.seen_at, EVIDENCE.c.body)
        .where(EVIDENCE.c.service == service, EVIDENCE.c.commit == commit)
        .order_by(EVIDENCE.c.seen_at.desc(), EVIDENCE.c.id.desc())
        .limit(MOST_REPORTS)
    )


async def of_commit(session: AsyncSession, service: str, commit: str) -> tuple[Submitted, ...]:
    """List the reports on a commit that stand, newest first."""
    rows = await session.exec(reports_on(service, commit))
    return standing(_value(*row) for row in rows.all())


async def compared(
    session: AsyncSession, service: str, commit: str, live: str | None
) -> tuple[Submitted, ...]:
    """The same, each compared with the newest of its kind and tool on the live commit.

    What has nothing to be compared with, or too much, keeps None for `new` and `gone`.
    """
    here = await of_commit(session, service, commit)
    if not here or live is None or live == commit:
        return here
    there = await of_commit(session, service, live)
    pairs = paired(here, there)
    found = {one.id for one in (*here, *there) if one.counts}
    with_findings = {a: b for a, b in pairs.items() if {a, b} & found}
    new, gone = await _differences(session, with_findings)
    return tuple(
        one.model_copy(update={"new": new.get(one.id, {}), "gone": gone.get(one.id, 0)})
        if one.id in pairs
        else one
        for one in here
    )


def paired(here: Iterable[Submitted], there: Iterable[Submitted]) -> dict[int, int]:
    """Map each report to the one that it is compared with, by their ids."""
    newest: dict[tuple[str, str, str], Submitted] = {}
    for one in there:
        newest.setdefault(key_of(one)[:3], one)
    return {
        one.id: other.id
        for one in here
        if (other := newest.get(key_of(one)[:3])) is not None
        and max(sum(one.counts.values()), sum(other.counts.values())) <= MOST_COMPARED
    }


@cache
def differences_among(number: int) -> Any:
    """Ask of so many pairs of reports what the one has that the other lacks, or has less often.

    The ids are the parameters `these_0`, `those_0`, …. Made once: the mapper takes longer to write
    it down than the database to answer.
    """
    return union_all(*(_beyond(f"these_{n}", f"those_{n}") for n in range(number)))


def _beyond(these: str, those: str) -> Any:
    own, others = bindparam(these, type_=ID), bindparam(those, type_=ID)
    more = _ONE.c.number - func.coalesce(_OTHER.c.number, 0)
    same = and_(_OTHER.c.evidence_id == others, _OTHER.c.fingerprint == _ONE.c.fingerprint)
    return (
        select(own, others, _ONE.c.severity, func.sum(more))
        .select_from(_ONE.join(_OTHER, same, isouter=True))
        .where(_ONE.c.evidence_id == own, more > 0)
        .group_by(_ONE.c.severity)
    )


async def _differences(
    session: AsyncSession, pairs: Mapping[int, int]
) -> tuple[dict[int, dict[Severity, int]], dict[int, int]]:
    new: dict[int, dict[Severity, int]] = {here: {} for here in pairs}
    gone = dict.fromkeys(pairs, 0)
    ordered = list(pairs.items())
    for start in range(0, len(ordered), _TOGETHER):
        some = ordered[start : start + _TOGETHER]
        for these, those, severity, number in await _beyond_each_other(session, some):
            if pairs.get(these) == those:
                new[these][Severity(severity)] = int(number)
            else:
                gone[those] += int(number)
    return new, gone


async def _beyond_each_other(session: AsyncSession, pairs: list[tuple[int, int]]) -> Any:
    both = [*pairs, *((there, here) for here, there in pairs)]
    given = {
        name: value
        for number, (these, those) in enumerate(both)
        for name, value in ((f"these_{number}", these), (f"those_{number}", those))
    }
    return (await session.exec(differences_among(len(both)), params=given)).all()


async def by_rule(
    session: AsyncSession, found: Iterable[Submitted], rules: Collection[str]
) -> tuple[Submitted, ...]:
    """Count in each report the findings of some rules, each a name or a pattern (`py/*`)."""
    counted: dict[int, dict[str, dict[Severity, int]]] = {}
    reports = tuple(found)
    with_findings = [one.id for one in reports if one.counts]
    if rules and with_findings:
        rows = await session.exec(
            select(
                FINDINGS.c.evidence_id,
                FINDINGS.c.rule,
                FINDINGS.c.severity,
                func.sum(FINDINGS.c.number),
            )
            .where(FINDINGS.c.evidence_id.in_(with_findings))
            .group_by(FINDINGS.c.evidence_id, FINDINGS.c.rule, FINDINGS.c.severity)
        )
        for number, rule, severity, sum_ in rows.all():
            if not any(fnmatchcase(rule, wanted) for wanted in rules):
                continue
            counted.setdefault(number, {}).setdefault(rule, {})[Severity(severity)] = int(sum_)
    return tuple(
        one.model_copy(update={"by_rule": counted[one.id]}) if one.id in counted else one
        for one in reports
    )


_RANK = case({s.value: n for n, s in enumerate(Severity)}, value=FINDINGS.c.severity, else_=9)


async def lacking(session: AsyncSession, these: int, those: int, limit: int) -> tuple[Finding, ...]:
    """Show the worst findings of one report that the other does not have at all."""
    same = and_(_OTHER.c.evidence_id == those, _OTHER.c.fingerprint == FINDINGS.c.fingerprint)
    rows = await session.exec(
        select(FINDINGS.c.body)
        .select_from(FINDINGS.join(_OTHER, same, isouter=True))
        .where(FINDINGS.c.evidence_id == these, _OTHER.c.fingerprint.is_(None))
        .order_by(_RANK, FINDINGS.c.fingerprint)
        .limit(limit)
    )
    return tuple(Finding.model_validate_json(body) for body in rows.all())


class Raw(NamedTuple):
    """A report as it came."""

    submitted: Submitted
    content: bytes


async def raw(session: AsyncSession, number: int) -> Raw | None:
    """Give a report's bytes; None where they are not kept any more."""
    found = await session.exec(
        select(EVIDENCE.c.id, EVIDENCE.c.seen_at, EVIDENCE.c.body, EVIDENCE_RAW.c.packed)
        .join(EVIDENCE_RAW, EVIDENCE_RAW.c.evidence_id == EVIDENCE.c.id)
        .where(EVIDENCE.c.id == number)
    )
    row = found.first()
    return None if row is None else Raw(_value(*row[:3]), zlib.decompress(row[3]))


async def sweep(session: AsyncSession, before: datetime) -> int:
    """Delete the bytes of reports that came before then; what was read of them stays. Count."""
    return changed(await session.exec(delete(EVIDENCE_RAW).where(EVIDENCE_RAW.c.at < before)))
