"""Looks at the clusters for `release-bot doctor`: rights, objects, routes, gateways, owners.

Used by `cluster`. Reads each namespace once, however many services are in it, and changes nothing:
a review of the bot's own rights is a question.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress

from bot.domain.targets import Target
from bot.errors import ForbiddenError, MissingError, PermanentError, TemporaryError
from bot.ports import Checkup, Finding
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.kinds import (
    AUTOSCALERS,
    BUDGETS,
    CRONJOBS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    GATEWAYS,
    HTTP_ROUTES,
    ISTIO_GATEWAYS,
    JOBS,
    POD_LOGS,
    PODS,
    REPLICA_SETS,
    ROLLOUT_STATUS,
    ROLLOUTS,
    SERVICES,
    VIRTUAL_SERVICES,
    Kind,
)
from integrations.kubernetes.objects import Object
from integrations.kubernetes.space import Parent, Space, kubectl
from integrations.kubernetes.traffic import way_of
from integrations.kubernetes.wiring import examined, is_known, names

Rights = Mapping[Kind, tuple[str, ...]]
"""Verbs by kind."""

ALL_OF_IT = ("get", "list", "watch", "patch")

RIGHTS: Rights = {
    DEPLOYMENTS: ALL_OF_IT,
    SERVICES: ALL_OF_IT,
    PODS: ("list", "watch"),
    ENDPOINT_SLICES: ("list",),
    HTTP_ROUTES: ALL_OF_IT,
    AUTOSCALERS: ("list",),
    BUDGETS: ("list",),
}
"""What deploy/kubernetes/rbac.yaml gives in each namespace, by API group and resource."""

ISTIO_RIGHTS: Rights = {VIRTUAL_SERVICES: ALL_OF_IT}
"""What deploy/kubernetes/rbac-istio.yaml gives besides, where traffic is moved by Istio."""

ARGO_RIGHTS: Rights = {ROLLOUTS: ALL_OF_IT, ROLLOUT_STATUS: ("patch",), REPLICA_SETS: ("get",)}
"""What deploy/kubernetes/rbac-argo.yaml gives besides, where Argo Rollouts runs the pods."""

SMOKE_RIGHTS: Rights = {CRONJOBS: ("get",), JOBS: ("create", "get", "delete")}
"""What deploy/kubernetes/rbac-smoke.yaml gives besides, where a CronJob's Job is a smoke test."""

LOG_RIGHTS: Rights = {POD_LOGS: ("get",)}
"""What deploy/kubernetes/rbac-logs.yaml gives besides, where a policy says `logs: allowed`."""

WIDE_RIGHTS: Rights = {Kind("Namespace", "namespaces"): ("list",), DEPLOYMENTS: ("list",)}
"""What deploy/kubernetes/rbac-environments.yaml gives in a whole cluster."""

GATEWAY_RIGHTS: Rights = {GATEWAYS: ("get",), ISTIO_GATEWAYS: ("get",)}
"""What deploy/kubernetes/rbac-gateways.yaml gives where a Gateway is: it is simply read."""

OPTIONAL = (HTTP_ROUTES, VIRTUAL_SERVICES)
"""Kinds that the bot needs rights for only where a service has one."""

WITHOUT = {
    AUTOSCALERS: "so it can't tell what an autoscaler will do to a slot",
    BUDGETS: "so it can't tell where a node's drain would hang",
}
"""What is lacking where these may not be listed; releases go on without."""

APPLY = "apply -f deploy/kubernetes"

PAGE = 500
AT_ONCE = 16
"""Objects that are read one by one beside each other, where a list is not allowed."""

Place = tuple[str | None, str]
"""A kubeconfig context and a namespace in it."""


async def examine(
    api_at: Callable[[str | None], KubeApi],
    targets: Iterable[Target],
    everywhere: Iterable[str | None] = (),
    with_logs: Collection[Target] = (),
) -> Checkup:
    """Look at each namespace of the targets, and at the clusters that are listed as a whole.

    `with_logs`: those of which a policy lets people ask for lines of pods.
    """
    places: dict[Place, list[Target]] = defaultdict(list)
    for target in targets:
        places[target.cluster, target.namespace].append(target)
    looks = await asyncio.gather(
        *(
            _place(Space(api_at(place[0]), *place), found, logs=any(t in with_logs for t in found))
            for place, found in places.items()
        ),
        *(_everywhere(api_at(cluster), cluster) for cluster in everywhere),
    )
    # Routes in several namespaces may name one Gateway.
    return Checkup(findings=tuple(dict.fromkeys(finding for look in looks for finding in look)))


async def _place(space: Space, targets: list[Target], *, logs: bool) -> list[Finding]:
    """Look at one namespace. A server that doesn't answer is one finding, not one a service."""
    subject = _subject(space.api, space.name)
    wanted = _wanted(targets)
    try:
        rights, *_ = await asyncio.gather(
            _rights(space, wanted, logs=logs), _read_all(space, wanted), _read_beside(space)
        )
        await _read_parents(space, targets)
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


