"""`KubernetesLogs`: the `PodLogs` port. Reads the end of one container's log, within bounds.

Made by `cluster`. What it reads may hold anything: it is handed over and kept nowhere.
"""

from collections.abc import Callable

from bot.domain.catalog import Slot
from bot.domain.pods import PodSeen
from bot.domain.targets import Target
from bot.errors import MissingError
from bot.ports_health import Tail
from integrations.kubernetes import objects
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.kinds import DEPLOYMENTS, PODS
from integrations.kubernetes.objects import Object
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.rollout_slots import RolloutSlots

MOST_BYTES = 262_144
"""The server counts them from the first of the lines that are asked for, and stops there."""


class KubernetesLogs:
    """Logs by target and pod."""

    def __init__(self, api_at: Callable[[str | None], KubeApi], reader: Reader) -> None:
        self._api_at = api_at
        self._reader = reader

    async def pods(self, target: Target, slot: Slot) -> tuple[PodSeen, ...]:
        """List the slot's pods, newest template or not."""
        try:
            pods = await self._pods(target, slot)
        except MissingError:
            return ()
        return tuple(pod_seen(pod, target.container(slot)) for pod in pods)

    async def _pods(self, target: Target, slot: Slot) -> list[Object]:
        if target.is_rollout:
            return await RolloutSlots(self._reader).pods(target, slot)
        name = target.deployment(slot)
        reading = self._reader.item(target, DEPLOYMENTS, name)
        _, pods = await self._reader.with_pods(target, name, reading, objects.match_labels)
        return pods

    async def tail(self, target: Target, pod: PodSeen, lines: int) -> Tail:
        """Ask for the last lines; of the run before, where the container has crashed."""
        query = {
            "container": pod.container,
            "tailLines": str(lines),
            "limitBytes": str(MOST_BYTES),
            "previous": "true" if pod.crashed else "false",
        }
        path = f"{PODS.path(target.namespace, pod.name)}/log"
        text = await self._api_at(target.cluster).text(path, **query)
        return Tail(text=text, whole=len(text.encode()) < MOST_BYTES)


def pod_seen(pod: Object, own: str) -> PodSeen:
    """Read a pod, and the first of its containers that can't run; else the service's own."""
    statuses = objects.statuses(pod)
    sick = next((one for one in statuses if _waits(one) in objects.WAITING_FOR_GOOD), None)
    shown = sick or next((one for one in statuses if one.get("name") == own), {})
    return PodSeen(
        name=pod["metadata"]["name"],
        container=shown.get("name") or own,
        image=objects.image_of(pod, own),
        ready=objects.is_ready(pod),
        word=_waits(shown),
        restarts=int(shown.get("restartCount") or 0),
        crashed=bool((shown.get("lastState") or {}).get("terminated")),
    )


def _waits(status: Object) -> str | None:
    reason: str | None = ((status.get("state") or {}).get("waiting") or {}).get("reason")
    return reason
