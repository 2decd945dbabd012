"""Anchors: their form, that none is taken for a checkpoint, and how one follows from another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from bot.domain.anchors import Anchor, Anchors, SignedAnchor, furthest, read_anchor
from bot.domain.audit import GENESIS
from bot.domain.checkpoints import Checkpoint, Signed, key_id, read_notes

AT = "2033-03-04T16:30:00.000000Z"
KEY = bytes(range(32))
ID = key_id(KEY)


def anchor(first: int = 1, seq: int = 7, after: str = GENESIS) -> Anchor:
    return Anchor(
        seq=seq, hash="ab" * 32, first=first, since="2026-03-04T16:30:00.000000Z", until=AT,
        export="cd" * 32, by="ef" * 16, at=AT, after=after,
    )  # fmt: skip


def signed(one: Anchor) -> SignedAnchor:
    return SignedAnchor(anchor=one, key_id=ID, signature=b"s" * 64)


def test_the_form_never_changes() -> None:
    assert signed(anchor()).note() == snapshot("""\
release-bot/pruned
7
q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=
at 2033-03-04T16:30:00.000000Z
by efefefefefefefefefefefefefefefef
first 1
from 2026-03-04T16:30:00.000000Z
to 2033-03-04T16:30:00.000000Z
export cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
after 0000000000000000000000000000000000000000000000000000000000000000

— release-bot/record pLYXBnNzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M=
""")


@given(st.integers(1, 10**18), st.integers(0, 10**6), st.binary(min_size=64, max_size=64))
def test_it_is_read_as_it_was_written(first: int, more: int, signature: bytes) -> None:
    one = signed(anchor(first, first + more)).model_copy(update={"signature": signature})
    assert read_anchor(one.note()) == one
    assert one.anchor.count == more + 1


@pytest.mark.parametrize(
    "change",
    [
        ("\n7\n", "\n07\n"),
        ("first 1", "first 0"),
        ("release-bot/pruned", "release-bot/record"),
        ("export cdcd", "export CDCD"),
        (f"at {AT}", "at today"),
        ("\n\n", "\n"),
        ("\n\n", "\nmore\n\n"),
    ],
)
def test_what_is_written_otherwise_is_none(change: tuple[str, str]) -> None:
    note = signed(anchor()).note()
    assert note.replace(*change, 1) != note
    assert read_anchor(note.replace(*change, 1)) is None
    assert read_anchor(note + "\n") is None


def test_neither_is_taken_for_the_other() -> None:
    note = signed(anchor()).note()
    found, strays = read_notes(note, "kept.txt")
    assert (found, strays) == ([], ["kept.txt: line 1 belongs to no checkpoint"])
    checkpoint = Checkpoint(seq=7, hash="ab" * 32, at=AT)
    other = Signed(checkpoint=checkpoint, key_id=ID, signature=b"s" * 64, where="here")
    assert read_anchor(other.note()) is None


def _what(*anchors: Anchor) -> list[str]:
    told = Anchors(signed=tuple(map(signed, anchors)))
    return [fault.what for fault in told.faults({ID: KEY}, lambda *_: True)]


def test_each_goes_on_where_the_one_before_ended() -> None:
    first = anchor(1, 7)
    assert _what(first, anchor(8, 9, first.digest())) == []
    for wrong in (
        anchor(9, 9, first.digest()),
        anchor(7, 9, first.digest()),
        anchor(8, 9, GENESIS),
        anchor(8, 7, first.digest()),
    ):
        assert _what(first, wrong) == [
            "the anchor that says it was removed does not follow from the one before"
        ]
    assert _what(anchor(2, 7)) != []
    assert Anchors().begin == (0, GENESIS)


def test_without_a_key_nobody_can_tell_whether_one_was_forged() -> None:
    first = anchor(1, 7)
    told = Anchors(signed=(signed(first), signed(anchor(8, 9, first.digest()))))
    assert [(one.seq, one.what) for one in told.faults({}, lambda *_: True)] == snapshot(
        [
            (
                9,
                "the record's beginning up to it is missing, and the anchor that says it was removed can't be checked without its public key; pass --public-key FILE, or set AUDIT_SIGNING_KEY",
            )
        ]
    )
    assert told.faults({ID: KEY}, lambda *_: True) == []
    assert Anchors().faults({}, lambda *_: True) == []


def test_what_entries_name_is_there_and_the_newest_is_named() -> None:
    first = anchor(1, 7)
    second = anchor(8, 9, first.digest())
    told = Anchors(signed=(signed(first), signed(second)))
    assert told.untold({second.digest(): 12}) == []
    assert [fault.seq for fault in told.untold({first.digest(): 8})] == [9]
    assert [fault.seq for fault in told.untold({second.digest(): 12, "other": 11})] == [11]


@given(st.sets(st.integers(1, 50)), st.integers(0, 50), st.integers(0, 50))
def test_the_furthest_checkpoint_covers_nothing_that_stays(
    seqs: set[int], begin: int, limit: int
) -> None:
    found = furthest(seqs, begin, limit)
    covered = {seq for seq in seqs if begin < seq <= limit}
    assert found is None if not covered else found == max(covered)
