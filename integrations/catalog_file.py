"""The catalogue's file: YAML 1.2 text to models, each problem with its line and column.

Every plain scalar keeps its text, so `16:30` and `2.10` stay what they are; the models convert.
Called by `app` at start and when the file changes, and by `release-bot catalog`.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, Tag, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from watchfiles import awatch

from bot.domain.catalog import Catalog, merge_defaults
from bot.domain.catalog_checks import Problem, check
from bot.domain.sinks import KIND

log = structlog.get_logger()

LARGEST = 5 * 2**20
"""Bytes of a catalogue; 5,000 services take about 2 MB."""

DEEPEST = 20
"""Levels of nesting; the models have seven."""

MOST_NODES = 500_000
"""Nodes after aliases are expanded: an alias bomb ends here."""

POLL_SECONDS = 30.0

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Located:
    """A problem with its place in the file; lines and columns count from 1."""

    line: int
    column: int
    message: str
    severity: str = "error"


class CatalogError(Exception):
    """The catalogue can't be used. `problems` says why, in the order of the lines."""

    def __init__(self, name: str, problems: Iterable[Located]) -> None:
        self.name = name
        self.problems = sorted(problems, key=lambda p: (p.line, p.column, p.message))
        super().__init__("\n".join(written(name, p) for p in self.problems))


@dataclass(frozen=True)
class Loaded:
    """A catalogue that can be used, and what looks odd in it."""

    catalog: Catalog
    warnings: tuple[Located, ...]
    fingerprint: str


def written(name: str, problem: Located) -> str:
    """Write a problem as compilers do, so that editors can jump there."""
    kind = "" if problem.severity == "error" else f"{problem.severity}: "
    return f"{name}:{problem.line}:{problem.column}: {kind}{problem.message}"


def parse_catalog(text: str, name: str = "catalog.yaml") -> Loaded:
    """Read a catalogue. Raises CatalogError with everything that is wrong, not only the first."""
    reader = _Reader()
    raw = reader.read(text)
    if reader.problems:
        raise CatalogError(name, reader.problems)
    try:
        catalog = Catalog.model_validate(merge_defaults(raw))
    except ValidationError as error:
        raise CatalogError(name, _explained(error, reader)) from error
    found = [_placed(problem, reader) for problem in check(catalog)]
    errors = [p for p in found if p.severity == "error"]
    if errors:
        raise CatalogError(name, errors)
    return Loaded(catalog, tuple(found), catalog.fingerprint())


class _Reader:
    """Turns YAML nodes into plain data, and remembers where each key and value stands."""

    def __init__(self) -> None:
        self.problems: list[Located] = []
        self.keys: dict[Path_, tuple[int, int]] = {}
        self._count = 0

    def read(self, text: str) -> dict[str, Any]:
        """Read a whole document. Problems are collected in `problems`."""
        if len(text.encode("utf-8", "replace")) > LARGEST:
            self._fail(1, 1, f"the file is over {LARGEST // 2**20} MB")
            return {}
        try:
            node = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self._fail(at[0], at[1], f"this is not YAML: {error.problem or error.context}")
            return {}
        except (YAMLError, ValueError, RecursionError) as error:
            self._fail(1, 1, f"this is not YAML: {str(error).splitlines()[0]}")
            return {}
        if not isinstance(node, MappingNode):
            self._fail(1, 1, "a catalogue is a mapping: organization, environments, services, …")
            return {}
        return self._mapping(node, (), 0)

    def _fail(self, line: int, column: int, message: str) -> None:
        self.problems.append(Located(line, column, message))

    def _value(self, node: Node, path: Path_, depth: int) -> Any:
        self._count += 1
        at = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.keys.setdefault(path, at)
        if self._count > MOST_NODES or depth > DEEPEST:
            if not any("too much" in p.message for p in self.problems):
                self._fail(*at, "this is too much: too deep, or aliases that grow without end")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self._value(n, (*path, i), depth + 1) for i, n in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: MappingNode, path: Path_, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            at = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                self._fail(*at, "a key must be a word")
                continue
            key = str(key_node.value)
            if key == "<<" and key_node.style is None:
                merged = self._merged(value_node, path, depth)
                found = merged | found
                continue
            if (*path, key) in self.keys and key in found:
                self._fail(*at, f"{key} is there twice")
            self.keys[*path, key] = at
            found[key] = self._value(value_node, (*path, key), depth + 1)
        return found

    def _merged(self, node: Node, path: Path_, depth: int) -> dict[str, Any]:
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, Any] = {}
        for one in nodes:
            value = self._value(one, (*path, "<<"), depth + 1)
            if isinstance(value, dict):
                found = value | found
            else:
                self._fail(
                    node.start_mark.line + 1, node.start_mark.column + 1, "<< takes mappings"
                )
        return found

    def place(self, path: Path_) -> tuple[int, int]:
        """Find where a path stands; in `defaults` where the entry itself does not say it."""
        for candidate in _candidates(path):
            if candidate in self.keys:
                return self.keys[candidate]
        return self.place(path[:-1]) if path else (1, 1)


def _candidates(path: Path_) -> Iterable[Path_]:
    yield path
    if len(path) > 2 and path[0] in ("services", "environments"):  # noqa: PLR2004 - section, name, key
        yield ("defaults", path[0], *path[2:])


def _scalar(node: Node) -> str | None:
    text = str(node.value)
    plain = getattr(node, "style", None) is None
    return None if plain and text in ("", "~", "null", "Null", "NULL") else text


