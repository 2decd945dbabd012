"""Follows workflow runs by repository: one request tells of all that are under way (DESIGN §5).

Used by the steps that wait for runs. A webhook makes the next look a fresh one, whichever replica
took it; without webhooks it looks again and again, within GitHub's budget. Keeps nothing that a
restart would miss.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.hosting import current
from bot.domain.polling import poll_interval
from bot.domain.runs import Run
from bot.domain.titles import bears
from bot.errors import TemporaryError
from bot.ports import Clock, SourceHost
from bot.store import webhooks
from bot.store.session import Store


class Paces(Protocol):
    """The engine's limits, as far as runs go."""

    @property
    def run_poll(self) -> timedelta:
        """How often a run is looked at."""
        ...

    @property
    def run_resync(self) -> timedelta:
        """How often that is where webhooks arrive."""
        ...


class Surroundings(Protocol):
    """What following runs needs of the engine's world, which holds a `Polling` itself."""

    @property
    def store(self) -> Store:
        """The database."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def source(self) -> SourceHost:
        """GitHub."""
        ...

    @property
    def limits(self) -> Paces:
        """How often to look."""
        ...

    @property
    def hears_github(self) -> bool:
        """Whether webhooks can arrive at all."""
        ...


FOLLOWED = timedelta(minutes=15)
"""How long a run is counted as under way after somebody asked for it last."""

HEARD = timedelta(minutes=10)
"""A webhook of the last so many minutes shows that they arrive, whatever run it was about."""

SILENCE = timedelta(seconds=30)
"""A run of this age of which no webhook told: they don't arrive."""

JUST_NOW = timedelta(0)


@dataclass(frozen=True)
class Board:
    """What a repository's runs were at one look. `heard`: the last webhook before it."""

    at: datetime
    since: datetime
    heard: datetime | None
    runs: dict[int, Run]

    def knows(self, heard: datetime | None, since: datetime) -> bool:
        """Whether it reaches back so far, and no webhook came since that is not in it."""
        after = heard is None or (self.heard is not None and self.heard >= heard)
        return after and self.since <= since


@dataclass(frozen=True)
class Pace:
    """When to look again, how often that is, and whether webhooks fail to arrive."""

    again_at: datetime
    interval: timedelta
    silent: bool


class Polling:
    """One process's looks at repositories: those who wait for the same look share it."""

    def __init__(self) -> None:
        self._boards: dict[str, Board] = {}
        self._looking: dict[str, asyncio.Future[Board]] = {}
        self._followed: dict[str, dict[int, tuple[datetime, datetime]]] = defaultdict(dict)

    async def run(
        self, world: Surroundings, repository: str, run_id: int, since: datetime, within: timedelta
    ) -> Run:
        """Say how a run is: from a look no older than that. Raises MissingError where it is gone.

        A run that is not listed, yet or any more, is read by itself.
        """
        self._followed[repository][run_id] = (since, world.clock.now())
        oldest = min(began for began, _ in self._followed[repository].values())
        board = await self._board(world, repository, oldest, within)
        return board.runs.get(run_id) or await world.source.run(repository, run_id)

    async def find(
        self,
        world: Surroundings,
        repository: str,
        marks: tuple[str, str],
        since: datetime,
        within: timedelta,
    ) -> Run | None:
        """Find the oldest run since then that the bot may have started itself.

        `marks`: its workflow's file, and the `release_id` that its title bears. Whoever may start a
        run may write any title, and on a branch of their own any workflow: the bot's own are all
        on the default branch.
        """
        workflow, name = marks
        board = await self._board(world, repository, since, within)
        alike = [
            run
            for run in board.runs.values()
            if run.workflow == workflow and bears(run.title, name) and _young(run, since)
        ]
        if not alike:
            return None
        home = await world.source.default_branch(repository)
        mine = [run for run in alike if run.branch in (None, home)]
        return min(mine, key=lambda run: run.id, default=None)

    async def pace(self, world: Surroundings, repository: str, since: datetime) -> Pace:
        """Say when to look again at a run that was started at that moment, and how often.

        Where webhooks arrive it is looked at all the same, more seldom: some are lost.
        """
        now, limits = world.clock.now(), world.limits
        heard = await _heard(world, repository)
        arrive = heard is not None and (heard >= since or now - heard < HEARD)
        silent = not world.hears_github or (not arrive and now - since > SILENCE)
        base = limits.run_resync if arrive and not silent else limits.run_poll
        interval = poll_interval(base, self._under_way(now), current(world.source.budget(), now))
        board = self._boards.get(repository)
        slot = board.at + interval if board is not None else now
        return Pace(slot if slot > now else now + interval, interval, silent)

    def _under_way(self, now: datetime) -> int:
        """Count the repositories whose runs somebody waits for; forget the others."""
        for repository, runs in list(self._followed.items()):
            kept = {name: run for name, run in runs.items() if now - run[1] < FOLLOWED}
            if kept:
                self._followed[repository] = kept
            else:
                del self._followed[repository]
                self._boards.pop(repository, None)
        return len(self._followed)

    async def _board(
        self, world: Surroundings, repository: str, since: datetime, within: timedelta
    ) -> Board:
        """Give the last look where that is good enough; else look, or wait for who is looking."""
        asked = world.clock.now()
        heard = await _heard(world, repository)
        while True:
            board = self._boards.get(repository)
            # Whoever has looked since this asked has done it for both.
            if (
                board is not None
                and board.knows(heard, since)
                and (board.at > asked - within or board.at >= asked)
            ):
                return board
            looking = self._looking.get(repository)
            if looking is None:
                return await self._look(world, repository, since, heard)
            await looking

    async def _look(
        self, world: Surroundings, repository: str, since: datetime, heard: datetime | None
    ) -> Board:
        looking: asyncio.Future[Board] = asyncio.get_running_loop().create_future()
        self._looking[repository] = looking
        at = world.clock.now()
        try:
            runs = await world.source.runs(repository, since)
        except BaseException as error:
            whole = isinstance(error, Exception)
            looking.set_exception(error if whole else TemporaryError("the look was cut short", 1))
            # Where nobody waits for it, nobody need hear of it.
            looking.exception()
            raise
        else:
            board = Board(at, since, heard, {run.id: run for run in runs})
            self._boards[repository] = board
            looking.set_result(board)
            return board
        finally:
            del self._looking[repository]


async def _heard(world: Surroundings, repository: str) -> datetime | None:
    async with world.store.read() as session:
        return await webhooks.last(session, repository, "workflow_run")


def _young(run: Run, since: datetime) -> bool:
    return run.created_at is None or run.created_at >= since
