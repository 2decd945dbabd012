"""Checkpoints: their form, and what of a file is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from bot.domain.checkpoints import Checkpoint, Signed, key_id, read_keys, read_notes, written_key

AT = "2026-03-04T16:30:00.000000Z"
KEY = bytes(range(32))


def signed(seq: int = 7, fill: str = "ab") -> Signed:
    checkpoint = Checkpoint(seq=seq, hash=fill * 32, at=AT)
    return Signed(checkpoint=checkpoint, key_id=key_id(KEY), signature=b"s" * 64, where="here")


def test_the_form_never_changes() -> None:
    assert signed().note() == snapshot("""\
release-bot/record
7
q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=
at 2026-03-04T16:30:00.000000Z

— release-bot/record pLYXBnNzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M=
""")
    assert written_key(KEY) == snapshot(
        "release-bot/record+a4b61706+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    )


@given(
    st.lists(st.integers(1, 10**18), min_size=1, max_size=5), st.sampled_from(["", "\n", "\n\n"])
)
def test_notes_are_read_as_they_were_written(seqs: list[int], between: str) -> None:
    notes = [signed(seq) for seq in seqs]
    found, strays = read_notes("\n".join(one.note() + between for one in notes), "here")
    assert (found, strays) == (notes, [])


def test_a_paste_from_slack_will_do() -> None:
    found, strays = read_notes(f"```\n{signed().note()}```\n", "here")
    assert (len(found), strays) == (1, [])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hello\n" + signed().note(), 1),
        (signed().note() + "\n\nhello", 9),
        (signed().note().replace("\n7\n", "\n07\n"), 1),
    ],
)
def test_what_is_no_checkpoint_is_named(text: str, line: int) -> None:
    assert read_notes(text, "kept.txt")[1] == [f"kept.txt: line {line} belongs to no checkpoint"]


def test_a_short_signature_is_none() -> None:
    short = signed().model_copy(update={"signature": b"s" * 62}).note()
    for note in (short, signed().note()[:-9], signed().note()[:-2]):
        assert read_notes(note, "f")[1] == ["f: line 6 holds no signature of 64 bytes"]


def test_keys_are_read_a_line_each() -> None:
    line = written_key(KEY)
    assert read_keys(f"# the old one\n\n{line}\n") == {key_id(KEY): KEY}
    for bad in ("x", line[:-4], line.replace(key_id(KEY), "00000000"), f"{line}A", "a+b+é"):
        with pytest.raises(ValueError, match="line 1 is no public key"):
            read_keys(bad)