def _placed(problem: Problem, reader: _Reader) -> Located:
    line, column = reader.place(problem.path)
    return Located(line, column, _where(problem.path) + problem.message, problem.severity)


def _where(path: Path_) -> str:
    return ".".join(str(part) for part in path) + ": " if path else ""


def _explained(error: ValidationError, reader: _Reader) -> list[Located]:
    found = []
    for one in error.errors(include_url=False):
        full = tuple(one["loc"])
        path = tuple(part for part in full if not str(part).startswith(KIND))
        unknown_kind = one["type"] == "union_tag_invalid"
        path = (*path, "kind") if unknown_kind else path
        sentence = _unknown_kind(one["ctx"]) if unknown_kind else _sentence(one, full)
        line, column = reader.place(path)
        found.append(Located(line, column, _where(path) + sentence))
    return list(dict.fromkeys(found))


def _sentence(error: Any, path: Path_) -> str:
    match error["type"]:
        case "missing":
            return "it is missing"
        case "extra_forbidden":
            return _unknown_key(str(path[-1]), path[:-1])
        case "value_error" | "assertion_error":
            return (
                str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
            )
        case "literal_error":
            return f"{error['input']!r} is not one of {error['ctx']['expected']}"
        case "dict_type" | "model_type" | "mapping_type":
            return "this must be a mapping of keys to values"
        case "tuple_type" | "list_type":
            return "this must be a list"
        case "string_type":
            return (
                "this must be a word, and is empty"
                if error["input"] is None
                else "this must be a word"
            )
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{error['input']!r} is not a whole number"
        case "bool_parsing" | "bool_type":
            return f"{error['input']!r} is neither true nor false"
        case _:
            return f"{error['msg']} (it is {error['input']!r})"


def _unknown_kind(tags: dict[str, str]) -> str:
    known = tags["expected_tags"].replace(KIND, "")
    return f"{tags['tag'].removeprefix(KIND)!r} is not one of {known}"


def _unknown_key(key: str, parent: Path_) -> str:
    known = _known_keys(parent)
    close = get_close_matches(key, known, n=1, cutoff=0.6)
    mean = f". Did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"
    return f"there is no key {key}{mean}"


def _known_keys(parent: Path_) -> list[str]:
    """Keys of the model that stands at a path."""
    model: Any = Catalog
    for part in parent:
        model = _inner(model, str(part))
        if model is None:
            return []
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    names = [f.alias or name for name, f in model.model_fields.items()]
    return [*names, "defaults"] if model is Catalog else names


def _inner(model: Any, key: str) -> Any:
    """The model behind a key: a field's own, or what its mapping holds."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        if key.isdigit():
            # A place in a list, whose model this is already.
            return model
        fields = {f.alias or name: f for name, f in model.model_fields.items()}
        return _models_in(fields[key].annotation) if key in fields else None
    if isinstance(model, dict):
        # Models of several kinds; the place says which.
        return model.get(key)
    return model[1] if isinstance(model, tuple) else None


def _models_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    args = getattr(annotation, "__args__", ())
    tagged = {tag: _models_in(arg) for arg in args for tag in _tags(arg)}
    if tagged:
        return tagged
    inner = [_models_in(arg) for arg in args]
    found = next((m for m in inner if m is not None), None)
    is_mapping = "Mapping" in str(getattr(annotation, "__origin__", ""))
    return ("mapping", found) if is_mapping and found else found


def _tags(annotation: Any) -> list[str]:
    return [str(m.tag) for m in getattr(annotation, "__metadata__", ()) if isinstance(m, Tag)]


def json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors; `defaults` fill in what entries leave out."""
    schema = Catalog.model_json_schema(by_alias=True, mode="validation")
    defs = schema["$defs"]
    defaults = {}
    for section, model in (("services", "Service"), ("environments", "Environment")):
        # With defaults an entry need not say everything, and `catalog check` sees what is missing.
        defs[model].pop("required", None)
        defaults[section] = {"$ref": f"#/$defs/{model}"}
    schema["properties"]["defaults"] = {
        "type": "object",
        "description": "What services and environments are unless they say otherwise.",
        "properties": defaults,
        "additionalProperties": False,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def read_mapping(path: Path) -> dict[str, Any]:
    """Read another file of the catalogue's kind as plain data, with the same limits.

    Raises CatalogError with everything that is wrong.
    """
    reader = _Reader()
    raw = reader.read(read_text(path))
    if reader.problems:
        raise CatalogError(path.name, reader.problems)
    return raw


def read_text(path: Path) -> str:
    """Read the file. Raises CatalogError where it can't be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CatalogError(
            str(path), [Located(1, 1, f"not UTF-8 at byte {error.start}")]
        ) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise CatalogError(str(path), [Located(1, 1, f"it can't be read: {why}")]) from error


async def watch(path: Path, changed: Callable[[], Awaitable[None]]) -> None:
    """Call `changed` whenever the file's content has changed; ends when cancelled.

    Watches the directory: editors and Kubernetes replace files and links instead of writing
    into them. A poll finds what a file system doesn't tell.
    """
    seen = _hash(path)
    while True:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                async for _ in awatch(path.parent, step=50, debounce=200):
                    break
        except TimeoutError:
            pass
        except OSError as error:
            log.warning("catalog_watch", error=str(error))
            await asyncio.sleep(POLL_SECONDS)
        now = _hash(path)
        if now not in (seen, None):
            seen = now
            await changed()


def _hash(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
