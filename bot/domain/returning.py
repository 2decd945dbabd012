"""Going back to a version that ran here before, when a switch no longer does. Pure.

Used by `engine.rollbacks` (which version) and `engine.waiting` (its gates); the plan is any other's
(`planning.build_plan`). What
ran and was verified here needs no new proof: of the gates only those are asked that say whether
the cluster can do it now. Freezes and locks never stop it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.domain import gates
from bot.domain.catalog import Approvals
from bot.domain.facts import Facts
from bot.domain.gates.result import GateResult
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.value import Value
from bot.domain.versions import same_version

ASKED = ("live", "order", "free", "cluster")
"""Gates that are asked; what `order` says is told, and stops nothing."""


class Former(Value):
    """A version that ran in the environment: its commit and image as they were then."""

    version: str
    commit: str | None
    image: str
    since: datetime | None = None
    until: datetime | None = None


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
    changes = {"checks": (), "after": None, "soak": timedelta(0), "approvals": approvals}
    return rules.model_copy(update=changes)


def return_gates(request: ReleaseRequest, facts: Facts, rules: Rules) -> tuple[GateResult, ...]:
    """Ask the gates that make sense. Only a rollback passes a lock."""
    unlocked = facts.model_copy(update={"lock": None})
    asked = (evaluate(request, unlocked, rules) for name, evaluate in gates.GATES if name in ASKED)
    return tuple(_told(gate) if gate.gate == "order" else gate for gate in asked if gate)


def _told(gate: GateResult) -> GateResult:
    if gate.status == "passed":
        return gate
    sentence = f"{gate.sentence.rstrip('.')}. The rollback goes all the same."
    return gate.model_copy(update={"status": "overridden", "sentence": sentence, "next_step": None})
