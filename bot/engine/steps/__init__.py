"""The steps. Each is one file here: `KIND` and `run(work) -> Outcome`; it looks before it acts.

A new step is a new file; nothing else names it. `strategies.py` says which steps come when.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable

from bot.domain.outcomes import Outcome
from bot.engine.steps.work import Work

Run = Callable[[Work], Awaitable[Outcome]]


def _discover() -> dict[str, Run]:
    names = [info.name for info in pkgutil.iter_modules(__path__)]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {module.KIND: module.run for module in modules if hasattr(module, "KIND")}


STEPS = _discover()
"""Every kind of step and the function that tries it."""
