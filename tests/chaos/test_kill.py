"""kill -9 at any boundary: nothing lost, nothing done twice, every chain verified."""

from pathlib import Path

import pytest

from tests.chaos.driver import Scene

STORIES = [
    ("payments", "success"),
    ("orders", "success"),
    ("payments", "rollback"),
    ("orders", "back"),
    ("payments", "crash"),
]


@pytest.mark.chaos
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("service", "story"), [("payments", "rollback"), ("orders", "back")])
async def test_a_release_survives_kills(
    database: str, tmp_path: Path, service: str, story: str
) -> None:
    scene = Scene(tmp_path, database, seed=7, service=service, story=story, kills=3)
    await scene.play()
    assert scene.killed >= 3


@pytest.mark.chaos_full
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize(("service", "story"), STORIES)
async def test_every_release_survives_every_kill(
    database: str, tmp_path: Path, service: str, story: str, seed: int
) -> None:
    scene = Scene(tmp_path, database, seed=seed, service=service, story=story, kills=12)
    await scene.play()
    assert scene.killed >= 10
