"""Pods of a Deployment over time: pure functions of their age and of how their image behaves."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

Object = dict[str, Any]

Kind = Literal[
    "good", "crashes", "crashes_after", "unpullable", "config_error", "unschedulable",
    "never_ready", "oom",
]  # fmt: skip


@dataclass(frozen=True)
class Behaviour:
    """How pods of an image behave. `after` is for `crashes_after`: seconds of good health."""

    kind: Kind = "good"
    after: float = 0.0


GOOD = Behaviour()
RESTART_SECONDS = 10


@dataclass
class Pod:
    """One pod. `template` is the hash of the template that it was made from."""

    name: str
    template: str
    image: str
    labels: dict[str, str]
    born: datetime
    container: str
    old: bool = field(default=False)
    """It was there when the world was made, so it needs no time to become ready."""


@dataclass(frozen=True)
class Health:
    """What a pod is at a moment."""

    ready: bool
    waiting: str | None = None
    message: str = ""
    restarts: int = 0
    scheduled: bool = True
    last_exit: str | None = None


def health(pod: Pod, behaviour: Behaviour, now: datetime, ready_after: float) -> Health:
    """Compute a pod's state from its age."""
    age = (now - pod.born).total_seconds()
    up = pod.old or age >= ready_after
    match behaviour.kind:
        case "good":
            return Health(ready=up)
        case "crashes":
            return _crashing(age)
        case "oom":
            return _crashing(age, "OOMKilled")
        case "crashes_after":
            sick = age - behaviour.after
            return Health(ready=up) if sick < 0 else _crashing(sick)
        case "unpullable":
            word = "ErrImagePull" if age < 1 else "ImagePullBackOff"
            return Health(
                ready=False, waiting=word, message=f'Back-off pulling image "{pod.image}"'
            )
        case "config_error":
            return Health(
                ready=False,
                waiting="CreateContainerConfigError",
                message='configmap "settings" not found',
            )
        case "unschedulable":
            return Health(ready=False, scheduled=False, message="0/6 nodes are available")
        case "never_ready":
            return Health(ready=False)


def _crashing(age: float, reason: str = "Error") -> Health:
    if age < 0.5:  # noqa: PLR2004 - it runs for a moment before it crashes
        return Health(ready=False)
    return Health(
        ready=False,
        waiting="CrashLoopBackOff",
        message="back-off restarting failed container",
        restarts=1 + int(age // RESTART_SECONDS),
        last_exit=reason,
    )


def as_object(pod: Pod, state: Health, namespace: str, owner: str) -> Object:
    """Write a pod as the API does."""
    born = stamp(pod.born)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": namespace,
            "labels": {"pod-template-hash": pod.template, **pod.labels},
            "creationTimestamp": born,
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"{owner}-{pod.template}",
                    "uid": f"uid-{owner}-{pod.template}",
                    "controller": True,
                }
            ],
        },
        "spec": {"containers": [{"name": pod.container, "image": pod.image}]},
        "status": _status(pod, state, born),
    }


def _status(pod: Pod, state: Health, born: str) -> Object:
    scheduled: Object = {"type": "PodScheduled", "status": "True"}
    if not state.scheduled:
        scheduled |= {"status": "False", "reason": "Unschedulable", "message": state.message}
        return {"phase": "Pending", "conditions": [scheduled]}
    flag = "True" if state.ready else "False"
    status: Object = {
        "phase": "Pending" if state.waiting and not state.restarts else "Running",
        "startTime": born,
        "podIP": "10.0.0.1",
        "conditions": [scheduled, {"type": "Ready", "status": flag}],
        "containerStatuses": [_container(pod, state, born)],
    }
    return status


def _container(pod: Pod, state: Health, born: str) -> Object:
    running: Object = {"running": {"startedAt": born}}
    waiting: Object = {"waiting": {"reason": state.waiting, "message": state.message}}
    last: Object = {}
    if state.last_exit:
        code = 137 if state.last_exit == "OOMKilled" else 1
        last = {"terminated": {"exitCode": code, "reason": state.last_exit}}
    return {
        "name": pod.container,
        "image": pod.image,
        "imageID": f"sha256:{pod.template}",
        "ready": state.ready,
        "started": not state.waiting,
        "restartCount": state.restarts,
        "state": waiting if state.waiting else running,
        "lastState": last,
    }


def stamp(moment: datetime) -> str:
    """Write a moment as the API does: whole seconds, UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_stamp(text: str) -> datetime:
    """Read such a moment."""
    return datetime.fromisoformat(text)


DEADLINE = timedelta(seconds=600)
"""Default of progressDeadlineSeconds."""


def kept_out(name: str) -> Object:
    """What a Deployment says whose pods the quota keeps out."""
    message = f'pods "{name}-x" is forbidden: exceeded quota: pods, requested: pods=1'
    return {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": message,
    }
