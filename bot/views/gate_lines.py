"""Gates as lines: failed and waiting first, passed ones folded when nothing needs a look."""

from collections.abc import Sequence

from bot.domain.facts import Diff
from bot.domain.gates.result import GateResult
from bot.views.words import safe, told

_SYMBOLS = {"passed": "✓", "failed": "✗", "waiting": "◷", "overridden": "!"}
_ORDER = {"failed": 0, "waiting": 1, "overridden": 2, "passed": 3}


def gate_lines(gates: Sequence[GateResult], *, diff: Diff | None, whole: bool) -> str:
    """Write them. `whole` lists each passed gate too; else they are one line."""
    ordered = sorted(gates, key=lambda gate: _ORDER[gate.status])
    passed = [gate for gate in ordered if gate.status == "passed"]
    others = [gate for gate in ordered if gate.status != "passed"]
    lines = [_line(gate, diff) for gate in others]
    if whole:
        lines += [_line(gate, diff) for gate in passed]
    elif passed:
        lines.append(f"✓ {len(passed)} checks passed")
    return "\n".join(lines)


def _line(gate: GateResult, diff: Diff | None) -> str:
    link = f" <{diff.url}|diff>" if diff and gate.gate == "version" else ""
    next_step = f" {safe(gate.next_step)}" if gate.next_step and gate.status != "passed" else ""
    return f"{_SYMBOLS[gate.status]} *{gate.gate}* {told(gate.sentence)}{link}{next_step}"
