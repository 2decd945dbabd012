"""docs/operate.md has a row for each log line and each metric, and none for what is not there."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from bot.engine.metrics import Metrics
from bot.logs import LIBRARY_EVENT

ROOT = Path(__file__).parents[2]
LEVELS = {"exception": "error"}


def rows(heading: str) -> dict[str, str]:
    """The table below a heading: its first column to its second."""
    text = (ROOT / "docs" / "operate.md").read_text()
    section = re.split(r"^## ", text.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]
    found = re.findall(r"^\| `(\w+)` \| ([^|]+) \| \S", section, re.MULTILINE)
    assert len(found) == len({name for name, _ in found}), "a row is there twice"
    return dict(found)


def _events(node: ast.expr) -> list[str]:
    """The names that a line may have: a word, or one of two."""
    match node:
        case ast.Constant(value=str() as name):
            return [name]
        case ast.IfExp(body=body, orelse=orelse):
            return [*_events(body), *_events(orelse)]
    raise AssertionError(f"line {node.lineno}: say the event's name in the call itself")


def _logged(path: Path) -> list[tuple[str, str]]:
    """Event and level of each line that a file may log."""
    found, calls = [], set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="log"), attr=level), args=[what, *_]
            ):
                calls.add(node.func)
                found += [(name, LEVELS.get(level, level)) for name in _events(what)]
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and _is_log(n.value)]
    assert all(use in calls for use in uses), f"{path}: log is used, and not called"
    return found


def _is_log(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "log"


def test_each_log_line_has_its_row_with_its_level() -> None:
    logged: dict[str, set[str]] = defaultdict(set)
    logged[LIBRARY_EVENT].add("error")
    for package in ("bot", "commands", "integrations"):
        for path in (ROOT / package).rglob("*.py"):
            for event, level in _logged(path):
                logged[event].add(level)
    documented = {event: set(levels.split(", ")) for event, levels in rows("Log lines").items()}
    assert documented == dict(logged)


def test_the_rows_are_in_order() -> None:
    assert list(rows("Log lines")) == sorted(rows("Log lines"))


def test_each_metric_has_its_row_with_its_kind() -> None:
    families = list(Metrics()._registry.collect())
    known = {f"{f.name}_total" if f.type == "counter" else f.name: f.type for f in families}
    assert rows("Metrics") == known
