"""CronJobs and Jobs of the simulated cluster: a Job runs for a while, and ends as it is told to.

CronJobs are stored and never started by their schedule: the ones here are suspended, unless a test
says otherwise.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from integrations.simulated.kubernetes.objects import ApiError, Object
from integrations.simulated.kubernetes.pods import parse_stamp, stamp

CRONJOBS, JOBS = "cronjobs", "jobs"
API = "apis/batch/v1"


@dataclass
class Jobs:
    """The control surface: how Jobs behave from now on. A Job that hangs never ends."""

    ends: Literal["succeeds", "fails", "hangs"] = "succeeds"
    seconds: float = 10.0
    reason: str = "BackoffLimitExceeded"
    deleted: list[Object] = field(default_factory=list)
    """Options with which Jobs were deleted."""

    def status(self, item: Object, now: datetime) -> Object:
        """Compute a Job's status from its age."""
        born = parse_stamp(item["metadata"]["creationTimestamp"])
        end = born + timedelta(seconds=self.seconds)
        started: Object = {"startTime": stamp(born)}
        if self.ends == "hangs" or now < end:
            return started | {"active": 1, "ready": 1}
        if self.ends == "succeeds":
            conditions = [_condition("SuccessCriteriaMet", end), _condition("Complete", end)]
            return started | {
                "succeeded": 1, "completionTime": stamp(end), "conditions": conditions,
            }  # fmt: skip
        why = {"reason": self.reason, "message": "Job has failed"}
        conditions = [_condition(kind, end) | why for kind in ("FailureTarget", "Failed")]
        return started | {"failed": 1, "conditions": conditions}

    def check_deleted(self, item: Object, options: Object) -> None:
        """Refuse to delete another object than the one that was meant."""
        wanted = (options.get("preconditions") or {}).get("uid")
        own = item["metadata"]["uid"]
        if wanted not in (None, own):
            message = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: "
            raise ApiError(409, "Conflict", message + own)
        self.deleted.append(options)


def _condition(kind: str, at: datetime) -> dict[str, Any]:
    return {"type": kind, "status": "True", "lastTransitionTime": stamp(at)}


def cronjob(name: str, *, suspended: bool = True) -> Object:
    """Write a CronJob as a team keeps it."""
    container = {
        "name": "smoke",
        "image": "quantivista/smoke:7",
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "smoke", "key": "t"}}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {
            "schedule": "0 0 31 2 *",
            "suspend": suspended,
            "jobTemplate": {
                "metadata": {"labels": {"team": "trading"}, "annotations": {"about": "smoke"}},
                "spec": {
                    "backoffLimit": 0,
                    "template": {
                        "spec": {
                            "serviceAccountName": "smoke",
                            "restartPolicy": "Never",
                            "containers": [container],
                        }
                    },
                },
            },
        },
    }
