"""What is kept of the looks, and which chart a reason asks for."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.analysis import KEPT, Analysis, Point, kept
from bot.domain.charts import CHARTED, chart_of
from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.domain.releases import Progress
from tests.views.releases import release
from tests.virtual import START


def course(count: int) -> tuple[Point, ...]:
    return tuple(
        Point(START + timedelta(seconds=15 * n), 10.0, 1.0, 90.0, 2.0) for n in range(count)
    )


@given(st.integers(1, 2000))
def test_a_course_keeps_all_of_its_time_and_each_request_within_bounds(count: int) -> None:
    found: tuple[Point, ...] = ()
    for point in course(count):
        found = kept((*found, point))
        assert len(found) <= KEPT
    assert found[-1].at == START + timedelta(seconds=15 * (count - 1))
    gaps = [later.at - point.at for point, later in pairwise(found)]
    assert max(gaps, default=timedelta(0)) <= timedelta(seconds=15 * max(1, 4 * count / KEPT))
    assert found[0] == course(1)[0]
    assert sum(p.n_c for p in found) == 10 * count
    assert sum(p.f_s for p in found) == 2 * count
    assert [p.at for p in found] == sorted({p.at for p in found})


def test_what_older_versions_wrote_is_read_and_what_is_written_is_short() -> None:
    assert Analysis.model_validate({"thin": 1}).courses == {}
    assert Progress.model_validate({"weight": 10}).moves == ()
    written = Analysis(courses={"errors": course(KEPT)}).model_dump_json()
    assert len(written) < 15_000
    assert Analysis.model_validate_json(written).courses["errors"] == course(KEPT)


@pytest.mark.parametrize("reason", [None, *Reason])
def test_without_a_look_there_is_nothing_to_draw(reason: Reason | None) -> None:
    assert chart_of(release(State.PAUSED, reason=reason), START) is None


def test_only_what_comes_from_the_metrics_has_a_chart() -> None:
    assert {reason.value for reason in CHARTED} == {
        "metrics_unhealthy",
        "metrics_marginal",
        "metrics_undecided",
        "no_traffic",
        "guard_broken",
    }
