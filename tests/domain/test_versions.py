"""Versions, constraints, durations, images."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.durations import parse_duration, write_duration
from bot.domain.facts import LedgerFact, SlotFact
from bot.domain.live import live_commit, live_version
from bot.domain.targets import image_of, version_in_image
from bot.domain.versions import Constraint, Version, VersionError, bare, same_version
from tests.virtual import START

NUMBERS = st.integers(0, 50)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_writing_and_reading_agree(major: int, minor: int, patch: int) -> None:
    text = f"{major}.{minor}.{patch}"
    assert str(Version(f"v{text}")) == text
    assert Version(text) == Version(f"v{text}")
    assert hash(Version(text)) == hash(Version(f"v{text}"))


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_order_is_that_of_the_numbers(one: tuple[int, int, int], two: tuple[int, int, int]) -> None:
    a, b = (Version(".".join(map(str, v))) for v in (one, two))
    assert (a < b, a <= b, a > b, a >= b) == (one < two, one <= two, one > two, one >= two)


@pytest.mark.parametrize("text", ["", "latest", "1.2.3.4", "v", "2.1.x", "main", "1..2"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(VersionError):
        Version(text)


@pytest.mark.parametrize(
    ("constraint", "yes", "no"),
    [
        (">=1.4 <3", ["1.4.0", "2.9.9", "v2.0.0"], ["1.3.9", "3.0.0", "2.0.0-rc.1"]),
        (">=2", ["2.0.0", "9.0.0"], ["1.9.9", "3.0.0-rc.1"]),
        (">1.0, !=1.5.0", ["1.0.1", "1.6.0"], ["1.0.0", "1.5.0"]),
        ("^1.2", ["1.2.0", "1.9.0"], ["2.0.0", "1.1.9"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("~1.2", ["1.2.9"], ["1.3.0"]),
        ("<=2.0", ["2.0.0"], ["2.0.1"]),
        ("1.2.3", ["1.2.3"], ["1.2.4"]),
        ("=1.2.3", ["1.2.3"], ["1.2.4"]),
        (">=2.0.0-rc.1", ["2.0.0-rc.2", "2.0.0"], ["2.0.0-beta"]),
        ("*", ["0.0.1", "9.9.9"], []),
    ],
)
def test_constraints(constraint: str, yes: list[str], no: list[str]) -> None:
    found = Constraint(constraint)
    assert [v for v in yes if not found.allows(Version(v))] == []
    assert [v for v in no if found.allows(Version(v))] == []
    assert str(found) == " ".join(constraint.replace(",", " ").split())


@pytest.mark.parametrize("text", [">=", "x", ">= 1 foo", "1.2.3.4", "=>1"])
def test_what_is_no_constraint(text: str) -> None:
    with pytest.raises(VersionError):
        Constraint(text)


def test_constraints_are_values() -> None:
    assert Constraint(">=1  <2") == Constraint(">=1 <2")
    assert hash(Constraint(">=1")) == hash(Constraint(">=1"))
    assert repr(Constraint(">=1")) == "Constraint('>=1')"
    assert repr(Version("v1")) == "Version('1.0.0')"


def test_the_same_version_is_written_in_two_ways() -> None:
    assert same_version("v2.1.0", "2.1.0")
    assert not same_version("v2.1.0", None)
    assert same_version("nightly", "nightly")
    assert bare("v2.1.0") == "2.1.0"
    assert bare("vault") == "vault"


@given(st.integers(1, 10**7))
def test_durations_come_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(write_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "5", "5 minutes", "-5m", "1.5h", "16:30", 5, None])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration such as"):
        parse_duration(text)


def test_durations_as_people_write_them() -> None:
    assert parse_duration("1h30m") == timedelta(minutes=90)
    assert parse_duration("2d") == timedelta(days=2)
    assert write_duration(timedelta(0)) == "0s"
    assert parse_duration(timedelta(1)) == timedelta(1)


@pytest.mark.parametrize(
    ("image", "pattern", "version"),
    [
        ("quantivista/x:v2.1.0", "quantivista/x:{version}", "v2.1.0"),
        ("docker.io/quantivista/x:v2.1.0", "quantivista/x:{version}", "v2.1.0"),
        ("quantivista/x:v2@sha256:" + "a" * 64, "quantivista/x:{version}", "v2"),
        ("quantivista/x:v2-abc123", "quantivista/x:{version}-{commit}", "v2"),
        ("quantivista/y:v2.1.0", "quantivista/x:{version}", None),
        ("quantivista/x:abc", "quantivista/x:{commit}", None),
    ],
)
def test_versions_in_images(image: str, pattern: str, version: str | None) -> None:
    assert version_in_image(image, pattern) == version


def test_the_live_version_is_by_label_then_pattern_then_ledger() -> None:
    stay = LedgerFact(
        version="v7", commit="abc", slot=None, since=START, source="adopted", image="x@sha256:1"
    )
    slot = SlotFact(slot="blue", exists=True, image="q/x:v2", version="v1")
    assert live_version(slot, "q/x:{version}", [stay]) == "v1"
    unlabelled = slot.model_copy(update={"version": None})
    assert live_version(unlabelled, "q/x:{version}", [stay]) == "v2"
    digest = unlabelled.model_copy(update={"image": "x@sha256:1"})
    assert live_version(digest, "q/x:{version}", [stay]) == "v7"
    assert live_version(digest, "q/x:{version}", []) is None
    bare_slot = unlabelled.model_copy(update={"image": None})
    assert live_version(bare_slot, "q/x:{version}", [stay]) is None
    assert live_commit("7.0.0", [stay]) == "abc"
    assert image_of("q/x:{version}-{commit}", "v1", "abc") == "q/x:v1-abc"
