"""What else acts on the pods, as the cluster gate says it."""

from typing import Any

import pytest
from inline_snapshot import snapshot

from bot.domain.facts import Known
from bot.domain.gates import cluster as gate
from bot.domain.gates.result import GateResult
from bot.domain.pods import PodSeen, failing_pod
from bot.domain.reasons import Reason
from bot.domain.surroundings import Autoscaler, Budget, Owned, Surroundings
from tests.domain.facts import REQUEST, cluster, facts, rules

GREEN = Autoscaler(slot="green", name="payments-green", least=3, most=10)
BLUE = Autoscaler(slot="blue", name="payments-blue", least=3, most=10)
BUDGET = Budget(name="payments", slots=("blue",), allowed=1, healthy=3, needed=2, expected=3)


def asked(shared: Any = None, **around: Any) -> GateResult:
    fact = Known(value=cluster(around=Surroundings(**around)))
    judged = rules()
    target = judged.target.model_copy(update={"shared_with": shared})
    result = gate.evaluate(
        REQUEST, facts(cluster=fact), judged.model_copy(update={"target": target})
    )
    assert result is not None
    return result


def changed(one: Any, **changes: Any) -> Any:
    return one.model_copy(update=changes)


def test_with_nothing_around_there_is_nothing_to_say() -> None:
    assert asked().sentence == "blue is live with 3 of 3 pods"
    well = asked(autoscalers=(BLUE, GREEN), budgets=(BUDGET,))
    assert well.sentence == "blue is live with 3 of 3 pods"


def test_an_idle_slot_that_may_not_grow_enough_is_refused() -> None:
    result = asked(autoscalers=(BLUE, changed(GREEN, most=2)))
    assert (result.status, result.reason) == ("failed", Reason.AUTOSCALER_LIMIT)
    assert result.sentence == snapshot(
        "HorizontalPodAutoscaler payments-green lets green have 2 pods at the most, "
        "and blue takes the traffic with 3."
    )
    assert result.next_step == snapshot("Set its maxReplicas to 3 or more, then press Retry.")
    # The live slot's own most is no business of this release's.
    assert asked(autoscalers=(changed(BLUE, most=2), GREEN)).status == "passed"


def test_keda_is_told_by_what_people_edit() -> None:
    keda = changed(GREEN, kind="ScaledObject", name="payments-scaler", most=2)
    result = asked(autoscalers=(keda,))
    assert result.sentence.startswith("ScaledObject payments-scaler lets green have 2 pods")
    assert result.next_step == snapshot("Set its maxReplicaCount to 3 or more, then press Retry.")


def test_a_slot_that_may_be_made_smaller_is_cautioned_about() -> None:
    result = asked(autoscalers=(changed(BLUE, least=1), changed(GREEN, least=2)))
    assert result.status == "passed"
    assert result.sentence == snapshot(
        "blue is live with 3 of 3 pods. HorizontalPodAutoscaler payments-blue may take "
        "blue down to 1 once its traffic has left: minReplicas 3 keeps it able to take "
        "all traffic. HorizontalPodAutoscaler payments-green may take green down to 2 "
        "before its traffic comes: minReplicas 3 keeps it able to take all traffic"
    )
    never = changed(GREEN, least=2, shrinks=False)
    assert asked(autoscalers=(never,)).sentence == "blue is live with 3 of 3 pods"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"allowed": 0, "needed": 3},
            (
                "PodDisruptionBudget payments wants all 3 pods healthy, and they are: it allows no "
                "eviction, and a node's drain would hang"
            ),
        ),
        (
            {"allowed": 0, "healthy": 2},
            (
                "PodDisruptionBudget payments allows no eviction while 2 of 3 pods are healthy: a "
                "node's drain would hang"
            ),
        ),
        (
            {"slots": ("blue", "green"), "expected": 6, "healthy": 6, "allowed": 2},
            (
                "PodDisruptionBudget payments covers both slots, so the idle slot's pods count in "
                "it as if they served"
            ),
        ),
    ],
)
def test_a_budget_is_a_caution_and_never_a_refusal(changes: Any, said: str) -> None:
    result = asked(budgets=(changed(BUDGET, **changes),))
    assert result.status == "passed"
    assert result.sentence == f"blue is live with 3 of 3 pods. {said}"


