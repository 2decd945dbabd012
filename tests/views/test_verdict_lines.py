"""What a verdict is in words."""

import pytest
from inline_snapshot import snapshot

from bot.domain.judge import Evidence, Look, Margins, begin, look
from bot.views.verdict_lines import sentence

Row = tuple[int, int, int, int]


def seen(*rows: Row, m: float = 1, dt: float = 15) -> Evidence:
    evidence = begin(Margins(m=m))
    for n_c, f_c, n_s, f_s in rows:
        row = Look(dt=dt, n_c=n_c, f_c=f_c, n_s=n_s, f_s=f_s)
        evidence = look(evidence, row, Margins(m=m))
    return evidence


def test_too_little_to_judge() -> None:
    said = sentence(seen((412, 3, 3690, 27)), Margins(m=1))
    assert said == snapshot(
        "too little traffic to judge yet: 412 requests on green, 3 failed (blue: 27 of 3,690). About 1 more minute."
    )
    assert sentence(begin(Margins()), Margins()) == snapshot(
        "too little traffic to judge yet: 0 requests on green, 0 failed (blue: 0 of 0)."
    )


def test_healthy() -> None:
    said = sentence(seen(*[(1500, 1, 13500, 12)] * 15), Margins(m=1))
    assert said == snapshot(
        "healthy: errors 0.067 % (blue 0.089 %). We can rule out twice blue's rate + 0.1 points (95 % sure)."
    )


def test_not_clean() -> None:
    said = sentence(seen((150, 1, 1350, 2), (148, 3, 1362, 1)), Margins(m=1))
    assert said == snapshot(
        "not clean: errors 1.3 % (blue 0.11 %), 4 more failures than we tolerate, but chance explains it. Evidence 12 of 100."
    )


def test_good_for_long_and_lately_not_clean() -> None:
    rows = [(1500, 0, 13500, 40)] * 20 + [(1500, 30, 13500, 14)]
    said = sentence(seen(*rows), Margins(m=1))
    assert said == snapshot(
        "healthy: errors 0.095 % (blue 0.29 %). We can rule out twice blue's rate + 0.1 points (95 % sure)."
    )


@pytest.mark.parametrize("rows", [[(1500, 700, 13500, 14)] * 3])
def test_unhealthy(rows: list[Row]) -> None:
    assert sentence(seen(*rows), Margins(m=1)) == snapshot(
        "unhealthy: errors 47 % (blue 0.10 %): 2,095 more failures than we tolerate. Evidence 63,000 (limit 100). If the new version were fine, this would happen in fewer than 1 of 100 releases."
    )
    assert "> 1 million" in sentence(seen(*rows * 10), Margins(m=1))
    assert sentence(seen(*rows), Margins(m=1), new="blue", live="green") == snapshot(
        "unhealthy: errors 47 % (green 0.10 %): 2,095 more failures than we tolerate. Evidence 63,000 (limit 100). If the new version were fine, this would happen in fewer than 1 of 100 releases."
    )
