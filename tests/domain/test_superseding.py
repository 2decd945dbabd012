"""Which of several reports stand. A failure must not be hidden by trying one part again."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import Format, Kind
from bot.domain.submitted import Sender, Submitted
from bot.domain.superseding import run_of, standing

NOW = datetime(2026, 3, 4, tzinfo=UTC)
RUN = "https://github.com/o/r/actions/runs"


def report(
    number: int, run: int | None = 1, attempt: int = 1, *, part: str = "", workflow: str = "w@a"
) -> Submitted:
    address = None if run is None else f"{RUN}/{run}/attempts/{attempt}"
    return Submitted(
        id=number,
        service="s",
        version="1",
        commit="c",
        kind=Kind.UNIT,
        format=Format.JUNIT,
        tool="pytest",
        part=part,
        digest=str(number),
        received_at=NOW + timedelta(minutes=number),
        sender=Sender(by="oidc", workflow=workflow, run=address),
        clean=True,
    )


def kept(*reports: Submitted) -> list[int]:
    return [one.id for one in standing(reports)]


def test_a_newer_run_takes_the_place_of_an_older_one() -> None:
    assert kept(report(1, 1), report(2, 2)) == [2]


def test_the_parts_of_one_run_stand_together() -> None:
    assert kept(report(1), report(2), report(3)) == [3, 2, 1]


def test_all_tried_again_takes_their_place() -> None:
    assert kept(report(1), report(2), report(3, attempt=2), report(4, attempt=2)) == [4, 3]


def test_one_tried_again_hides_none_of_the_others() -> None:
    assert kept(report(1), report(2), report(3, attempt=2)) == [3, 2, 1]


def test_parts_with_names_are_replaced_one_by_one() -> None:
    parts = [report(1, part="1"), report(2, part="2"), report(3, attempt=2, part="2")]
    assert kept(*parts) == [3, 1]


def test_another_workflow_replaces_nothing_and_another_ref_does() -> None:
    assert kept(report(1, 1, workflow="a@x"), report(2, 2, workflow="b@x")) == [2, 1]
    assert kept(report(1, 1, workflow="a@x"), report(2, 2, workflow="a@y")) == [2]


def test_without_a_run_each_is_one_of_its_own() -> None:
    assert kept(report(1, None), report(2, None)) == [2]


REPORTS = st.lists(
    st.builds(
        report,
        st.integers(1, 10_000),
        st.integers(1, 3),
        st.integers(1, 3),
        part=st.sampled_from(["", "a"]),
    ),
    unique_by=lambda one: one.id,
)


@given(REPORTS, st.randoms())
def test_the_order_of_asking_does_not_matter_and_the_newest_run_stands(
    reports: list[Submitted], random: Random
) -> None:
    found = standing(reports)
    mixed = list(reports)
    random.shuffle(mixed)
    assert standing(mixed) == found
    assert standing(found) == found
    if reports:
        newest = max(reports, key=lambda one: one.id)
        assert run_of(newest)[0] in {run_of(one)[0] for one in found}


@given(REPORTS)
def test_a_later_attempt_never_leaves_fewer_reports(reports: list[Submitted]) -> None:
    found = [one for one in standing(reports) if not one.part]
    for one in found:
        run = run_of(one)[0]
        attempts = Counter(run_of(r)[1] for r in reports if not r.part and run_of(r)[0] == run)
        assert len(found) >= max(attempts.values())
