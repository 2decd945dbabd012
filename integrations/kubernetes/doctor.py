"""Looks at the clusters for `release-bot doctor`: rights, objects, routes, gateways, owners.

Used by `cluster`. Reads each namespace once, however many services are in it, and changes nothing:
a review of the bot's own rights is a question.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from bot.domain.targets import Target
from bot.errors import ForbiddenError, MissingError, PermanentError, TemporaryError
from bot.ports import Checkup, Finding
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.objects import Object
from integrations.kubernetes.wiring import (
    KINDS,
    Space,
    examined,
    gateways_named,
    is_known,
    kubectl,
)

GATEWAY = "gateway.networking.k8s.io"

RIGHTS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("apps", "deployments"): ("get", "list", "watch", "patch"),
    ("", "services"): ("get", "list", "watch", "patch"),
    ("", "pods"): ("list", "watch"),
    ("discovery.k8s.io", "endpointslices"): ("list",),
    (GATEWAY, "httproutes"): ("get", "list", "watch", "patch"),
}
"""What deploy/kubernetes/rbac.yaml gives in each namespace, by API group and resource."""

WIDE_RIGHTS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "namespaces"): ("list",),
    ("apps", "deployments"): ("list",),
}
"""What deploy/kubernetes/rbac-environments.yaml gives in a whole cluster."""

GATEWAY_RIGHTS: Mapping[tuple[str, str], tuple[str, ...]] = {(GATEWAY, "gateways"): ("get",)}
"""What deploy/kubernetes/rbac-gateways.yaml gives where a Gateway is: it is simply read."""

APPLY = "apply -f deploy/kubernetes"

PATHS = {
    "deployments": "/apis/apps/v1/namespaces/{}/deployments",
    "services": "/api/v1/namespaces/{}/services",
    "httproutes": f"/apis/{GATEWAY}/v1/namespaces/{{}}/httproutes",
    "gateways": f"/apis/{GATEWAY}/v1/namespaces/{{}}/gateways",
}

PAGE = 500
AT_ONCE = 16
"""Objects that are read one by one beside each other, where a list is not allowed."""

Place = tuple[str | None, str]
"""A kubeconfig context and a namespace in it."""


async def examine(
    api_at: Callable[[str | None], KubeApi],
    targets: Iterable[Target],
    everywhere: Iterable[str | None] = (),
) -> Checkup:
    """Look at each namespace of the targets, and at the clusters that are listed as a whole."""
    places: dict[Place, list[Target]] = defaultdict(list)
    for target in targets:
        places[target.cluster, target.namespace].append(target)
    looks = await asyncio.gather(
        *(_place(Space(api_at(place[0]), *place), found) for place, found in places.items()),
        *(_everywhere(api_at(cluster), cluster) for cluster in everywhere),
    )
    # Routes in several namespaces may name one Gateway.
    return Checkup(findings=tuple(dict.fromkeys(finding for look in looks for finding in look)))


async def _place(space: Space, targets: list[Target]) -> list[Finding]:
    """Look at one namespace. A server that doesn't answer is one finding, not one a service."""
    subject = _subject(space.api, space.name)
    wanted = _wanted(targets)
    try:
        rights, _ = await asyncio.gather(_rights(space, wanted), _read_all(space, wanted))
        await _read_gateways(space, wanted["httproutes"])
    except TemporaryError as error:
        remedy = "Check KUBECONFIG, the network, and the context's name."
        return [_bad(subject, f"{error}.", remedy)]
    except PermanentError as error:
        remedy = "Check the kubeconfig's credentials: the server does not know them."
        return [_bad(subject, f"{error}.", remedy)]
    judged = [(target, examined(space, target)) for target in targets]
    whole = sum(not bad and is_known(space, target) for target, bad in judged)
    count = f"{whole} of {len(targets)} services have all of their objects."
    told = [_good(subject, count)] if whole else []
    return [*rights, *told, *_unread(space, wanted), *(f for _, bad in judged for f in bad)]


def _unread(space: Space, wanted: Mapping[str, set[str]]) -> Iterator[Finding]:
    """Say what could not be read, so that nobody takes silence for health."""
    kinds = [KINDS[kind] for kind, names in wanted.items() if names and kind not in space.items]
    if kinds:
        said = f"{', '.join(f'{kind}s' for kind in kinds)}: not known, the bot may not read them."
        remedy = f"{kubectl(space.cluster, space.name)} {APPLY}/rbac.yaml"
        yield _bad(_subject(space.api, space.name), said, remedy)
    for (namespace, name), gateway in space.gateways.items():
        if gateway is None:
            said = f"Gateway {name} in {namespace}: not known, the bot may not read it."
            remedy = f"{kubectl(space.cluster, namespace)} {APPLY}/rbac-gateways.yaml"
            yield _bad(_subject(space.api, namespace), said, remedy)


