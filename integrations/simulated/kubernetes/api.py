"""The HTTP API of the simulated cluster, with the paths and shapes of the real one."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

from aiohttp import web

from integrations.simulated.kubernetes import autoscaling, budgets, istio, jobs, rollouts
from integrations.simulated.kubernetes.cluster import Cluster
from integrations.simulated.kubernetes.logs import Logs
from integrations.simulated.kubernetes.namespaces import Namespaces
from integrations.simulated.kubernetes.objects import ApiError, Object, parse_selector, patched
from integrations.simulated.kubernetes.pods import Health, as_object
from integrations.simulated.server import Now, SimulatedServer, Sleep

APIS = {
    "deployments": ("apis/apps/v1", "DeploymentList"),
    "services": ("api/v1", "ServiceList"),
    "httproutes": ("apis/gateway.networking.k8s.io/v1", "HTTPRouteList"),
    "gateways": ("apis/gateway.networking.k8s.io/v1", "GatewayList"),
    "replicasets": ("apis/apps/v1", "ReplicaSetList"),
    rollouts.KIND: (rollouts.API, "RolloutList"),
    istio.KIND: (istio.API, "VirtualServiceList"),
    istio.GATEWAYS: (istio.API, "GatewayList"),
    jobs.CRONJOBS: (jobs.API, "CronJobList"),
    jobs.JOBS: (jobs.API, "JobList"),
    autoscaling.KIND: (autoscaling.API, "HorizontalPodAutoscalerList"),
    budgets.KIND: (budgets.API, "PodDisruptionBudgetList"),
}
"""Kinds that are stored, with their API and the name of their list. A name is the plural, with
its group where the plural alone would be another's."""

LISTS_KEPT = 50


