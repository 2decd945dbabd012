"""What no single entry of the catalogue shows: unknown names, double aliases, cycles, odd tiers.

Called by `integrations.catalog_file` once the models of `catalog` hold.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from bot.domain.applying import effective, layers
from bot.domain.baseline_checks import wrong_baseline
from bot.domain.catalog import SPECIAL_RIGHTS, Catalog
from bot.domain.emergency import wrong_gates
from bot.domain.environments import wrong_names
from bot.domain.policies import Approvals
from bot.domain.rules import runs_in
from bot.domain.smoke import filled_url, host_of, is_allowed
from bot.domain.stop_checks import wrong_times
from bot.domain.value import Value


class Problem(Value):
    """Something wrong in the catalogue; `path` leads to it, key by key."""

    path: tuple[str | int, ...]
    message: str
    severity: Literal["error", "warning"] = "error"


def check(catalog: Catalog) -> list[Problem]:
    """Find what no single entry shows: unknown names, double aliases, cycles, odd tiers."""
    return [
        *_check_environments(catalog),
        *_check_groups(catalog),
        *_check_policies(catalog),
        *_check_emergencies(catalog),
        *(p for name in catalog.services for p in _check_service(catalog, name)),
        *_check_cycles(catalog),
        *_check_passing(catalog),
        *_check_stops(catalog),
    ]


def _check_environments(catalog: Catalog) -> Iterable[Problem]:
    seen: dict[str, str] = dict.fromkeys(catalog.environments, "an environment")
    for name, env in catalog.environments.items():
        path = ("environments", name)
        for alias in env.aliases:
            if alias in seen:
                yield Problem(path=(*path, "aliases"), message=f"{alias} is {seen[alias]} already")
            seen[alias] = f"an alias of {name}"
        if env.after is not None and env.after not in catalog.environments:
            yield Problem(path=(*path, "after"), message=f"there is no environment {env.after}")
        if env.policy not in catalog.policies:
            yield Problem(path=(*path, "policy"), message=f"there is no policy {env.policy}")
        yield from _check_roles(catalog, name)
    yield from _check_order(catalog)


def _check_passing(catalog: Catalog) -> Iterable[Problem]:
    clusters = {env.cluster for env in catalog.environments.values()}
    known = (clusters, {*catalog.roles, *SPECIAL_RIGHTS}, catalog.slack.channels)
    for path, message, severity in wrong_names(catalog.ephemeral, catalog.reports, *known):
        yield Problem(path=path, message=message, severity=severity)


def _check_stops(catalog: Catalog) -> Iterable[Problem]:
    for path, message in wrong_times(catalog):
        yield Problem(path=path, message=message)


def _check_roles(catalog: Catalog, name: str) -> Iterable[Problem]:
    env = catalog.environments[name]
    said = env.rights.model_fields_set
    lists = {("rights", right): roles for right, roles in env.rights if right in said}
    lists["approvals", "from"] = env.approvals.roles
    yield from _check_needs(catalog, env.approvals, ("environments", name, "approvals"))
    for path, roles in lists.items():
        for role in roles:
            if role not in catalog.roles and role not in SPECIAL_RIGHTS:
                message = f"there is no role {role}"
                yield Problem(path=("environments", name, *path), message=message)
    if env.approvals.total and not (env.approvals.named or env.rights.approve):
        message = "nobody could approve: name roles in approvals.from or rights.approve"
        yield Problem(path=("environments", name, "approvals"), message=message)


def _check_needs(
    catalog: Catalog, approvals: Approvals, path: tuple[str, ...]
) -> Iterable[Problem]:
    """A place is filled by somebody's role: who asks, and everybody, have none that would count."""
    for role in approvals.needs:
        if role in catalog.roles or role == "owners":
            continue
        special = f"{role} can't be needed: name a role, or owners"
        message = special if role in SPECIAL_RIGHTS else f"there is no role {role}"
        yield Problem(path=(*path, "needs", role), message=message)


def _check_order(catalog: Catalog) -> Iterable[Problem]:
    for name in catalog.environments:
        seen, at = {name}, catalog.environments[name].after
        while at is not None and at in catalog.environments:
            if at in seen:
                message = f"{name} comes after itself"
                yield Problem(path=("environments", name, "after"), message=message)
                break
            seen.add(at)
            at = catalog.environments[at].after


def _check_groups(catalog: Catalog) -> Iterable[Problem]:
    for role, group in catalog.roles.items():
        if role in SPECIAL_RIGHTS:
            yield Problem(path=("roles", role), message=f"{role} has a meaning of its own")
        if not (group.users or group.usergroups):
            message = f"nobody has the role {role}"
            yield Problem(path=("roles", role), message=message, severity="warning")


