"""Watches: the API server says when something of a target has changed (list and watch).

Used by `cluster`. A change is only a hint to look, like a webhook: what it was is not read here.
So only metadata is asked for, and nothing is listed at the start. Where a watch can't be had the
target counts as not followed, and is looked at as often as before.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass, field
from time import monotonic

import structlog

from bot.domain.targets import Target
from bot.errors import ForbiddenError, MissingError, PermanentError, TemporaryError
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.kinds import DEPLOYMENTS, PODS, Kind
from integrations.kubernetes.objects import Object
from integrations.kubernetes.traffic import way_of

log = structlog.get_logger()

STREAM_SECONDS = 300
"""How long the server keeps one watch open before it is begun anew."""

PAUSES = (0.5, 1.0, 2.0, 5.0, 15.0)
"""Seconds before the next try, after each failure in a row: the client itself does not wait."""

DENIED_SECONDS = 600.0
"""How long a right that is missing is not tried again."""

FORGET_SECONDS = 900.0
"""A target that nobody has asked for in so long is followed no more."""

Place = tuple[str, str]
"""Service and environment."""

Report = Callable[[Place], None]
Space = tuple[str | None, str]
"""Kubeconfig context and namespace: what one set of watches covers."""


@dataclass
class _Followed:
    """The targets of one namespace, by the objects that they have there."""

    names: dict[tuple[Kind, str], set[Place]] = field(default_factory=dict)
    asked: dict[Place, float] = field(default_factory=dict)
    open: set[Kind] = field(default_factory=set)
    """Kinds whose watch is open now."""
    tasks: dict[Kind, asyncio.Task[None]] = field(default_factory=dict)


class Watches:
    """Every watch of this process. `report` is told which target has changed, or may have."""

    def __init__(
        self, api_of: Callable[[str | None], KubeApi], seconds: int = STREAM_SECONDS
    ) -> None:
        self._api_of = api_of
        self._seconds = seconds
        self._spaces: dict[Space, _Followed] = {}
        self._report: Report | None = None

    def start(self, report: Report) -> None:
        """From now on targets can be followed."""
        self._report = report

    async def stop(self) -> None:
        """End every watch."""
        self._report = None
        tasks = [task for space in self._spaces.values() for task in space.tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._spaces.clear()

    def follow(self, target: Target) -> bool:
        """Follow a target from now on. True: its changes are reported, from this moment.

        Whoever looks at it after this call misses nothing between the look and the reports.
        """
        if self._report is None:
            return False
        space = self._spaces.setdefault((target.cluster, target.namespace), _Followed())
        place = (target.service, target.environment)
        known = place in space.asked
        space.asked[place] = monotonic()
        if not known:
            for key in _objects(target):
                space.names.setdefault(key, set()).add(place)
        kinds = {kind for kind, _ in _objects(target)}
        for kind in kinds - set(space.tasks):
            watch = self._watch(target.cluster, target.namespace, kind, space)
            # It outlives the tick that asked for it: its lines must not bear that release's id.
            space.tasks[kind] = asyncio.create_task(watch, context=Context())
        return kinds <= space.open

    async def _watch(
        self, cluster: str | None, namespace: str, kind: Kind, space: _Followed
    ) -> None:
        """Keep one watch open as long as anybody is followed."""
        api, path = self._api_of(cluster), kind.path(namespace)
        failed = 0
        while _forget_old(space):
            try:
                await self._stream(api, path, kind, space)
                failed = 0
            except (ForbiddenError, MissingError) as error:
                log.warning("watch_denied", what=kind.plural, namespace=namespace, why=str(error))
                await asyncio.sleep(DENIED_SECONDS)
            except (TemporaryError, PermanentError) as error:
                log.info("watch_broken", what=kind.plural, namespace=namespace, why=str(error))
                await asyncio.sleep(PAUSES[min(failed, len(PAUSES) - 1)])
                failed += 1
        space.tasks.pop(kind, None)

    async def _stream(self, api: KubeApi, path: str, kind: Kind, space: _Followed) -> None:
        # One object is enough to learn from which version on to watch.
        first = await api.get(path, limit="1")
        version = str((first.get("metadata") or {}).get("resourceVersion") or "0")
        stream = api.stream(
            path,
            seconds=self._seconds,
            resourceVersion=version,
            allowWatchBookmarks="true",
        )
        space.open.add(kind)
        try:
            # What changed while nobody watched nobody has told.
            self._tell(space, space.asked)
            async for event in stream:
                if event.get("type") == "ERROR":
                    # Mostly 410: the version is too old. The next stream begins at the newest.
                    return
                if event.get("type") != "BOOKMARK":
                    self._tell(space, space.names.get((kind, _name(kind, event["object"])), ()))
        finally:
            space.open.discard(kind)

    def _tell(self, space: _Followed, places: Iterable[Place]) -> None:
        for place in list(places):
            if self._report is not None and place in space.asked:
                self._report(place)


def _objects(target: Target) -> list[tuple[Kind, str]]:
    """Name what a target has in its namespace, by kind; pods by what runs them."""
    way = way_of(target)
    runners = [*target.deployments, *([target.baseline] if target.baseline else [])]
    deployments = [(DEPLOYMENTS, name) for name in runners if not target.is_rollout]
    pods = [(PODS, name) for name in runners]
    return list(dict.fromkeys([*deployments, *pods, (way.kind, way.name(target))]))


def _name(kind: Kind, item: Object) -> str:
    """Name an object, a pod by the Deployment or Rollout that its ReplicaSet belongs to."""
    metadata = item.get("metadata") or {}
    if kind != PODS:
        return str(metadata.get("name"))
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("kind") == "ReplicaSet":
            return str(owner.get("name")).rpartition("-")[0]
    return ""


def _forget_old(space: _Followed) -> bool:
    """Drop the targets that nobody asked for lately; whether any are left."""
    old = monotonic() - FORGET_SECONDS
    for place in [place for place, asked in space.asked.items() if asked < old]:
        del space.asked[place]
        for places in space.names.values():
            places.discard(place)
    space.names = {key: places for key, places in space.names.items() if places}
    return bool(space.asked)