class SimulatedKubernetes(SimulatedServer):
    """The API server. `cluster` is the world behind it, and the control surface."""

    def __init__(self, now: Now, sleep: Sleep, *, token: str | None = None) -> None:
        super().__init__(now, sleep)
        self.cluster = Cluster(now)
        self.jobs = jobs.Jobs()
        self.logs = Logs()
        self._autoscalers = autoscaling.Autoscalers()
        self.token = token
        self._spaces = Namespaces(self.cluster, self.check_allowed)
        self._pods_listed: dict[tuple[str, str], dict[str, Health]] = {}
        """States of all pods of a namespace when they were listed, by the list's version."""

    def routes(self) -> list[web.RouteDef]:
        """Paths of the real API."""
        found: list[tuple[str, str, Any]] = [
            *self._spaces.routes(),
            ("GET", "/version", self._version),
            ("GET", "/version/", self._version),
            ("GET", "/api/v1/namespaces/{ns}", self._namespace),
            ("GET", "/api/v1/namespaces/{ns}/pods", self._pods),
            ("GET", "/api/v1/namespaces/{ns}/pods/{name}/log", self._log),
            ("GET", "/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices", self._slices),
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self._review),
        ]
        for kind, (base, _) in APIS.items():
            many = f"/{base}/namespaces/{{ns}}/{{kind:{_plural(kind)}}}"
            found += [
                ("GET", many, self._list),
                ("POST", many, self._create),
                ("GET", many + "/{name}", self._get),
                ("PUT", many + "/{name}", self._replace),
                ("PATCH", many + "/{name}", self._patch),
                ("DELETE", many + "/{name}", self._delete),
            ]
        # Of the kinds that have a status apart, it is a Rollout's that clients patch.
        status = f"/{rollouts.API}/namespaces/{{ns}}/{{kind:{rollouts.KIND}}}/{{name}}/status"
        found.append(("PATCH", status, self._patch_status))
        return [web.route(method, path, _answering(self, run)) for method, path, run in found]

    def kubeconfig(self, path: Path, contexts: list[str]) -> Path:
        """Write a kubeconfig with these contexts, the first of them current."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": contexts[0],
            "clusters": [{"name": "sim", "cluster": {"server": self.url}}],
            "users": [{"name": "sim", "user": {"token": self.token or "any"}}],
            "contexts": [
                {"name": name, "context": {"cluster": "sim", "user": "sim"}} for name in contexts
            ],
        }
        path.write_text(json.dumps(config))
        return path

    def check_allowed(self, verb: str, kind: str, namespace: str) -> None:
        """Raise 403 for what was denied."""
        kind = _plural(kind)
        if (verb, kind) in self.cluster.denied:
            message = (
                f'{kind} is forbidden: User "system:serviceaccount:release-bot" cannot {verb} '
                f'resource "{kind}" in the namespace "{namespace}"'
            )
            raise ApiError(403, "Forbidden", message)

    async def _version(self, _request: web.Request) -> Object:
        more = ("buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "platform")
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0", **dict.fromkeys(more, "")}

    async def _namespace(self, request: web.Request) -> Object:
        name = request.match_info["ns"]
        if not list(self.cluster.objects.list("services", name)):
            raise ApiError(404, "NotFound", f'namespaces "{name}" not found')
        return {"kind": "Namespace", "metadata": {"name": name}, "status": {"phase": "Active"}}

    async def _review(self, request: web.Request) -> Object:
        body: Object = await request.json()
        wanted = body["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (wanted["resource"], wanted.get("subresource"))))
        allowed = (wanted["verb"], resource) not in self.cluster.denied
        return body | {"status": {"allowed": allowed}}

    async def _pods(self, request: web.Request) -> Object | web.StreamResponse:
        namespace = request.match_info["ns"]
        self.check_allowed("list", "pods", namespace)
        if request.query.get("watch") in ("true", "1"):
            return await self._watch_pods(request, namespace)
        self._autoscalers.act(self.cluster, namespace)
        text = request.query.get("labelSelector")
        selector = parse_selector(text) if text else None
        if selector is None:
            self._remember_pods(namespace)
        items = self.cluster.pod_objects(namespace, selector)
        return _listed("PodList", self.cluster, items[: _limit(request)])

    async def _log(self, request: web.Request) -> web.Response:
        namespace, name = request.match_info["ns"], request.match_info["name"]
        self.check_allowed("get", "pods/log", namespace)
        found = (pod for _, pod in self.cluster.pods(namespace, None) if pod.name == name)
        pod = next(found, None)
        if pod is None:
            raise ApiError(404, "NotFound", f'pods "{name}" not found')
        state = self.cluster.health(pod, self.cluster.now())
        body = self.logs.tail(pod, state, dict(request.query))
        return web.Response(body=body, content_type="text/plain")

    async def _watch_pods(self, request: web.Request, namespace: str) -> web.StreamResponse:
        """Stream pods whose state has changed. They are computed from the clock, so it is asked."""
        self.check_allowed("watch", "pods", namespace)
        since = (namespace, request.query.get("resourceVersion", ""))
        response = await _stream(request)
        seen = self._pods_listed.get(since)
        async for _ in _until_timeout(request, PODS_LOOK):
            now = self.cluster.now()
            found = {pod.name: (owner, pod) for owner, pod in self.cluster.pods(namespace, None)}
            states = {name: self.cluster.health(pod, now) for name, (_, pod) in found.items()}
            before = states if seen is None else seen
            for name in states.keys() | before.keys():
                if states.get(name) == before.get(name):
                    continue
                event = "MODIFIED" if name in states else "DELETED"
                item: Object = {"metadata": {"name": name, "namespace": namespace}}
                if name in found:
                    owner, pod = found[name]
                    item = as_object(pod, states[name], namespace, owner)
                await _event(response, event, item)
            seen = states
        return response

    def _remember_pods(self, namespace: str) -> None:
        """Keep what a list of all was of, for a watch that goes on from there."""
        key, now = (namespace, str(self.cluster.objects.version)), self.cluster.now()
        if key not in self._pods_listed:
            pods = self.cluster.pods(namespace, None)
            self._pods_listed[key] = {pod.name: self.cluster.health(pod, now) for _, pod in pods}
        while len(self._pods_listed) > LISTS_KEPT:
            del self._pods_listed[next(iter(self._pods_listed))]

    async def _slices(self, request: web.Request) -> Object:
        namespace = request.match_info["ns"]
        self.check_allowed("list", "endpointslices", namespace)
        wanted = parse_selector(request.query.get("labelSelector", ""))
        name = wanted.get("kubernetes.io/service-name")
        objects = self.cluster.objects
        services = (
            objects.list("services", namespace)
            if name is None
            else filter(None, [objects.find("services", namespace, name)])
        )
        items = [self.cluster.slice_of(namespace, service) for service in services]
        return _listed("EndpointSliceList", self.cluster, items)

    async def _list(self, request: web.Request) -> Object | web.StreamResponse:
        kind, namespace = _kind(request), request.match_info["ns"]
        self.check_allowed("list", kind, namespace)
        if request.query.get("watch") in ("true", "1"):
            return await self._watch(request, kind, namespace)
        self.cluster.argo.follow(namespace)
        self._autoscalers.act(self.cluster, namespace)
        found = list(self.cluster.objects.list(kind, namespace))[: _limit(request)]
        items = [self._whole(kind, namespace, o) for o in found]
        return _listed(APIS[kind][1], self.cluster, items)

    async def _watch(self, request: web.Request, kind: str, namespace: str) -> web.StreamResponse:
        """Stream events that came after the resourceVersion, until the time-out."""
        self.check_allowed("watch", kind, namespace)
        objects = self.cluster.objects
        seen = int(request.query.get("resourceVersion") or objects.version)
        response = await _stream(request)
        at = 0
        async for _ in _until_timeout(request, OBJECTS_LOOK):
            self.cluster.argo.follow(namespace)
            news, at = objects.events[at:], len(objects.events)
            for version, what, event, item in news:
                if version > seen and what == kind and item["metadata"]["namespace"] == namespace:
                    await _event(response, event, self._whole(kind, namespace, item))
        return response

    def _whole(self, kind: str, namespace: str, item: Object) -> Object:
        if kind == "deployments":
            return item | {"status": self.cluster.deployment_status(namespace, item)}
        if kind == budgets.KIND:
            return item | {"status": budgets.status(self.cluster, namespace, item)}
        if kind == autoscaling.KIND:
            return item | {"status": self._autoscalers.status(item)}
        if kind == "httproutes":
            return item | {"status": self.cluster.route_status(namespace, item)}
        if kind == rollouts.SETS:
            return item | {"status": self.cluster.argo.set_status(namespace, item)}
        if kind == jobs.JOBS:
            return item | {"status": self.jobs.status(item, self.cluster.now())}
        if kind == istio.KIND and (status := self.cluster.istio_status(namespace, item)):
            return item | {"status": status}
        return item

    async def _get(self, request: web.Request) -> Object:
        kind, namespace, name = _named(request)
        self.check_allowed("get", kind, namespace)
        self.cluster.argo.follow_object(kind, namespace, name)
        self._autoscalers.act(self.cluster, namespace)
        return self._whole(kind, namespace, self.cluster.objects.get(kind, namespace, name))

    async def _create(self, request: web.Request) -> Object:
        kind, namespace = _kind(request), request.match_info["ns"]
        self.check_allowed("create", kind, namespace)
        body: Object = await request.json()
        name = body["metadata"]["name"]
        if self.cluster.objects.find(kind, namespace, name) is not None:
            raise ApiError(409, "AlreadyExists", f'{kind} "{name}" already exists')
        return self._whole(kind, namespace, self.cluster.create(kind, namespace, body))

    async def _replace(self, request: web.Request) -> Object:
        kind, namespace, name = _named(request)
        self.check_allowed("update", kind, namespace)
        body: Object = await request.json()
        item = self.cluster.objects.get(kind, namespace, name)
        version = body["metadata"].get("resourceVersion")
        check: Object = {"metadata": {"resourceVersion": version}} if version else {}
        patched(item, "application/merge-patch+json", check)
        body["metadata"] = item["metadata"] | body["metadata"]
        return self._whole(kind, namespace, self.cluster.change(kind, namespace, name, body))

    async def _patch(self, request: web.Request) -> Object:
        kind, namespace, name = _named(request)
        self.check_allowed("patch", kind, namespace)
        body = await request.json()
        if request.query.get("dryRun"):
            item = self.cluster.objects.get(kind, namespace, name)
            return patched(item, request.content_type, body)
        done = self.cluster.patch(kind, namespace, name, request.content_type, body)
        return self._whole(kind, namespace, done)

    async def _patch_status(self, request: web.Request) -> Object:
        kind, namespace, name = _named(request)
        self.check_allowed("patch", f"{kind}/status", namespace)
        body, type_ = await request.json(), request.content_type
        return self.cluster.patch(kind, namespace, name, type_, body, status=True)

    async def _delete(self, request: web.Request) -> Object:
        kind, namespace, name = _named(request)
        self.check_allowed("delete", kind, namespace)
        if kind == jobs.JOBS:
            options: Object = json.loads(await request.read() or b"{}")
            self.jobs.check_deleted(self.cluster.objects.get(kind, namespace, name), options)
        return self.cluster.delete(kind, namespace, name)


OBJECTS_LOOK, PODS_LOOK = 0.02, 0.25
"""Seconds between two looks of a watch at what is stored, and at pods, which are computed."""


def _limit(request: web.Request) -> int | None:
    return int(request.query.get("limit", "0")) or None


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    return response


async def _until_timeout(request: web.Request, pause: float) -> AsyncIterator[None]:
    """Take turns until the watch's own time is over; a turn has a fifth of it at the most."""
    end = monotonic() + float(request.query.get("timeoutSeconds", "30"))
    while (began := monotonic()) < end:
        yield
        await asyncio.sleep(max(pause, 4 * (monotonic() - began)))