def _wanted(targets: Iterable[Target]) -> dict[str, set[str]]:
    """Names of the objects that the targets need, by kind."""
    found: dict[str, set[str]] = {"deployments": set(), "services": set(), "httproutes": set()}
    for target in targets:
        found["deployments"].update(target.deployments)
        services = (target.live_service, target.preview, *(target.slot_services or ()))
        found["services"].update(name for name in services if name is not None)
        if target.route is not None:
            found["httproutes"].add(target.route)
    return found


# Rights.


async def _rights(space: Space, wanted: Mapping[str, set[str]]) -> list[Finding]:
    needed = {key: verbs for key, verbs in RIGHTS.items() if wanted.get(key[1], True)}
    missing = await _missing(space.api, space.name, needed)
    subject = _subject(space.api, space.name)
    remedy = f"{kubectl(space.cluster, space.name)} {APPLY}/rbac.yaml"
    if not missing:
        count = sum(len(verbs) for verbs in needed.values())
        return [_good(subject, f"All {count} rights are there.")]
    return [
        _bad(subject, f"The bot may not {verb} {kind} in {space.name}{so}.", remedy)
        for verb, kind in missing
        for so in [", so it looks every few seconds instead" if verb == "watch" else ""]
    ]


async def _everywhere(api: KubeApi, cluster: str | None) -> list[Finding]:
    subject = _subject(api, "all namespaces")
    try:
        missing = await _missing(api, None, WIDE_RIGHTS)
    except (TemporaryError, PermanentError) as error:
        return [_bad(subject, f"{error}.", "Check KUBECONFIG, the network, the context's name.")]
    remedy = f"{kubectl(cluster)} {APPLY}/rbac-environments.yaml"
    bad = [
        _bad(subject, f"The bot may not {verb} {kind} in the whole cluster.", remedy)
        for verb, kind in missing
    ]
    return bad or [_good(subject, "The environments that come and go can be listed.")]


async def _missing(
    api: KubeApi, space: str | None, needed: Mapping[tuple[str, str], tuple[str, ...]]
) -> list[tuple[str, str]]:
    """Ask for each verb on each resource whether the bot may; those that it may not."""
    asked = [(group, kind, verb) for (group, kind), verbs in needed.items() for verb in verbs]
    answers = await asyncio.gather(*(_may(api, space, *right) for right in asked))
    return [(verb, kind) for (_, kind, verb), yes in zip(asked, answers, strict=True) if not yes]


async def _may(api: KubeApi, space: str | None, group: str, kind: str, verb: str) -> bool:
    attributes = {"verb": verb, "group": group, "resource": kind}
    if space is not None:
        attributes["namespace"] = space
    answer = await api.post(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        },
    )
    return bool((answer.get("status") or {}).get("allowed"))


# Objects.


async def _read_all(space: Space, wanted: Mapping[str, set[str]]) -> None:
    await asyncio.gather(*(_read(space, kind, names) for kind, names in wanted.items() if names))


async def _read(space: Space, kind: str, names: set[str]) -> None:
    """List a kind, or read one by one what is wanted where a list is not allowed."""
    path = PATHS[kind].format(space.name)
    try:
        rows = [row async for row in space.api.pages(path, PAGE)]
    except MissingError:
        # The server has no such kind: the Gateway API is not installed.
        rows = []
    except ForbiddenError:
        try:
            rows = await _each(space.api, [f"{path}/{name}" for name in sorted(names)])
        except ForbiddenError:
            # Nothing is known of this kind, and `_unread` says so.
            return
    space.items[kind] = {row["metadata"]["name"]: row for row in rows}


async def _each(api: KubeApi, paths: list[str]) -> list[Object]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(path: str) -> Object | None:
        async with turns:
            try:
                return await api.get(path)
            except MissingError:
                return None

    found = await asyncio.gather(*(one(path) for path in paths))
    return [row for row in found if row is not None]


async def _read_gateways(space: Space, routes: Iterable[str]) -> None:
    """Read the Gateways that these routes name as their parents, each once."""
    found = [space.find("httproutes", name) for name in routes]
    named = {place for route in found if route for place in gateways_named(space, route)}
    names = sorted(named)
    turns = asyncio.Semaphore(AT_ONCE)
    paths = [f"{PATHS['gateways'].format(namespace)}/{name}" for namespace, name in names]
    gateways = await asyncio.gather(*(_gateway(space.api, path, turns) for path in paths))
    space.gateways = dict(zip(names, gateways, strict=True))


async def _gateway(api: KubeApi, path: str, turns: asyncio.Semaphore) -> Object | None:
    async with turns:
        try:
            return await api.get(path)
        except ForbiddenError:
            return None
        except MissingError:
            return {}


def _subject(api: KubeApi, where: str) -> str:
    return f"{api.name}, {where}"


def _good(subject: str, sentence: str) -> Finding:
    return Finding(good=True, subject=subject, sentence=sentence)


def _bad(subject: str, sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject=subject, sentence=sentence, remedy=remedy)