def _unread(space: Space, wanted: Mapping[Kind, set[str]]) -> Iterator[Finding]:
    """Say what could not be read, so that nobody takes silence for health."""
    unread = [kind for kind in wanted if kind not in space.items]
    for file in dict.fromkeys(kind.rights for kind in unread):
        kinds = ", ".join(f"{kind.word}s" for kind in unread if kind.rights == file)
        said = f"{kinds}: not known, the bot may not read them."
        remedy = f"{kubectl(space.cluster, space.name)} {APPLY}/{file}"
        yield _bad(_subject(space.api, space.name), said, remedy)
    for parent, item in space.parents.items():
        if item is None:
            what = f"{parent.kind.word} {parent.name} in {parent.namespace}"
            remedy = f"{kubectl(space.cluster, parent.namespace)} {APPLY}/{parent.kind.rights}"
            said = f"{what}: not known, the bot may not read it."
            yield _bad(_subject(space.api, parent.namespace), said, remedy)


def _wanted(targets: Iterable[Target]) -> dict[Kind, set[str]]:
    """Names of the objects that the targets need, by kind."""
    found: dict[Kind, set[str]] = defaultdict(set)
    for target in targets:
        for kind, name in names(target):
            found[kind].add(name)
    return found


# Rights.


async def _rights(space: Space, wanted: Mapping[Kind, set[str]], *, logs: bool) -> list[Finding]:
    needed = {
        kind: verbs
        for kind, verbs in {**RIGHTS, **ISTIO_RIGHTS}.items()
        if kind not in OPTIONAL or kind in wanted
    }
    if CRONJOBS in wanted:
        needed |= SMOKE_RIGHTS
    if ROLLOUTS in wanted:
        needed |= ARGO_RIGHTS
    if logs:
        needed |= LOG_RIGHTS
    missing = await _missing(space.api, space.name, needed)
    subject = _subject(space.api, space.name)
    if not missing:
        count = sum(len(verbs) for verbs in needed.values())
        return [_good(subject, f"All {count} rights are there.")]
    return [
        _bad(subject, f"The bot may not {verb} {kind.plural} in {space.name}{so}.", remedy)
        for verb, kind in missing
        for why in [
            "so it looks every few seconds instead" if verb == "watch" else WITHOUT.get(kind)
        ]
        for so in [f", {why}" if why else ""]
        for remedy in [f"{kubectl(space.cluster, space.name)} {APPLY}/{kind.rights}"]
    ]


async def _everywhere(api: KubeApi, cluster: str | None) -> list[Finding]:
    subject = _subject(api, "all namespaces")
    try:
        missing = await _missing(api, None, WIDE_RIGHTS)
    except (TemporaryError, PermanentError) as error:
        return [_bad(subject, f"{error}.", "Check KUBECONFIG, the network, the context's name.")]
    remedy = f"{kubectl(cluster)} {APPLY}/rbac-environments.yaml"
    bad = [
        _bad(subject, f"The bot may not {verb} {kind.plural} in the whole cluster.", remedy)
        for verb, kind in missing
    ]
    return bad or [_good(subject, "The environments that come and go can be listed.")]


async def _missing(api: KubeApi, space: str | None, needed: Rights) -> list[tuple[str, Kind]]:
    """Ask for each verb on each kind whether the bot may; those that it may not."""
    asked = [(verb, kind) for kind, verbs in needed.items() for verb in verbs]
    answers = await asyncio.gather(*(_may(api, space, *right) for right in asked))
    return [right for right, yes in zip(asked, answers, strict=True) if not yes]


async def _may(api: KubeApi, space: str | None, verb: str, kind: Kind) -> bool:
    attributes = kind.right(verb)
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


async def _read_all(space: Space, wanted: Mapping[Kind, set[str]]) -> None:
    await asyncio.gather(*(_read(space, kind, named) for kind, named in wanted.items()))


async def _read(space: Space, kind: Kind, named: set[str]) -> None:
    """List a kind, or read one by one what is wanted where a list is not allowed."""
    path = kind.path(space.name)
    try:
        rows = [row async for row in space.api.pages(path, PAGE)]
    except MissingError:
        # The server has no such kind: the Gateway API or Istio is not installed.
        rows = []
    except ForbiddenError:
        try:
            rows = await _each(space.api, [f"{path}/{name}" for name in sorted(named)])
        except ForbiddenError:
            # Nothing is known of this kind, and `_unread` says so.
            return
    space.items[kind] = {row["metadata"]["name"]: row for row in rows}


async def _read_beside(space: Space) -> None:
    """Read what no service names: autoscalers and budgets. `_rights` tells where it may not."""
    for kind in (AUTOSCALERS, BUDGETS):
        with suppress(ForbiddenError, MissingError):
            rows = [row async for row in space.api.pages(kind.path(space.name), PAGE)]
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


async def _read_parents(space: Space, targets: Iterable[Target]) -> None:
    """Read what these targets' routes are bound to, each once."""
    named: set[Parent] = set()
    for target in targets:
        way = way_of(target)
        item = space.find(way.kind, way.name(target))
        named.update(way.parents(item, space.name) if item is not None else ())
    parents = sorted(named, key=lambda parent: (parent.kind.group, *parent[1:]))
    turns = asyncio.Semaphore(AT_ONCE)
    paths = [parent.kind.path(parent.namespace, parent.name) for parent in parents]
    found = await asyncio.gather(*(_parent(space.api, path, turns) for path in paths))
    space.parents = dict(zip(parents, found, strict=True))


async def _parent(api: KubeApi, path: str, turns: asyncio.Semaphore) -> Object | None:
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
