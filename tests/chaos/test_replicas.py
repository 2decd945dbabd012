"""Three replicas on one PostgreSQL: killed, frozen, their database restarted; nothing is lost.

`CHAOS_ROUNDS=31 make chaos` makes it more than three hundred releases.
"""

import os
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.fleet import Fleet
from tests.conftest import fresh_database


@pytest.mark.chaos
@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_few_releases_survive_three_replicas_bad_luck(
    own_postgres: Any, tmp_path: Path
) -> None:
    database = fresh_database(own_postgres)
    fleet = Fleet(tmp_path, own_postgres, database, services=4, rounds=2, seed=3)
    await fleet.play()
    assert len(fleet.made) >= 8
    assert fleet.luck.total() >= fleet.least


@pytest.mark.chaos_full
@pytest.mark.timeout(1800)
async def test_many_releases_survive_it(own_postgres: Any, tmp_path: Path) -> None:
    rounds = int(os.environ.get("CHAOS_ROUNDS", "5"))
    database = fresh_database(own_postgres)
    fleet = Fleet(tmp_path, own_postgres, database, services=10, rounds=rounds, seed=5, least=3)
    await fleet.play()
    assert len(fleet.made) >= 10 * rounds
    assert fleet.luck.total() >= fleet.least
    sys.stderr.write(_told(fleet))


def _told(fleet: Fleet) -> str:
    """Figures for the reader of the log; no test hangs on how fast a machine is."""
    took = sorted(fleet.takeovers) or [0.0]
    middle, longest = statistics.median(took), took[-1]
    return (
        f"\n{len(fleet.made)} releases; {dict(fleet.luck)}; {len(fleet.takeovers)} takeovers in "
        f"the middle of an effect: median {middle:.1f} s, longest {longest:.1f} s\n"
    )
