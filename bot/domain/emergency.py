"""Breaking the glass: which gates an emergency passes, and when its review is asked for. Pure.

What it may pass is the policy's (`policies.Emergency`); what no policy may let pass is here.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from bot.domain.catalog import Catalog
from bot.domain.gates import GATES
from bot.domain.gates.result import GateResult
from bot.domain.reasons import Reason
from bot.domain.rules import Rules
from bot.domain.value import Value

NEVER: Mapping[str, str] = {
    "version": "without its tag nobody knows which commit would be released",
    "live": "without the live version there would be no way back",
    "cluster": "what the cluster can't take would fail half-way",
    "free": "two releases at once would undo each other",
}
"""Gates that no emergency passes, and why: they say what can be done, not what may be."""

APPROVALS = "approvals"
"""How the record names approvals that an emergency does without, beside the gates."""

LEAST_REASON = 10
"""Characters of a reason. The review begins with it: "fix" tells nobody anything."""

MOST_REASON = 500
"""Characters of a reason: it stands on the card, in the channel and beside each gate."""

NAG = timedelta(hours=4)
LATER_NAG = timedelta(days=1)
LONG_DUE = timedelta(days=3)
"""How long after the review was due reminders become rarer: `NAG` until then, `LATER_NAG` after."""


class Review(Value):
    """The review of one emergency. `roles` and `channel` are the policy's when it was asked."""

    release_id: str
    channel: str
    roles: tuple[str, ...]
    asked_at: datetime
    due_at: datetime
    announced_at: datetime | None = None
    told: tuple[str, ...] = ()
    """Overridden gates that the channel has heard of."""
    next_at: datetime | None = None
    """When to look at it next: to announce what nobody has, or to nag. None: it is done."""
    nags: int = 0
    done_at: datetime | None = None
    done_by: str | None = None
    """Slack id."""
    comment: str | None = None


def may_pass(gate: str, rules: Rules) -> bool:
    """Whether an emergency under these rules passes that gate."""
    return rules.emergency is not None and gate in rules.emergency.passes and gate not in NEVER


def override(
    gates: Iterable[GateResult], rules: Rules, by: str, why: str
) -> tuple[GateResult, ...]:
    """Mark what would stop the release and may be passed; what passes by itself stays as it is.

    `by`: a Slack id.
    """
    found = [overridden(gate, by, why) if _stops(gate, rules) else gate for gate in gates]
    return (*found, *_approvals(rules, by, why))


def _stops(gate: GateResult, rules: Rules) -> bool:
    return gate.status in ("failed", "waiting") and may_pass(gate.gate, rules)


def overridden(gate: GateResult, by: str, why: str) -> GateResult:
    """Give the gate's answer as overridden. Its reason stays: it did not pass."""
    return gate.model_copy(
        update={
            "status": "overridden",
            "sentence": f"{gate.sentence} Overridden by <@{by}>: {why}",
            "said": gate.sentence,
            "next_step": None,
            "until": None,
        }
    )


def _approvals(rules: Rules, by: str, why: str) -> Iterable[GateResult]:
    need, usual = rules.approvals.count, rules.usual_approvals or 0
    if usual <= need:
        return
    sentence = f"{need} of the usual {usual} needed."
    short = GateResult(
        gate=APPROVALS, status="failed", sentence=sentence, reason=Reason.NEEDS_APPROVAL
    )
    yield overridden(short, by, why)


def passed_over(gates: Iterable[GateResult]) -> dict[str, str]:
    """Name the gates that an emergency overrode, each with what it had said itself.

    A gate that only warns is none of them.
    """
    return {gate.gate: gate.said for gate in gates if gate.said is not None}


def set_over(gates: Iterable[GateResult], one: GateResult) -> tuple[GateResult, ...]:
    """Put a gate's later answer in the place of its earlier one."""
    found = tuple(gates)
    if all(gate.gate != one.gate for gate in found):
        return (*found, one)
    return tuple(one if gate.gate == one.gate else gate for gate in found)


def next_nag(review: Review, now: datetime) -> datetime:
    """Say when to remind people next: at half of the time, when it is due, and on and on."""
    half = review.asked_at + (review.due_at - review.asked_at) / 2
    if now < half:
        return half
    if now < review.due_at:
        return review.due_at
    late = review.due_at + LONG_DUE
    start, step = (review.due_at, NAG) if now < late else (late, LATER_NAG)
    return start + ((now - start) // step + 1) * step


def channels(catalog: Catalog) -> frozenset[str]:
    """List the channels in which emergencies are announced, and may be reviewed."""
    policies = catalog.policies.values()
    return frozenset(policy.emergency.channel for policy in policies if policy.emergency)


def wrong_gates(names: Iterable[str]) -> Iterable[tuple[int, str]]:
    """Say of gates that a policy names by their place what is wrong with them."""
    known = {name for name, _ in GATES}
    for at, name in enumerate(names):
        if name in NEVER:
            yield at, f"no emergency passes {name}: {NEVER[name]}"
        elif name not in known:
            yield at, f"there is no gate {name}; it passes {', '.join(sorted(known - set(NEVER)))}"
