"""The hash chain: any change to it is found, and named."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.audit import GENESIS, AuditEntry, Chained, person_hash, stamp, verify

DATA = st.dictionaries(
    st.text(max_size=8), st.one_of(st.text(max_size=8), st.integers(), st.booleans(), st.none())
)


def chain_of(datas: list[dict[str, str | int | bool | None]]) -> list[Chained]:
    links, previous = [], GENESIS
    for number, data in enumerate(datas, 1):
        entry = AuditEntry(
            seq=number, at="t", tag="x", subject="s", actor=None, data=data, previous=previous
        )
        links.append(Chained(entry=entry, hash=entry.hash()))
        previous = links[-1].hash
    return links


def head_of(links: list[Chained]) -> tuple[int, str]:
    return (links[-1].entry.seq, links[-1].hash) if links else (0, GENESIS)


@given(st.lists(DATA, max_size=12))
def test_a_whole_chain_verifies(datas: list[dict[str, str | int | bool | None]]) -> None:
    links = chain_of(datas)
    assert verify(links, head_of(links)) is None


@given(st.lists(DATA, min_size=2, max_size=12), st.data())
def test_any_single_change_is_found(
    datas: list[dict[str, str | int | bool | None]], data: st.DataObject
) -> None:
    links = chain_of(datas)
    head = head_of(links)
    at = data.draw(st.integers(0, len(links) - 1))
    kind = data.draw(st.sampled_from(["edit", "delete", "insert", "swap", "rehash"]))
    bad = list(links)
    if kind == "edit":
        entry = bad[at].entry.model_copy(update={"subject": "other"})
        bad[at] = bad[at].model_copy(update={"entry": entry})
    elif kind == "delete":
        del bad[at]
    elif kind == "insert":
        bad.insert(at, bad[at])
    elif kind == "swap":
        other = (at + 1) % len(bad)
        bad[at], bad[other] = bad[other], bad[at]
    else:
        entry = bad[at].entry.model_copy(update={"subject": "other"})
        bad[at] = Chained(entry=entry, hash=entry.hash())
    fault = verify(bad, head)
    assert fault is not None
    assert 1 <= fault.seq <= len(links) + 1


@given(st.lists(DATA, min_size=1, max_size=8))
def test_a_truncated_tail_is_found_through_the_head(
    datas: list[dict[str, str | int | bool | None]],
) -> None:
    links = chain_of(datas)
    fault = verify(links[:-1], head_of(links))
    assert fault is not None
    assert "the head row names entry" in fault.what


def test_the_canonical_form_never_changes() -> None:
    entry = AuditEntry(
        seq=1,
        at="2026-03-04T16:30:00.000000Z",
        tag="person:release:requested",
        subject="rel-7k3f",
        actor="ab",
        data={"b": 1, "a": "ü", "c": None, "d": True},
        previous=GENESIS,
    )
    assert entry.hash() == ("cfa6e67391980dc58aac72f1b2a3b02df33800e54ec2ffcf4e4a52771ccee247")
    assert entry.model_copy(update={"actor": "ac"}).hash() != entry.hash()


def test_moments_are_written_in_one_form() -> None:
    east = datetime(2026, 3, 4, 18, 30, tzinfo=timezone(timedelta(hours=2)))
    assert stamp(east) == "2026-03-04T16:30:00.000000Z"
    assert stamp(datetime(2026, 3, 4, tzinfo=UTC)) == "2026-03-04T00:00:00.000000Z"


def test_a_person_is_told_apart_only_by_the_salt() -> None:
    assert person_hash("a", "U1") != person_hash("b", "U1")
    assert person_hash("a", "U1") == person_hash("a", "U1")
