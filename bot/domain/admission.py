"""Admission: from gate results and approvals to what happens to the release next. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.domain.gates.result import GateResult
from bot.domain.lifecycle import Event
from bot.domain.plans import Plan
from bot.domain.reasons import Reason
from bot.domain.releases import Approval
from bot.domain.value import Value

ASK_AGAIN = timedelta(seconds=60)
"""How often a source that gave no answer is asked again (DESIGN §4)."""

LOOK_SLOWLY = timedelta(minutes=5)
"""How often what may mend itself is looked at again where no webhook told of it: webhooks get lost,
and with Socket Mode there are none."""

MAY_MEND = frozenset(
    {Reason.CHECKS_FAILED, Reason.CHECKS_MISSING, Reason.VERSION_UNKNOWN, Reason.LOCK_HELD}
)


class Admission(Value):
    """The event, why, and when to look again (None: only on Retry or at the end of its time)."""

    event: Event
    reason: Reason | None = None
    detail: str | None = None
    again_at: datetime | None = None


def yes_votes(approvals: Iterable[Approval], digest: str) -> tuple[Approval, ...]:
    """Pick the approvals that count for that plan."""
    return tuple(a for a in approvals if a.counts and a.digest == digest)


def admit(gates: Iterable[GateResult], now: datetime, *, approved: bool) -> Admission:
    """Decide. A waiting gate does not stop approval; a failed one stops everything."""
    results = tuple(gates)
    failed = [g for g in results if g.status == "failed"]
    waits = [g for g in results if g.status == "waiting"]
    if failed:
        # What is certain explains the block better than what could not be told.
        worst = next((g for g in failed if not g.could_not_tell), failed[0])
        return _blocked(worst, _again(failed, now))
    if not approved:
        return Admission(event=Event.APPROVAL_NEEDED, reason=Reason.NEEDS_APPROVAL)
    if waits:
        return _blocked(waits[0], min(g.until or now + ASK_AGAIN for g in waits))
    return Admission(event=Event.GATES_PASSED)


def _again(failed: Iterable[GateResult], now: datetime) -> datetime | None:
    results = tuple(failed)
    if any(gate.could_not_tell for gate in results):
        return now + ASK_AGAIN
    return now + LOOK_SLOWLY if any(gate.reason in MAY_MEND for gate in results) else None


def _blocked(gate: GateResult, again_at: datetime | None) -> Admission:
    return Admission(
        event=Event.GATES_REFUSED, reason=gate.reason, detail=gate.sentence, again_at=again_at
    )


def what_changed(old: Plan, new: Plan) -> str:
    """Say in words why an approval of the old plan does not cover the new one."""
    if old.commit != new.commit:
        return f"{new.tag} moved from {(old.commit or '')[:7]} to {(new.commit or '')[:7]}"
    if old.previous != new.previous or old.previous_image != new.previous_image:
        return f"the live version changed from {old.previous} to {new.previous}"
    if old.live != new.live:
        return f"the live slot changed from {old.live} to {new.live}"
    return "the catalogue changed what applies to it"
