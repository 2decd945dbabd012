"""`KubernetesJobs`: the `Jobs` port. Starts a Job from a CronJob, as `kubectl create job` does.

Made by `cluster`. Kubernetes has no verb for it: whoever may create Jobs may create any Job. So
this reads the CronJob and sends its template back as it is, with a name, an owner and a mark.
"""

from collections.abc import Callable
from typing import Any, Literal

from bot.domain.targets import Target
from bot.errors import ConflictError, MissingError
from bot.ports_smoke import CronJob, Job
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.kinds import CRONJOBS, JOBS
from integrations.kubernetes.objects import RELEASE, Object, annotations

BY_HAND = {"cronjob.kubernetes.io/instantiate": "manual"}
"""What kubectl writes on a Job that the schedule did not start."""


class KubernetesJobs:
    """Jobs by target. `api_at` gives the connection to a cluster."""

    def __init__(self, api_at: Callable[[str | None], KubeApi]) -> None:
        self._api_at = api_at

    async def cronjob(self, target: Target, name: str) -> CronJob:
        """Read a CronJob. Raises MissingError where there is none."""
        path = CRONJOBS.path(target.namespace, name)
        item = await self._api_at(target.cluster).get(path)
        spec = item["spec"]
        return CronJob(
            name=name,
            uid=item["metadata"]["uid"],
            suspended=bool(spec.get("suspend")),
            template=spec["jobTemplate"],
        )

    async def job(self, target: Target, name: str) -> Job | None:
        """Read a Job; None where there is none."""
        try:
            found = await self._api_at(target.cluster).get(JOBS.path(target.namespace, name))
        except MissingError:
            return None
        return job_of(found)

    async def start_job(self, target: Target, source: CronJob, name: str, release: str) -> Job:
        """Make the Job; where its name is taken, give back whatever has it."""
        body = job_from(source, name, release)
        try:
            made = await self._api_at(target.cluster).post(JOBS.path(target.namespace), body)
        except ConflictError:
            there = await self.job(target, name)
            if there is None:
                # Something else was in the way, such as a quota that was being written.
                raise
            return there
        return job_of(made)

    async def delete_job(self, target: Target, seen: Job) -> None:
        """Delete the Job that was seen; its pods go in the background."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": seen.uid}}
        path = JOBS.path(target.namespace, seen.name)
        await self._api_at(target.cluster).delete(path, options)


def job_from(source: CronJob, name: str, release: str) -> Object:
    """Write the Job: the template as it is, beside it a name, an owner and the release's mark."""
    own: dict[str, Any] = dict(source.template.get("metadata") or {})
    mark = {RELEASE: release}
    # Without blockOwnerDeletion, which would need the right to write the CronJob's finalizers.
    owner = {
        "apiVersion": "batch/v1",
        "kind": CRONJOBS.word,
        "name": source.name,
        "uid": source.uid,
        "controller": True,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": JOBS.word,
        "metadata": {
            "name": name,
            "labels": {**(own.get("labels") or {}), **mark},
            "annotations": {**BY_HAND, **(own.get("annotations") or {}), **mark},
            "ownerReferences": [owner],
        },
        "spec": source.template["spec"],
    }


def job_of(item: Object) -> Job:
    """Read a Job from its conditions: only Complete and Failed are ends."""
    conditions = (item.get("status") or {}).get("conditions") or ()
    ends = {c["type"]: c for c in conditions if c.get("status") == "True"}
    phase: Literal["running", "complete", "failed"] = "running"
    if "Complete" in ends:
        phase = "complete"
    elif "Failed" in ends:
        phase = "failed"
    owners = item["metadata"].get("ownerReferences") or ()
    return Job(
        name=item["metadata"]["name"],
        uid=item["metadata"]["uid"],
        phase=phase,
        reason=ends["Failed"].get("reason") if phase == "failed" else None,
        owner=next((o["uid"] for o in owners if _controls(o)), None),
        release=annotations(item).get(RELEASE),
    )


def _controls(owner: Object) -> bool:
    return bool(owner.get("controller")) and owner.get("kind") == CRONJOBS.word
