"""Going back to a version that ran here before, when a switch no longer does. Pure.

Used by `engine.rollbacks` (which version) and `engine.waiting` (its gates); the plan is any other's
(`planning.build_plan`). What
ran and was verified here needs no new proof: of the gates only those are asked that say whether
the cluster can do it now. Freezes and locks never stop it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.domain import gates
from bot.domain.facts import Facts
from bot.domain.gates.result import GateResult, failed
from bot.domain.policies import Approvals, EvidenceRules
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.standing import STOP_GATES
from bot.domain.value import Value
from bot.domain.versions import bare, same_version

TOLD = ("order", *STOP_GATES)
"""Gates that are asked, and whose no is told and stops nothing."""

ASKED = ("live", "free", "cluster", *TOLD)
"""Gates that are asked."""


class Former(Value):
    """A version that ran in the environment: its commit and image as they were then."""

    version: str
    commit: str | None
    image: str
    since: datetime | None = None
    until: datetime | None = None
    replaces: str | None = None
    """The version that it is to take the place of. Where another runs, nobody asked for this."""


def former_of(stays: Iterable[Former], current: str | None, wanted: str | None) -> Former | None:
    """Pick where to go back to: the version wanted, or the newest that is not the current one.

    `stays`: what ran here and was not found bad, newest first.
    """
    for stay in stays:
        if wanted is not None and same_version(stay.version, wanted):
            return stay
        if wanted is None and not same_version(stay.version, current):
            return stay
    return None


def return_rules(rules: Rules) -> Rules:
    """Give the rules without what is asked of a new version only."""
    approvals = Approvals(count=0, expires=rules.approvals.expires)
    changes = {
        "checks": (),
        "after": None,
        "soak": timedelta(0),
        "approvals": approvals,
        "evidence": EvidenceRules(),
    }
    return rules.model_copy(update=changes)


def return_gates(
    former: Former, request: ReleaseRequest, facts: Facts, rules: Rules
) -> tuple[GateResult, ...]:
    """Ask the gates that make sense. Only a rollback passes a lock."""
    unlocked = facts.model_copy(update={"lock": None})
    asked = (evaluate(request, unlocked, rules) for name, evaluate in gates.GATES if name in ASKED)
    found = [_told(gate) if gate.gate in TOLD else gate for gate in asked if gate]
    other = _another_runs(former, facts.live_version)
    return (*([other] if other else []), *found)


def _another_runs(former: Former, live: str | None) -> GateResult | None:
    """Fail where what was to be taken back is not live any more: the question is another now."""
    if live is None or former.replaces is None or same_version(live, former.replaces):
        return None
    sentence = f"{bare(live)} runs there now, and {bare(former.replaces)} was to be taken back."
    return failed("live", Reason.NOTHING_TO_DO, sentence, "Cancel this, and look at what runs.")


def _told(gate: GateResult) -> GateResult:
    if gate.status == "passed":
        return gate
    sentence = f"{gate.sentence.rstrip('.')}. The rollback goes all the same."
    return gate.model_copy(update={"status": "overridden", "sentence": sentence, "next_step": None})