async def _event(response: web.StreamResponse, kind: str, item: Object) -> None:
    await response.write((json.dumps({"type": kind, "object": item}) + "\n").encode())


def _answering(server: SimulatedKubernetes, handler: Any) -> Any:
    async def answer(request: web.Request) -> web.StreamResponse:
        if server.token and request.headers.get("Authorization") != f"Bearer {server.token}":
            error = ApiError(401, "Unauthorized", "Unauthorized")
            return web.json_response(error.status, status=401)
        try:
            result = await handler(request)
        except ApiError as error:
            return web.json_response(error.status, status=error.code)
        if isinstance(result, web.StreamResponse):
            return result
        return web.json_response(result, status=201 if request.method == "POST" else 200)

    return answer


def _named(request: web.Request) -> tuple[str, str, str]:
    found = request.match_info
    return _kind(request), found["ns"], found["name"]


def _kind(request: web.Request) -> str:
    """Name the kind as it is stored."""
    plural = request.match_info["kind"]
    own = (kind for kind, (base, _) in APIS.items() if request.path.startswith(f"/{base}/"))
    return next(kind for kind in own if _plural(kind) == plural)


def _plural(kind: str) -> str:
    return kind.partition(".")[0]


def _listed(kind: str, cluster: Cluster, items: list[Object]) -> Object:
    version = str(cluster.objects.version)
    return {
        "kind": kind,
        "apiVersion": "v1",
        "metadata": {"resourceVersion": version},
        "items": items,
    }
