"""The stored objects: one rising resourceVersion, generations, patches and their refusals."""

import copy
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jsonpatch
import jsonpointer

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Kind in the plural, namespace, name."""


class ApiError(Exception):
    """An answer that is no success, in the shape of a Status."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }


@dataclass(frozen=True)
class Effect:
    """One write that was accepted, with the object before and after."""

    at: datetime
    verb: str
    kind: str
    namespace: str
    name: str
    before: Object | None
    after: Object | None
    by_hand: bool = False


class Objects:
    """Objects by kind, namespace and name, with the events that watches want."""

    def __init__(self) -> None:
        self.version = 1000
        self._all: dict[Key, Object] = {}
        self._in: dict[tuple[str, str], dict[str, Object]] = defaultdict(dict)
        self.events: list[tuple[int, str, str, Object]] = []

    def get(self, kind: str, namespace: str, name: str) -> Object:
        """Read one. Raises ApiError 404."""
        try:
            return self._all[kind, namespace, name]
        except KeyError:
            message = f'{kind} "{name}" not found'
            raise ApiError(404, "NotFound", message) from None

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """Read one, or nothing."""
        return self._all.get((kind, namespace, name))

    def list(self, kind: str, namespace: str) -> Iterable[Object]:
        """List one namespace's."""
        return list(self._in[kind, namespace].values())

    def spaces(self) -> set[str]:
        """Name the namespaces that hold something."""
        return {namespace for (_, namespace), items in self._in.items() if namespace and items}

    def put(self, kind: str, namespace: str, item: Object) -> Object:
        """Store a new or changed object under the next resourceVersion."""
        self.version += 1
        name = item["metadata"]["name"]
        item["metadata"]["resourceVersion"] = str(self.version)
        event = "MODIFIED" if (kind, namespace, name) in self._all else "ADDED"
        self._all[kind, namespace, name] = item
        self._in[kind, namespace][name] = item
        self.events.append((self.version, kind, event, item))
        return item

    def remove(self, kind: str, namespace: str, name: str) -> Object:
        """Delete one. Raises ApiError 404."""
        item = self.get(kind, namespace, name)
        del self._all[kind, namespace, name], self._in[kind, namespace][name]
        self.version += 1
        self.events.append((self.version, kind, "DELETED", item))
        return item


def patched(item: Object, content_type: str, body: Any) -> Object:
    """Apply a patch to a copy. A failed `test` is 422, a stale resourceVersion 409."""
    fresh: Object = copy.deepcopy(item)
    if content_type.startswith("application/json-patch+json"):
        return _json_patched(fresh, body)
    wanted = (body.get("metadata") or {}).get("resourceVersion")
    if wanted is not None and wanted != item["metadata"]["resourceVersion"]:
        name = item["metadata"]["name"]
        raise ApiError(
            409,
            "Conflict",
            f'Operation cannot be fulfilled on "{name}": the object has been modified; please '
            "apply your changes to the latest version and try again",
        )
    return _merged(fresh, body)


def _json_patched(item: Object, operations: Any) -> Object:
    try:
        done: Object = jsonpatch.apply_patch(item, operations, in_place=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError) as error:
        message = "the server rejected our request due to an error in our request"
        raise ApiError(422, "Invalid", message) from error
    return done


def _merged(item: Object, patch: Object) -> Object:
    for key, value in patch.items():
        if value is None:
            item.pop(key, None)
        elif isinstance(value, dict):
            item[key] = _merged(dict(item.get(key) or {}), value)
        else:
            item[key] = value
    return item


def check_changed(kind: str, before: Object, after: Object) -> None:
    """Refuse what a real server refuses; raise the generation where the spec changed."""
    annotations = after["metadata"].get("annotations") or {}
    if not all(isinstance(value, str) for value in annotations.values()):
        raise ApiError(422, "Invalid", "metadata.annotations: values must be strings")
    if kind == "deployments":
        if before["spec"]["selector"] != after["spec"]["selector"]:
            raise ApiError(422, "Invalid", "spec.selector: Invalid value: field is immutable")
        labels = after["spec"]["template"]["metadata"].get("labels") or {}
        if not selects(after["spec"]["selector"]["matchLabels"], labels):
            message = "spec.template.metadata.labels: `selector` does not match template `labels`"
            raise ApiError(422, "Invalid", message)
        if int(after["spec"].get("replicas", 1)) < 0:
            raise ApiError(422, "Invalid", "spec.replicas: must be greater than or equal to 0")
    if before["spec"] != after["spec"]:
        after["metadata"]["generation"] = before["metadata"].get("generation", 1) + 1


def agree(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether a selector says nothing else of what is known of some labels."""
    return all(labels.get(key, value) == value for key, value in selector.items())


def selects(selector: dict[str, str] | None, labels: dict[str, str]) -> bool:
    """Whether a label selector matches. An empty one selects nothing, as a Service's does."""
    return bool(selector) and all(labels.get(k) == v for k, v in (selector or {}).items())


def parse_selector(text: str) -> dict[str, str]:
    """Read `a=b,c==d`; other operators are refused."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        key, sep, value = part.replace("==", "=").partition("=")
        if not sep or key.endswith("!"):
            raise ApiError(400, "BadRequest", f"unable to parse requirement: {part}")
        found[key.strip()] = value.strip()
    return found
