"""The end of a container's log, over HTTP: which run, within which bounds, when there is none."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.pods import PodSeen
from bot.domain.targets import target_of
from bot.errors import ForbiddenError, MissingError, PermanentError
from integrations.kubernetes import KubernetesCluster
from integrations.kubernetes.logs import MOST_BYTES, pod_seen
from integrations.simulated.kubernetes import Behaviour, SimulatedKubernetes, seeding
from integrations.simulated.kubernetes.pods import Kind
from tests.domain.facts import catalog
from tests.patience import PATIENT
from tests.virtual import VirtualClock

SPACE, BAD = "production", "quantivista/payments:v2.1.0"
PAYMENTS = target_of(catalog(), "payments", SPACE)


@dataclass
class Kit:
    clock: VirtualClock
    sim: SimulatedKubernetes
    cluster: KubernetesCluster

    def goes_bad(self, kind: Kind) -> None:
        self.sim.cluster.behaves("v2.1.0", Behaviour(kind))
        self.sim.cluster.deploy(SPACE, "payments-green", BAD)
        self.clock.moment += timedelta(seconds=5)

    async def first(self) -> PodSeen:
        pods = await self.cluster.logs.pods(PAYMENTS, "green")
        return next(pod for pod in pods if pod.image == BAD)

    def asked(self) -> str:
        """Query of the last request for a log."""
        return next(e.path for e in reversed(self.sim.journal) if "/log?" in e.path)


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    clock = VirtualClock()
    sim = SimulatedKubernetes(clock.now, clock.sleep)
    await sim.start()
    seeding.seed_blue_green(sim.cluster, SPACE, "payments", "quantivista/payments:v2.0.5")
    config = sim.kubeconfig(tmp_path / "kubeconfig", ["main"])
    made = Kit(clock, sim, KubernetesCluster(str(config), clock, seconds=PATIENT))
    yield made
    await made.cluster.close()
    await sim.stop()


async def test_the_last_lines_of_the_run_before_where_it_crashed(kit: Kit) -> None:
    kit.goes_bad("crashes")
    kit.sim.logs.writes("v2.1.0", *(f"line {n}" for n in range(100)))
    pod = await kit.first()
    assert (pod.ready, pod.word, pod.crashed) == (False, "CrashLoopBackOff", True)
    tail = await kit.cluster.logs.tail(PAYMENTS, pod, 3)
    assert tail.text == "line 97\nline 98\nline 99\n"
    assert tail.whole
    assert kit.asked().endswith(
        f"/pods/{pod.name}/log?container=payments&tailLines=3&limitBytes={MOST_BYTES}&previous=true"
    )


async def test_the_present_run_where_none_was_before(kit: Kit) -> None:
    kit.goes_bad("never_ready")
    pod = await kit.first()
    assert not pod.crashed
    assert (await kit.cluster.logs.tail(PAYMENTS, pod, 3)).text == "started\n"
    assert kit.asked().endswith("previous=false")


async def test_so_much_and_no_more(kit: Kit) -> None:
    kit.goes_bad("never_ready")
    kit.sim.logs.writes("v2.1.0", *["x" * 9999] * 60)
    tail = await kit.cluster.logs.tail(PAYMENTS, await kit.first(), 60)
    assert len(tail.text) == MOST_BYTES
    assert not tail.whole


async def test_what_is_no_text_is_read_all_the_same(kit: Kit) -> None:
    kit.goes_bad("never_ready")
    kit.sim.logs.writes("v2.1.0", '{"not": "parsed"}', "\x00\ufffd")
    tail = await kit.cluster.logs.tail(PAYMENTS, await kit.first(), 5)
    assert tail.text == '{"not": "parsed"}\n\x00\ufffd\n'


@pytest.mark.parametrize("kind", ["unpullable", "config_error"])
async def test_a_container_that_waits_to_start_has_written_nothing(kit: Kit, kind: Kind) -> None:
    kit.goes_bad(kind)
    pod = await kit.first()
    assert pod.word in ("ImagePullBackOff", "CreateContainerConfigError")
    with pytest.raises(PermanentError, match="is waiting to start"):
        await kit.cluster.logs.tail(PAYMENTS, pod, 5)


async def test_a_pod_that_finds_no_node(kit: Kit) -> None:
    kit.goes_bad("unschedulable")
    with pytest.raises(PermanentError):
        await kit.cluster.logs.tail(PAYMENTS, await kit.first(), 5)


async def test_a_pod_that_is_gone_and_a_right_that_is_missing(kit: Kit) -> None:
    kit.goes_bad("crashes")
    pod = await kit.first()
    with pytest.raises(MissingError, match="there is no log payments-green-x in production"):
        await kit.cluster.logs.tail(
            PAYMENTS, pod.model_copy(update={"name": "payments-green-x"}), 5
        )
    kit.sim.cluster.deny("get", "pods/log")
    with pytest.raises(ForbiddenError, match=r"apply deploy/kubernetes/rbac-logs\.yaml"):
        await kit.cluster.logs.tail(PAYMENTS, pod, 5)


async def test_a_deployment_that_is_gone_has_no_pods(kit: Kit) -> None:
    kit.sim.cluster.delete("deployments", SPACE, "payments-green")
    assert await kit.cluster.logs.pods(PAYMENTS, "green") == ()


def test_the_container_that_fails_may_be_one_that_runs_first() -> None:
    crash = {"waiting": {"reason": "CrashLoopBackOff"}}
    statuses = {
        "initContainerStatuses": [{"name": "migrate", "state": crash, "restartCount": 2}],
        "containerStatuses": [{"name": "payments", "state": {"waiting": {"reason": "Pending"}}}],
    }
    item = {"metadata": {"name": "p"}, "spec": {}, "status": statuses}
    seen = pod_seen(item, "payments")
    assert (seen.container, seen.word, seen.restarts) == ("migrate", "CrashLoopBackOff", 2)
    assert not seen.crashed
