"""Gate: the cluster is ready. Slots, services and route exist, and the bot may patch them.

What else acts on them is asked too: owners that would undo it, autoscalers, disruption budgets.
"""

from bot.domain import owners, surroundings
from bot.domain.baselines import most_pods
from bot.domain.catalog import IN_PLACE, other_slot
from bot.domain.facts import BaselineFact, ClusterFact, Facts, SlotFact, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown
from bot.domain.policies import StrategyKind
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules

NAME = "cluster"
POSITION = 80


def evaluate(request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult:
    """Fail on missing objects, missing rights, split traffic or a live slot that isn't whole."""
    if isinstance(facts.cluster, Unknown):
        return unknown(NAME, facts.cluster)
    cluster = facts.cluster.value
    by_workflow = rules.kind_for(request) == "workflow"
    if by_workflow and not cluster.has_pods:
        return passed(NAME, f"no Deployment here: {rules.deploy_workflow} does everything")
    if cluster.missing:
        return _no(f"There is no {', no '.join(cluster.missing)}.", "Create it, then press Retry.")
    # What a workflow does, it does by rights of its own.
    if cluster.forbidden and not by_workflow:
        return failed(
            NAME,
            Reason.CLUSTER_FORBIDDEN,
            f"The bot may not {', nor '.join(cluster.forbidden)} in {rules.target.namespace}.",
            f"Apply {_rights(rules)} there, then press Retry.",
        )
    if cluster.traffic.unfit:
        return _no(" ".join(cluster.traffic.unfit), "Mend that, then press Retry.")
    kind = rules.kind_for(request)
    unfit = _no_baseline(cluster, rules) if kind not in IN_PLACE else None
    return unfit or _owned(cluster, rules) or _traffic(cluster, rules, kind)


def _no_baseline(cluster: ClusterFact, rules: Rules) -> GateResult | None:
    """Refuse where the baseline that the catalogue names isn't there, or can't be one."""
    name, baseline = rules.target.baseline, cluster.baseline
    if name is None or baseline is None:
        return None
    if not baseline.exists:
        return _no(f"There is no Deployment {name}, the baseline.", "Create it, then press Retry.")
    if baseline.unfit:
        return _no(" ".join(baseline.unfit), "Mend that, then press Retry.")
    return None


def _owned(cluster: ClusterFact, rules: Rules) -> GateResult | None:
    """Refuse where an owner would undo a release, and nobody has said that it does not."""
    found = owners.undeclared(cluster.around.owned, rules.target)
    if not found:
        return None
    said, next_step = owners.said_of(found, rules.target), owners.leave_alone(found, rules.target)
    return failed(NAME, Reason.OWNED_ELSEWHERE, said, f"{next_step}, and press Retry.")


def _rights(rules: Rules) -> str:
    files = ["deploy/kubernetes/rbac.yaml"]
    if rules.target.traffic == "istio":
        files.append("rbac-istio.yaml")
    if rules.target.is_rollout:
        files.append("rbac-argo.yaml")
    if rules.target.smoke_cronjob is not None:
        files.append("rbac-smoke.yaml")
    return " and ".join(files)


def _traffic(cluster: ClusterFact, rules: Rules, kind: StrategyKind) -> GateResult:
    live = cluster.live
    if live is None:
        shares = ", ".join(
            f"{share} % on {slot}" for slot, share in cluster.traffic.weights.items()
        )
        return _no(
            f"No slot has all the traffic: {shares or 'neither slot is selected'}.",
            "Give it to one slot by hand, then press Retry.",
        )
    where = rules.target.where(live.slot)
    if live.ready == 0:
        return _no(f"{where} has the traffic and no ready pod.", "Mend that first, then Retry.")
    return _sizes(cluster, live, rules, kind)


def _sizes(cluster: ClusterFact, live: SlotFact, rules: Rules, kind: StrategyKind) -> GateResult:
    """Refuse where the idle slot could never take all traffic; caution about what may come."""
    around, size = cluster.around, max(live.wanted, 1)
    said = [f"{rules.target.where(live.slot)} is live with {live.ready} of {live.wanted} pods"]
    # Where there is one copy, its autoscaler sees to it before, while and after it is replaced.
    if not rules.target.one_copy:
        scaler = around.autoscaler(other_slot(live.slot))
        small = surroundings.too_small(scaler, live.slot, size) if scaler else None
        if small:
            return failed(NAME, Reason.AUTOSCALER_LIMIT, small[0], f"{small[1]}, then press Retry.")
        said += surroundings.autoscaler_cautions(around, live.slot, size)
    said += surroundings.budget_cautions(around.budgets)
    if cluster.baseline is not None and kind not in IN_PLACE:
        idle = cluster.slot(other_slot(live.slot)).wanted
        # What stands at the idle slot already is never made smaller for a blue-green release.
        new = max(size, idle) if kind == "blue-green" else size
        said += _baseline(cluster.baseline, most_pods(kind, rules.strategy.weights, new), rules)
    return passed(NAME, ". ".join(said))


def _baseline(baseline: BaselineFact, pods: int, rules: Rules) -> list[str]:
    """Say what room it takes, and that it has pods which no release has given it."""
    more = "pod" if pods == 1 else "pods"
    said = [f"The baseline takes up to {pods} {more} besides while it is compared with"]
    if baseline.wanted:
        said.append(f"Deployment {rules.target.baseline} is not at 0 pods now: those go first")
    return said


def _no(sentence: str, next_step: str) -> GateResult:
    return failed(NAME, Reason.CLUSTER_NOT_READY, sentence, next_step)
