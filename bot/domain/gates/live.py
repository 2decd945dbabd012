"""Gate: it is known what runs now, so that one knows what a rollback would go back to."""

from bot.domain.facts import Facts, Unknown
from bot.domain.gates.result import GateResult, failed, passed
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules

NAME = "live"
POSITION = 20


def evaluate(request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult | None:
    """Speak only where the live version can't be told."""
    if isinstance(facts.cluster, Unknown) or facts.live_version is not None:
        return None
    live = facts.cluster.value.live
    if rules.kind_for(request) == "workflow" and not facts.cluster.value.has_pods:
        return passed(NAME, "the first that the ledger sees here: there is no way back from it")
    if live is None:
        return None
    return failed(
        NAME,
        Reason.LIVE_VERSION_UNKNOWN,
        f"{rules.target.where(live.slot)} runs {live.image or 'no image'}, and nothing tells "
        "which version that is.",
        f"Record it: `/release adopt {request.service} VERSION {request.environment}`.",
    )
