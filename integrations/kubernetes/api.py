"""Calls to one API server as plain JSON, and the translation of its errors by meaning.

Used by `cluster`. The client's own models are not used: parsing into them costs more than the
call. Never logs a body.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.config.config_exception import ConfigException

from bot.errors import (
    ConflictError,
    ForbiddenError,
    MissingError,
    PermanentError,
    TemporaryError,
)
from integrations.calls import Told, timed, untold
from integrations.kubernetes.kinds import NAMED

Object = dict[str, Any]

METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""What a watch asks for: enough to know which object changed, and nothing that is secret."""

METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""What a list asks for that needs no more than metadata."""

JSON_PATCH = "application/json-patch+json"
FAILED_TEST = "the server rejected our request due to an error in our request"
"""What an API server says of a JSON Patch whose `test` failed (422, reason Invalid)."""


class KubeApi:
    """One API server. `name` is how people call it; None is the current context."""

    def __init__(
        self, context: str | None, kubeconfig: str | None, seconds: float, told: Told = untold
    ) -> None:
        self._told = told
        self._context = context
        self._kubeconfig = kubeconfig
        self._seconds = seconds
        self._client: client.ApiClient | None = None
        self.name = f"Kubernetes ({context})" if context else "Kubernetes"

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def get(self, path: str, **query: str) -> Object:
        """Read. Raises TemporaryError, MissingError, ForbiddenError."""
        return await self._call("GET", path, query=query)

    async def text(self, path: str, **query: str) -> str:
        """Read what is no JSON: a log. Raises what `get` raises."""
        with timed(self._told, f"get {_resource(path)}"):
            status, raw = await self._asked("GET", path, query, None, (None, "*/*"))
        if status < 300:  # noqa: PLR2004 - HTTP success
            return (raw or b"").decode(errors="replace")
        self._read("GET", path, status, raw)
        return ""

    async def pages(
        self, path: str, limit: int, *, accept: str = "application/json", **query: str
    ) -> AsyncIterator[Object]:
        """Read a list in pages of that size, item by item. Raises what `get` raises."""
        asked = {**query, "limit": str(limit)}
        while True:
            page = await self._call("GET", path, query=asked, accept=accept)
            for item in page.get("items") or ():
                yield item
            rest = (page.get("metadata") or {}).get("continue")
            if not rest:
                return
            asked["continue"] = rest

    async def post(self, path: str, body: Object) -> Object:
        """Create, or ask for a review."""
        return await self._call("POST", path, body=body)

    async def delete(self, path: str, options: Object) -> Object:
        """Delete. Raises MissingError, and ConflictError where a precondition does not hold."""
        return await self._call("DELETE", path, body=options)

    async def patch(self, path: str, operations: list[Object]) -> Object:
        """Apply a JSON Patch. Raises ConflictError where one of its tests fails."""
        return await self._call("PATCH", path, body=operations, content_type=JSON_PATCH)

    async def stream(self, path: str, *, seconds: int, **query: str) -> AsyncIterator[Object]:
        """Watch a list: its events as they come, with metadata only, until the server ends it.

        Raises what `get` raises, at the start or in the middle.
        """
        api = await self._connected()
        asked = {**query, "watch": "true", "timeoutSeconds": str(seconds)}
        sent = await api.param_serialize(
            "GET",
            path,
            query_params=list(asked.items()),
            header_params={"Accept": METADATA_ONLY},
            auth_settings=["BearerToken"],
        )
        limits = aiohttp.ClientTimeout(total=seconds + 30, sock_connect=self._seconds)
        try:
            response = await api.call_api(*sent, _request_timeout=limits)
            if response.status >= 300:  # noqa: PLR2004 - HTTP success
                self._read("GET", path, response.status, await response.read())
            async for line in _lines(response.response):
                yield json.loads(line)
        except TimeoutError as error:
            raise self._silent("GET", "the watch fell silent") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._silent("GET", f"the watch broke ({type(error).__name__})") from error

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str | None = None,
        accept: str = "application/json",
    ) -> Object:
        with timed(self._told, f"{method.lower()} {_resource(path)}"):
            types = (content_type, accept)
            status, raw = await self._asked(method, path, query or {}, body, types)
            return self._read(method, path, status, raw)

    async def _asked(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Any,
        types: tuple[str | None, str],
    ) -> tuple[int, bytes | None]:
        content_type, accept = types
        api = await self._connected()
        headers = {"Accept": accept}
        if content_type:
            headers["Content-Type"] = content_type
        try:
            sent = await api.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await api.call_api(*sent, _request_timeout=self._seconds)
            raw = await response.read()
        except TimeoutError as error:
            raise self._silent(method, f"no answer for {self._seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._silent(method, f"the connection failed ({type(error).__name__})") from error
        return response.status, raw

    def _silent(self, method: str, why: str) -> TemporaryError:
        return TemporaryError(f"{self.name}: {why}", 2.0, unknown=method != "GET")

    def _read(self, method: str, path: str, status: int, raw: bytes | None) -> Object:
        try:
            answer: Object = json.loads(raw or b"{}")
        except ValueError:
            answer = {}
        if status < 300:  # noqa: PLR2004 - HTTP success
            return answer
        raise self._error(method, path, status, str(answer.get("message", "")))

    def _error(self, method: str, path: str, status: int, message: str) -> Exception:
        what = _words(path)
        if status == 404:  # noqa: PLR2004 - HTTP
            return MissingError(f"{self.name}: there is no {what}")
        if status in (401, 403):
            return ForbiddenError(
                f"{self.name}: the bot may not {method.lower()} {what}; "
                f"apply deploy/kubernetes/{_rights_file(path)}"
            )
        if status == 409 or (status == 422 and FAILED_TEST in message):  # noqa: PLR2004 - HTTP
            return ConflictError(f"{self.name}: {what} changed in between")
        if status == 410:  # noqa: PLR2004 - HTTP
            # What a page continues is kept for some minutes only; a watch's version likewise.
            return TemporaryError(f"{self.name}: {what} changed while they were being read", 2.0)
        if status == 429 or status >= 500:  # noqa: PLR2004 - HTTP
            # A 5xx of a proxy can hide a write that was done.
            return TemporaryError(f"{self.name} answered {status}", 2.0, unknown=method != "GET")
        return PermanentError(f"{self.name} refused {what}: {message[:300] or status}")

    async def _connected(self) -> client.ApiClient:
        if self._client is None:
            try:
                self._client = await self._connect()
            except (ConfigException, OSError, KeyError, ValueError) as error:
                raise TemporaryError(
                    f"{self.name} isn't configured: {error}. Set KUBECONFIG, or run in the cluster",
                    30.0,
                ) from error
        return self._client

    async def _connect(self) -> client.ApiClient:
        made = client.Configuration()
        if self._kubeconfig is None and self._context is None:
            try:
                config.load_incluster_config(client_configuration=made)
                return client.ApiClient(configuration=made)
            except ConfigException:
                # Not inside a cluster: the developer's own kubeconfig will do.
                made = client.Configuration()
        await config.load_kube_config(
            config_file=self._kubeconfig, context=self._context, client_configuration=made
        )
        return client.ApiClient(configuration=made)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Split a stream into lines, of whatever length."""
    try:
        rest = b""
        async for part in response.content.iter_any():
            *whole, rest = (rest + part).split(b"\n")
            for line in whole:
                if line.strip():
                    yield line
    finally:
        response.close()


def _rights_file(path: str) -> str:
    """Name the manifest that gives the right: what is about all namespaces has one of its own."""
    if "namespaces" not in path.split("/")[:-1]:
        return "rbac-environments.yaml"
    kind = NAMED.get(_resource(path))
    return kind.rights if kind else "rbac.yaml"


def _resource(path: str) -> str:
    """Name what kind a path is about, without names of things: `deployments`, `pods/log`."""
    parts = path.split("/")
    if "namespaces" in parts and len(parts) > parts.index("namespaces") + 2:
        kind, *rest = parts[parts.index("namespaces") + 2 :]
        return f"{kind}/{rest[1]}" if len(rest) > 1 else kind
    return parts[-1] if "namespaces" not in parts[:-1] else "namespaces"


def _words(path: str) -> str:
    """Name what a path is about: `Deployment payments-green in production`."""
    parts = path.split("/")
    if "namespaces" not in parts[:-1]:
        return parts[-1]
    namespace, *rest = parts[parts.index("namespaces") + 1 :]
    if not rest:
        return f"Namespace in {namespace}"
    named = NAMED.get(_resource(path))
    kind = named.word if named else rest[0]
    return f"{kind} {' '.join(rest[1:2])} in {namespace}".replace("  ", " ")
