"""Pods as far as a person who asks for their last lines is concerned; and which one is meant."""

from collections.abc import Sequence

from bot.domain.value import Value


class PodSeen(Value):
    """A pod of a slot, and the container in it that fails, else the service's own."""

    name: str
    container: str
    image: str | None = None
    """The image of the service's own container."""
    ready: bool
    word: str | None = None
    """Why the container waits, in the cluster's word."""
    restarts: int = 0
    crashed: bool = False
    """Whether the container has ended before: then that run's lines tell why."""


def failing_pod(pods: Sequence[PodSeen], known: str | None) -> PodSeen | None:
    """Pick the pod that is meant: the one that the release failed by, else one that fails now."""
    named = [pod for pod in pods if pod.name == known]
    sick = [pod for pod in pods if not pod.ready or pod.crashed]
    worst = sorted(sick, key=lambda pod: (pod.ready, -pod.restarts, pod.name))
    return next(iter([*named, *worst]), None)
