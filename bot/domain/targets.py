"""A target: one service in one environment, with the names of its objects filled in."""

import re

from pydantic import Field

from bot.domain.catalog import Catalog, Owner, Slot
from bot.domain.value import Value, unused


class Target(Value):
    """Where one service runs in one environment. Integrations need nothing else of it."""

    service: str
    environment: str
    cluster: str | None
    namespace: str
    deployments: tuple[str, str]
    """Deployment names, blue's first. A Rollout runs both slots: then both are its name."""
    containers: tuple[str, str]
    traffic: str
    """`service`, `gateway`, `istio` or `argo-rollouts`; `whole` where there is but one copy."""
    live_service: str
    slot_services: tuple[str, str] | None
    preview: str | None
    route: str | None
    """Name of the HTTPRoute, the VirtualService (`istio`) or the Rollout; None for `service`."""
    slot_label: str
    image_pattern: str
    weights: tuple[int, ...] | None = Field(default=None, exclude_if=unused)
    """For a Rollout: the shares at which its steps must stop, in per cent."""
    smoke_cronjob: str | None = Field(default=None, exclude_if=unused)
    """Name of the suspended CronJob whose Job is the smoke test, where that is the way."""
    shared_with: tuple[Owner, ...] | None = Field(default=None, exclude_if=unused)
    """Owners of the objects that leave the bot's fields alone, as the team says."""
    may_be_elsewhere: bool = Field(default=False, exclude_if=unused)
    """Strategy `workflow`: what it serves need not be in the cluster at all."""
    baseline: str | None = Field(default=None, exclude_if=unused)
    """Name of the Deployment for fresh copies of what is live, to compare with."""

    @property
    def one_copy(self) -> bool:
        """Whether the service has a single Deployment and no slots: nothing to switch between."""
        return self.traffic == WHOLE

    def where(self, slot: Slot) -> str:
        """Name a slot for people: where there is but one copy, by its Deployment."""
        return f"Deployment {self.deployment(slot)}" if self.one_copy else slot

    @property
    def is_rollout(self) -> bool:
        """Whether Argo Rollouts runs the pods: their number and the preview are its business."""
        return self.traffic == ARGO

    @property
    def keeps_old_slot(self) -> bool:
        """Whether the old version runs on at its size when a release has settled."""
        return not (self.is_rollout or self.one_copy)

    def runner(self, slot: Slot) -> str:
        """Name what runs the slot's pods: `Deployment orders-green`, `Rollout orders`."""
        return f"{'Rollout' if self.is_rollout else 'Deployment'} {self.deployment(slot)}"

    def deployment(self, slot: Slot) -> str:
        """Name of the slot's Deployment."""
        return self.deployments[_index(slot)]

    def container(self, slot: Slot) -> str:
        """Name of the container that holds the service in the slot's pods."""
        return self.containers[_index(slot)]

    def slot_service(self, slot: Slot) -> str | None:
        """Name of the Service that selects the slot only, where there is one."""
        return self.slot_services[_index(slot)] if self.slot_services else None


ARGO = "argo-rollouts"
"""The catalogue's word for traffic that Argo Rollouts moves."""

WHOLE = "whole"
"""Our word for a service with one Deployment: no traffic is ever moved."""


BASELINE = "baseline"
"""What a baseline is called: for people, and where `{slot}` stands in an indicator."""


def _index(slot: Slot) -> int:
    return 0 if slot == "blue" else 1


def target_of(catalog: Catalog, service: str, environment: str) -> Target:
    """Fill in the object names of a service in an environment; both must be in the catalogue."""
    entry, env = catalog.services[service], catalog.environments[environment]
    names = entry.kubernetes

    def both(pattern: str) -> tuple[str, str]:
        blue = pattern.format(service=service, slot="blue")
        return blue, pattern.format(service=service, slot="green")

    deployments = both(names.deployment)
    traffic: str = entry.strategy.traffic
    if traffic == ARGO:
        deployments = both(names.rollout or "")
    elif deployments[0] == deployments[1]:
        traffic = WHOLE
    slots = traffic not in (ARGO, WHOLE)
    cronjob = entry.smoke.cronjob if entry.smoke else None
    routes = {"gateway": names.route, "istio": names.virtual_service, ARGO: names.rollout}
    route = routes.get(traffic)
    preview = names.preview if traffic != WHOLE else None
    return Target(
        service=service,
        environment=environment,
        cluster=env.cluster,
        namespace=env.namespace,
        deployments=deployments,
        containers=both(names.container),
        traffic=traffic,
        live_service=names.service.format(service=service),
        slot_services=both(names.slot_service) if names.slot_service and slots else None,
        preview=preview.format(service=service) if preview else None,
        route=route.format(service=service) if route else None,
        slot_label=names.slot_label,
        image_pattern=entry.image,
        weights=entry.strategy.weights if traffic == ARGO else None,
        smoke_cronjob=cronjob.format(service=service) if cronjob else None,
        may_be_elsewhere=entry.strategy.kind == "workflow",
        shared_with=names.shared_with or None,
        baseline=names.baseline.format(service=service) if names.baseline else None,
    )


def version_in_image(image: str, pattern: str) -> str | None:
    """Read the version out of an image reference, where the catalogue's pattern holds one."""
    if "{version}" not in pattern:
        return None
    parts = re.split(r"(\{version\}|\{commit\})", pattern)
    holes = {"{version}": "(?P<version>[^/@]+)", "{commit}": "[0-9a-f]+"}
    regex = "".join(holes.get(part, re.escape(part)) for part in parts)
    found = re.fullmatch(f"(?:.*/)?{regex}(?:@sha256:[0-9a-f]+)?", image)
    return found["version"] if found else None


def image_of(pattern: str, version: str, commit: str) -> str:
    """Image reference of a version, by the catalogue's pattern."""
    return pattern.format(version=version, commit=commit)
