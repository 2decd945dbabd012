"""Evidence in the store, on both databases: once is once, what stands, what is new and gone."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.abstracts import FindingRow
from bot.domain.evidence import Finding, Format, Kind
from bot.domain.severities import Severity
from bot.domain.submitted import Sender, Submitted
from bot.store import evidence
from bot.store.session import Store

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
RUN = "https://github.com/quantivista/platform/actions/runs"


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    made = Store(database)
    yield made
    await made.close()


def report(digest: str = "a", **more: Any) -> Submitted:
    given: dict[str, Any] = {
        "id": 0,
        "service": "payments",
        "version": "v2.1.0",
        "commit": "c1",
        "kind": Kind.SAST,
        "format": Format.SARIF,
        "tool": "CodeQL",
        "digest": digest * 64,
        "received_at": NOW,
        "sender": Sender(by="oidc", run=f"{RUN}/1/attempts/1"),
        "clean": False,
    }
    return Submitted(**given | more)


def row(mark: str, severity: Severity = Severity.HIGH, number: int = 1) -> FindingRow:
    finding = Finding(rule=mark, severity=severity, said="error", fingerprint=mark)
    return FindingRow(mark, severity.value, mark, number, finding.model_dump_json())


async def put(store: Store, one: Submitted, rows: Sequence[FindingRow] = ()) -> Submitted:
    counts = {Severity(r.severity): r.number for r in rows}
    async with store.write() as session:
        whole = one.model_copy(update={"counts": counts})
        stored, _ = await evidence.put(session, whole, rows, zlib.compress(b"raw"), 3)
    return stored


async def test_the_same_report_from_two_at_once_is_one(store: Store) -> None:
    async def submit() -> tuple[Submitted, evidence.Repeated]:
        async with store.write() as session:
            return await evidence.put(session, report(), [row("x")], b"", 3)

    (one, first), (two, second) = await asyncio.gather(submit(), submit())
    assert one.id == two.id
    assert {first, second} == {"no", "same_run"}
    async with store.read() as session:
        assert [r.id for r in await evidence.of_commit(session, "payments", "c1")] == [one.id]


async def test_what_is_stored_is_what_is_read(store: Store) -> None:
    given = report(part="2 of 4", measures={"p(95)": 1.5}, written_at=NOW - timedelta(hours=1))
    stored = await put(store, given, [row("x", number=3)])
    async with store.read() as session:
        (found,) = await evidence.of_commit(session, "payments", "c1")
        kept = await evidence.raw(session, stored.id)
    assert found == stored
    assert found.counts == {Severity.HIGH: 3}
    assert kept is not None
    assert kept.content == b"raw"


async def test_another_run_with_the_same_bytes_looked_anew(store: Store) -> None:
    first = await put(store, report())
    bad = await put(store, report("b", received_at=NOW + timedelta(hours=1), sender=run(2)))
    later = report(received_at=NOW + timedelta(hours=2), sender=run(3))
    again = await put(store, later)
    async with store.read() as session:
        (found,) = await evidence.of_commit(session, "payments", "c1")
    assert (found.id, bad.id) == (again.id, bad.id)
    assert found.id == first.id
    assert found.received_at == NOW + timedelta(hours=2)


def run(number: int, attempt: int = 1) -> Sender:
    return Sender(by="oidc", run=f"{RUN}/{number}/attempts/{attempt}")


async def test_new_and_gone_are_counted_against_the_live_version(store: Store) -> None:
    live = report("l", commit="c0", version="v2.0.5")
    was = [row("same"), row("twice", number=2), row("gone", Severity.LOW)]
    before = await put(store, live, was)
    now = [row("same"), row("twice", number=3), row("new", Severity.CRITICAL)]
    mine = await put(store, report(), now)
    unmatched = await put(store, report("z", kind=Kind.CONTAINER, tool="Trivy"), [row("new")])
    async with store.read() as session:
        found = await evidence.compared(session, "payments", "c1", "c0")
        lacking = await evidence.lacking(session, mine.id, before.id, 5)
    by_id = {one.id: one for one in found}
    assert by_id[mine.id].new == {Severity.HIGH: 1, Severity.CRITICAL: 1}
    assert by_id[mine.id].gone == 1
    assert by_id[unmatched.id].new is None
    assert by_id[unmatched.id].gone is None
    assert [one.rule for one in lacking] == ["new"]


async def test_nothing_new_is_not_unknown(store: Store) -> None:
    await put(store, report("l", commit="c0"), [row("same")])
    await put(store, report(), [row("same")])
    async with store.read() as session:
        (one,) = await evidence.compared(session, "payments", "c1", "c0")
    assert (one.new, one.gone) == ({}, 0)


async def test_what_has_too_many_findings_is_not_compared(store: Store) -> None:
    await put(store, report("l", commit="c0"), [row("many", number=evidence.MOST_COMPARED + 1)])
    await put(store, report(), [row("one")])
    async with store.read() as session:
        (one,) = await evidence.compared(session, "payments", "c1", "c0")
    assert one.new is None


async def test_raw_bytes_go_and_what_was_read_of_them_stays(store: Store) -> None:
    stored = await put(store, report(), [row("x")])
    async with store.write() as session:
        assert await evidence.sweep(session, NOW) == 0
        assert await evidence.sweep(session, NOW + timedelta(seconds=1)) == 1
    async with store.read() as session:
        assert await evidence.raw(session, stored.id) is None
        assert len(await evidence.of_commit(session, "payments", "c1")) == 1


async def test_many_findings_are_written_in_parts(store: Store) -> None:
    many = [row(f"f{number}") for number in range(1203)]
    await put(store, report("l", commit="c0"))
    mine = await put(store, report(), many)
    async with store.read() as session:
        (one,) = await evidence.compared(session, "payments", "c1", "c0")
    assert one.id == mine.id
    assert one.new == {Severity.HIGH: 1203}


async def test_findings_of_rules_that_waivers_name_are_counted_apart(store: Store) -> None:
    await put(store, report(), [row("py/a", number=2), row("py/b"), row("js/c")])
    await put(store, report("z", kind=Kind.CONTAINER, tool="Trivy"), [row("CVE-1")])
    async with store.read() as session:
        found = await evidence.of_commit(session, "payments", "c1")
        counted = await evidence.by_rule(session, found, {"py/*", "nowhere"})
        assert await evidence.by_rule(session, found, ()) == found
    by_kind = {one.kind: one.by_rule for one in counted}
    assert by_kind == {
        Kind.SAST: {"py/a": {Severity.HIGH: 2}, "py/b": {Severity.HIGH: 1}},
        Kind.CONTAINER: {},
    }
