"""The gates. Each is one file here: `NAME`, `POSITION` and `evaluate(request, facts, rules)`.

A new gate is a new file; nothing else names it. docs/gates.md shows how.
"""

import importlib
import pkgutil
from collections.abc import Callable

from bot.domain.facts import Facts
from bot.domain.gates.result import GateResult
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules

Evaluate = Callable[[ReleaseRequest, Facts, Rules], GateResult | None]


def _discover() -> tuple[tuple[str, Evaluate], ...]:
    found = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "evaluate"):
            found.append((module.POSITION, module.NAME, module.evaluate))
    return tuple((name, evaluate) for _, name, evaluate in sorted(found, key=lambda row: row[0]))


GATES = _discover()
"""Every gate's name and function, in the order in which the card shows them."""


def evaluate_all(request: ReleaseRequest, facts: Facts, rules: Rules) -> tuple[GateResult, ...]:
    """Ask every gate. A gate that has nothing to say about this release returns None."""
    results = (evaluate(request, facts, rules) for _, evaluate in GATES)
    return tuple(result for result in results if result is not None)
