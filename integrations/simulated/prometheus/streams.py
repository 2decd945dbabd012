"""The series of all simulated services, and the knobs that make something wrong with them.

Owned by `api`; tests and the demo turn the knobs. It never looks at a cluster: a callable says
where a service's requests go at this time. Each knob first catches up, so what it does begins now.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from integrations.simulated.prometheus.loads import Ailment, Load, Pod, flow_of
from integrations.simulated.prometheus.targets import Stored, Target
from integrations.simulated.server import Now

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

Shares = Callable[[str, str], Sequence[Pod]]
"""Says of a namespace and a service which pods there are now, and each one's share of requests."""


@dataclass
class _Service:
    load: Load
    until: int
    """Milliseconds up to which it was drawn."""
    targets: dict[tuple[str, str, str], Target] = field(default_factory=dict)
    ailments: dict[Ailment, float] = field(default_factory=dict)


class Streams:
    """The series of each service that has a `Load`.

    `scrape` is seconds between two scrapes of a pod, `history` seconds that are kept. What is
    drawn depends on `seed`, the pods and the traffic, not on how often one looks. Whatever
    `shares` says when it is asked holds since it was asked last: whoever changes the traffic
    calls `catch_up` right before.
    """

    def __init__(
        self,
        now: Now,
        shares: Shares,
        *,
        seed: int = 1,
        scrape: float = 5.0,
        history: float = 3 * 3600.0,
    ) -> None:
        self._now = now
        self._shares = shares
        self._seed = seed
        self._scrape = round(scrape * 1000)
        self._history = round(history * 1000)
        self._services: dict[tuple[str, str], _Service] = {}

    def serves(
        self, namespace: str, service: str, load: Load | None = None, *, past: float = 0.0
    ) -> None:
        """Give a service its traffic, or change it. A new one was there `past` seconds before."""
        self.catch_up()
        known = self._services.get((namespace, service))
        if known is not None:
            known.load = load or Load()
        else:
            began = milliseconds(self._now()) - round(past * 1000)
            self._services[namespace, service] = _Service(load or Load(), began)

    def catch_up(self) -> None:
        """Draw what was scraped since the last time. Cheap where no time has passed."""
        now = milliseconds(self._now())
        for (namespace, service), stream in self._services.items():
            if stream.until < now:
                self._advance(namespace, service, stream, now)

    def series(self) -> Iterator[Stored]:
        """Every series there is, as it was drawn so far. Those without a sample too."""
        for stream in self._services.values():
            for target in stream.targets.values():
                yield from target.series(zeroes=stream.load.zeroes)

    def fails(
        self,
        namespace: str,
        service: str,
        *,
        version: str | None = None,
        slot: str | None = None,
        pod: str | None = None,
        share: float = 0.05,
    ) -> None:
        """Let that share of the requests fail, beside those that always do.

        `pod`: how the names of the pods begin.
        """
        self._ail(namespace, service, Ailment("fails", version, slot, pod), share)

    def slows(
        self,
        namespace: str,
        service: str,
        *,
        version: str | None = None,
        slot: str | None = None,
        pod: str | None = None,
        factor: float = 10.0,
    ) -> None:
        """Let requests take that many times as long. `pod`: how the names of the pods begin."""
        self._ail(namespace, service, Ailment("slows", version, slot, pod), factor)

    def silences(
        self, namespace: str, service: str, *, version: str | None = None, slot: str | None = None
    ) -> None:
        """Let scrapes fail: the series go stale, and go on counting unseen."""
        self._ail(namespace, service, Ailment("silences", version, slot))

    def forgets(
        self, namespace: str, service: str, *, version: str | None = None, slot: str | None = None
    ) -> None:
        """Let the series vanish with their past, and not come back before they are healed."""
        self._ail(namespace, service, Ailment("forgets", version, slot))
        for target in self._struck(namespace, service, version, slot):
            target.scrapes.clear()

    def nan(
        self, namespace: str, service: str, *, version: str | None = None, slot: str | None = None
    ) -> None:
        """Let every sample be NaN."""
        self._ail(namespace, service, Ailment("nan", version, slot))

    def restarts(
        self, namespace: str, service: str, *, version: str | None = None, slot: str | None = None
    ) -> None:
        """Let the containers crash once: the same pods, counters at 0."""
        self.catch_up()
        for target in self._struck(namespace, service, version, slot):
            target.restart()

    def heals(
        self, namespace: str, service: str, *, version: str | None = None, slot: str | None = None
    ) -> None:
        """Lift what was done to that version or slot; all of the service where none is named."""
        self.catch_up()
        known = self._known(namespace, service)
        whole = version is None and slot is None
        for ailment in list(known.ailments):
            if whole or (ailment.version, ailment.slot) == (version, slot):
                del known.ailments[ailment]

    def _ail(self, namespace: str, service: str, ailment: Ailment, by: float = 1.0) -> None:
        self.catch_up()
        self._known(namespace, service).ailments[ailment] = by

    def _struck(
        self, namespace: str, service: str, version: str | None, slot: str | None
    ) -> Iterator[Target]:
        for (_, its_slot, its_version), target in self._known(namespace, service).targets.items():
            if version in (None, its_version) and slot in (None, its_slot):
                yield target

    def _known(self, namespace: str, service: str) -> _Service:
        found = self._services.get((namespace, service))
        if found is None:
            raise LookupError(f"{service} in {namespace} has no load")
        return found

    def _advance(self, namespace: str, service: str, stream: _Service, now: int) -> None:
        oldest = now - self._history
        pods = {(p.name, p.slot, p.version): p for p in self._shares(namespace, service)}
        for who in [who for who in pods if who not in stream.targets]:
            stream.targets[who] = self._target(namespace, service, pods[who], stream.until)
        for who, target in list(stream.targets.items()):
            if who in pods:
                target.advance(flow_of(stream.load, pods[who], stream.ailments), now, oldest)
                continue
            target.end(now, oldest)
            if not target.scrapes.ats:
                del stream.targets[who]
        stream.until = now

    def _target(self, namespace: str, service: str, pod: Pod, since: int) -> Target:
        labels = {
            "namespace": namespace,
            "service": service,
            "slot": pod.slot,
            "pod": pod.name,
            "version": pod.version,
        }
        # One generator a pod: what one pod gets never depends on the others.
        rng = Random(f"{self._seed} {' '.join(labels.values())}")
        return Target(labels, rng, self._scrape, since)


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (moment - EPOCH) // MILLISECOND


KNOBS = ("fails", "slows", "silences", "forgets", "nan", "restarts", "heals")
"""What can be turned over HTTP too, by the method's name."""
