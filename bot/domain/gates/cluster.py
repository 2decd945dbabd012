"""Gate: the cluster is ready. Slots, services and route exist, and the bot may patch them."""

from bot.domain.facts import ClusterFact, Facts, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown
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
    return _traffic(cluster, rules)


def _rights(rules: Rules) -> str:
    files = ["deploy/kubernetes/rbac.yaml"]
    if rules.target.traffic == "istio":
        files.append("rbac-istio.yaml")
    if rules.target.is_rollout:
        files.append("rbac-argo.yaml")
    if rules.target.smoke_cronjob is not None:
        files.append("rbac-smoke.yaml")
    return " and ".join(files)


def _traffic(cluster: ClusterFact, rules: Rules) -> GateResult:
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
    caution = f"; {cluster.cautions[0]}" if cluster.cautions else ""
    return passed(NAME, f"{where} is live with {live.ready} of {live.wanted} pods{caution}")


def _no(sentence: str, next_step: str) -> GateResult:
    return failed(NAME, Reason.CLUSTER_NOT_READY, sentence, next_step)