def test_the_autoscaler_of_a_single_copy_is_left_to_itself() -> None:
    judged = rules()
    target = judged.target.model_copy(update={"deployments": ("payments",) * 2, "traffic": "whole"})
    fact = Known(value=cluster(around=Surroundings(autoscalers=(changed(GREEN, least=1, most=2),))))
    one = judged.model_copy(update={"target": target})
    result = gate.evaluate(REQUEST, facts(cluster=fact), one)
    assert result is not None
    assert result.sentence == "Deployment payments is live with 3 of 3 pods"


def test_a_budget_of_no_pods_says_nothing() -> None:
    none = changed(BUDGET, allowed=0, healthy=0, needed=0, expected=0)
    assert asked(budgets=(none,)).sentence == "blue is live with 3 of 3 pods"


def test_two_budgets_on_the_same_pods() -> None:
    result = asked(budgets=(BUDGET, changed(BUDGET, name="all")))
    assert result.sentence.endswith(
        "PodDisruptionBudgets all, payments select the same pods of blue: Kubernetes then evicts "
        "none of them"
    )


def test_what_argo_cd_owns_is_refused_with_the_lines_to_write() -> None:
    owned = (
        Owned(owner="argocd", kind="Deployment", name="payments-blue"),
        Owned(owner="argocd", kind="Service", name="payments"),
    )
    result = asked(owned=owned)
    assert (result.status, result.reason) == ("failed", Reason.OWNED_ELSEWHERE)
    assert result.sentence == snapshot(
        "Argo CD owns Deployment payments-blue, Service payments. It would undo what a "
        "release sets: image, replicas, the pods' version label, the release-bot "
        "annotations, selector (slot)."
    )
    assert result.next_step == snapshot(
        'In Argo CD\'s Application: `ignoreDifferences: [{group: "apps", kind: '
        "Deployment, jqPathExpressions: ['.spec.replicas', "
        "'.spec.template.spec.containers[] | select(.name == \"payments\") | .image', "
        "'.spec.template.metadata.labels[\"app.kubernetes.io/version\"]']}, {group: "
        '"", kind: Service, jqPathExpressions: [\'.spec.selector["slot"]\']}]` and '
        "`syncPolicy.syncOptions: [RespectIgnoreDifferences=true]`. Then say "
        "`kubernetes: {shared_with: [argocd]}` for the service (docs/others.md), and "
        "press Retry."
    )
    assert asked(owned=owned, shared=("flux",)).status == "failed"
    assert asked(owned=owned, shared=("argocd",)).status == "passed"


def test_what_flux_owns_may_say_itself_that_it_is_left_alone() -> None:
    owned = Owned(owner="flux", kind="HTTPRoute", name="payments")
    result = asked(owned=(owned,))
    assert result.sentence == snapshot(
        "Flux owns HTTPRoute payments. It would undo what a release sets: weights, the "
        "release-bot annotations."
    )
    assert result.next_step == snapshot(
        "For Flux: annotate them in git with `kustomize.toolkit.fluxcd.io/ssa: "
        "IfNotPresent`, which the bot reads, or name the fields in the Kustomization's "
        "`driftIgnoreRules`. Then say `kubernetes: {shared_with: [flux]}` for the "
        "service (docs/others.md), and press Retry."
    )
    assert asked(owned=(changed(owned, left_alone=True),)).status == "passed"
    assert asked(owned=(owned,), shared=("flux",)).status == "passed"


def test_rules_and_plans_of_who_shares_with_nobody_keep_their_digest() -> None:
    judged = rules()
    assert "shared_with" not in judged.model_dump(mode="json")["target"]


def test_the_pod_that_is_meant() -> None:
    well = PodSeen(name="a", container="app", ready=True)
    waits = PodSeen(name="b", container="app", ready=False)
    crashed = PodSeen(name="c", container="app", ready=False, restarts=3, crashed=True)
    again = PodSeen(name="d", container="app", ready=True, restarts=9, crashed=True)
    assert failing_pod([well, waits, crashed, again], None) == crashed
    assert failing_pod([well, waits, crashed, again], "b") == waits
    assert failing_pod([well, again], "gone") == again
    assert failing_pod([well], None) is None
    assert failing_pod([], "gone") is None
