"""What `release-bot policy` prints: rules and who says so, rights, tried cases. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from bot.domain.applying import Applied
from bot.domain.durations import write_duration
from bot.domain.permissions import Permission
from bot.domain.policy_cases import Answer


def explained(service: str, environment: str, rules: Sequence[Applied]) -> str:
    """Write each rule with its values, and below it who says so."""
    lines = [f"{service} in {environment}"]
    for rule in rules:
        lines += ["", f"{rule.key}: {rule.source}"]
        none = rule.key == "emergency" and rule.value is None
        lines += ["  not allowed"] if none else [f"  {line}" for line in _written(rule.value)]
    return "\n".join(lines)


def _written(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        for key, inner in value:
            yield f"{key}: {_word(inner)}"
    elif isinstance(value, tuple) and any(isinstance(one, BaseModel) for one in value):
        for one in value:
            said = ((key, inner) for key, inner in one if inner is not None and inner != ())
            yield " · ".join(f"{key}: {_word(inner)}" for key, inner in said)
    else:
        yield _word(value)


def _word(value: Any) -> str:
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return write_duration(value)
    if isinstance(value, BaseModel):
        return ", ".join(f"{key} {_word(inner)}" for key, inner in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_word(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, (tuple, list)):
        return ", ".join(_word(one) for one in value) or "none"
    return str(value)


def rights(table: Iterable[Permission]) -> str:
    """Write the table: a line a verb, a column an environment."""
    rows: dict[str, dict[str, str]] = {}
    for one in table:
        rows.setdefault(one.verb, {})[one.environment] = ", ".join(one.roles) or "nobody"
    environments = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [["verb", *environments]]
    lines += [[verb, *(row.get(name, "") for name in environments)] for verb, row in rows.items()]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def tried(answers: Sequence[Answer]) -> str:
    """Write a line an expectation; what came out otherwise stands last, with what the gate said."""
    lines = [f"✓ {one.case}: {one.about} {one.got}" for one in answers if one.good]
    bad = [one for one in answers if not one.good]
    for one in bad:
        said = f" {one.said}" if one.said else ""
        lines.append(f"✗ {one.case}: {one.about} should be {one.wanted}, and is {one.got}.{said}")
    count = f"{len(answers) - len(bad)} of {len(answers)} as expected."
    return "\n".join([*lines, count])