def _check_service(catalog: Catalog, name: str) -> Iterable[Problem]:
    service = catalog.services[name]
    path = ("services", name)
    if service.policy is not None and service.policy not in catalog.policies:
        yield Problem(path=(*path, "policy"), message=f"there is no policy {service.policy}")
    if service.tier not in catalog.tiers:
        yield Problem(path=(*path, "tier"), message=f"there is no tier {service.tier}")
    yield from _check_smoke(catalog, name)
    for where, message, severity in wrong_baseline(name, service):
        yield Problem(path=(*path, *where), message=message, severity=severity)
    for env in service.environments or ():
        if env not in catalog.environments:
            yield Problem(path=(*path, "environments"), message=f"there is no environment {env}")
    for needed in service.depends_on:
        yield from _check_dependency(catalog, name, needed)


def _policies_known(catalog: Catalog, service: str, environment: str) -> bool:
    """Whether what applies can be told: a name that is wrong has a problem of its own."""
    named = {layer.policy for layer in layers(catalog, service, environment)}
    return named <= set(catalog.policies)


def _check_policies(catalog: Catalog) -> Iterable[Problem]:
    for tier, policy in catalog.tier_policies.items():
        path = ("tier_policies", tier)
        if tier not in catalog.tiers:
            yield Problem(path=path, message=f"there is no tier {tier}")
        if policy not in catalog.policies:
            yield Problem(path=path, message=f"there is no policy {policy}")
    for name, entry in catalog.policies.items():
        asked = entry.approvals or Approvals()
        yield from _check_needs(catalog, asked, ("policies", name, "approvals"))
        for role in asked.roles:
            if role not in catalog.roles and role not in SPECIAL_RIGHTS:
                where = ("policies", name, "approvals", "from")
                yield Problem(path=where, message=f"there is no role {role}")
        seen: set[str] = set()
        for at, waiver in enumerate(entry.waivers or ()):
            if waiver.id in seen:
                twice = ("policies", name, "waivers", at, "id")
                yield Problem(path=twice, message=f"there are two waivers {waiver.id}")
            seen.add(waiver.id)


def _check_emergencies(catalog: Catalog) -> Iterable[Problem]:
    for name, policy in catalog.policies.items():
        entry, path = policy.emergency, ("policies", name, "emergency")
        if entry is None:
            continue
        for at, message in wrong_gates(entry.passes):
            yield Problem(path=(*path, "passes", at), message=message)
        named = {("from",): entry.roles, ("review", "from"): entry.review.roles}
        for where, roles in named.items():
            for at, role in enumerate(roles):
                if role not in catalog.roles and role not in SPECIAL_RIGHTS:
                    message = f"there is no role {role}"
                    yield Problem(path=(*path, *where, at), message=message)
                elif role in ("requester", "everyone"):
                    message = f"{role} is no role of its own: name who answers for an emergency"
                    yield Problem(path=(*path, *where, at), message=message)


def _check_smoke(catalog: Catalog, name: str) -> Iterable[Problem]:
    service = catalog.services[name]
    smoke, path = service.smoke, ("services", name, "smoke")
    if smoke is None:
        return
    two = "{slot}" in service.kubernetes.deployment
    if smoke.by_preview and two and service.kubernetes.preview is None:
        message = "smoke by cronjob or http finds the idle slot by kubernetes.preview: name it"
        yield Problem(path=path, message=message)
    for env, entry in catalog.environments.items():
        if not runs_in(service, env) or not _policies_known(catalog, name, env):
            continue
        hosts = effective(catalog, name, env).smoke_hosts
        for number, check in enumerate(smoke.http or ()):
            for slot in ("blue", "green"):
                names = {"service": name, "namespace": entry.namespace, "slot": slot}
                host = host_of(filled_url(check.url, **names))
                if host is None or not is_allowed(host, hosts):
                    where = f"policies.{entry.policy}.smoke_hosts, which {env} goes by"
                    message = f"{host or 'its host'} is not in {where}"
                    yield Problem(path=(*path, "http", number, "url"), message=message)
                    break


def _check_dependency(catalog: Catalog, name: str, needed: str) -> Iterable[Problem]:
    path = ("services", name, "depends_on", needed)
    other = catalog.services.get(needed)
    if other is None:
        yield Problem(path=path, message=f"there is no service {needed}")
        return
    tiers, own = catalog.tiers, catalog.services[name].tier
    if own in tiers and other.tier in tiers and tiers.index(other.tier) > tiers.index(own):
        message = f"{needed} is of a later tier ({other.tier}) than {name} ({own})"
        yield Problem(path=path, message=message, severity="warning")


def _check_cycles(catalog: Catalog) -> Iterable[Problem]:
    cycle = find_cycle({n: tuple(s.depends_on) for n, s in catalog.services.items()})
    if cycle:
        message = "services depend on one another in a circle: " + " → ".join(cycle)
        yield Problem(path=("services", cycle[0], "depends_on"), message=message)


def find_cycle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Find one cycle as names with the first repeated at the end, or nothing."""
    done: set[str] = set()
    for start in edges:
        # An explicit stack: a chain of thousands would outgrow the interpreter's own.
        trail: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                done.add(trail.pop())
            elif node in trail:
                return [*trail[trail.index(node) :], node]
            elif node not in done:
                trail.append(node)
                stack.append((node, True))
                stack.extend((needed, False) for needed in edges.get(node, ()))
    return []
