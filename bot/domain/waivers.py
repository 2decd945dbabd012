"""Findings against limits, and the exceptions that policy allows. Pure.

Used by the gates `scans` and `evidence`. A waiver that isn't needed isn't used; one that is used is
told by name wherever the gate's sentence goes.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase

from bot.domain.evidence import Kind
from bot.domain.policies import Waiver
from bot.domain.severities import Severity
from bot.domain.value import Value

Counts = Mapping[Severity, int]


class Over(Value):
    """More findings of a severity than the limit and the waivers allow."""

    severity: Severity
    count: int
    limit: int
    """What is allowed with the waivers."""


class Weighed(Value):
    """What came of counts: where they are over, the waivers in use, and those that ran out."""

    over: tuple[Over, ...] = ()
    used: tuple[Waiver, ...] = ()
    ended: tuple[Waiver, ...] = ()
    """Waivers that would have helped, had they not run out."""


def weighed(
    counts: Counts,
    limit_of: Callable[[Severity], int | None],
    waivers: Iterable[Waiver],
    on: datetime,
    *,
    kind: Kind | None = None,
    by_rule: Mapping[str, Counts] | None = None,
) -> Weighed:
    """Compare counts with their limits. `kind` None: code scanning, which is no evidence.

    `by_rule`: findings of the rules that waivers name; a waiver for a rule covers no more of them
    than there are.
    """
    over: list[Over] = []
    used: list[Waiver] = []
    ended: list[Waiver] = []
    day = on.astimezone(UTC).date()
    for severity, count in counts.items():
        limit = limit_of(severity)
        if limit is None or count <= limit:
            continue
        left = count - limit
        for waiver in _for(waivers, severity, kind):
            covers = _covers(waiver, by_rule or {})
            if not covers or left <= 0:
                continue
            if waiver.until < day:
                ended.append(waiver)
                continue
            used.append(waiver)
            left -= covers
        if left > 0:
            over.append(Over(severity=severity, count=count, limit=count - left))
    return Weighed(over=tuple(over), used=tuple(used), ended=tuple(ended) if over else ())


def _for(waivers: Iterable[Waiver], severity: Severity, kind: Kind | None) -> list[Waiver]:
    found = [w for w in waivers if w.severity is severity and (not w.kinds or kind in w.kinds)]
    # Those for a rule first: what is left is then for those that name none.
    return sorted(found, key=lambda waiver: (waiver.rule is None, waiver.id))


def _covers(waiver: Waiver, by_rule: Mapping[str, Counts]) -> int:
    if waiver.rule is None:
        return waiver.count
    there = sum(
        counts.get(waiver.severity, 0)
        for rule, counts in by_rule.items()
        if fnmatchcase(rule, waiver.rule)
    )
    return min(waiver.count, there)


def day(moment: date) -> str:
    """Write a day as the card does: `1 Dec`."""
    return f"{moment.day} {moment:%b}"


def in_words(weighed: Weighed) -> str:
    """Tell the waivers in use, behind counts: ` (allowed until 1 Dec, SEC-12)`."""
    if not weighed.used:
        return ""
    until = min(waiver.until for waiver in weighed.used)
    names = ", ".join(dict.fromkeys(waiver.id for waiver in weighed.used))
    return f" (allowed until {day(until)}, {names})"


def remedy(weighed: Weighed) -> str:
    """Say which waiver ran out, where one would have helped; else nothing."""
    if not weighed.ended:
        return ""
    told = ", ".join(f"{w.id} of {w.owner} ended on {day(w.until)}" for w in weighed.ended)
    return f" {told}."
