"""Which of the reports on one commit stand, where several are of the same kind and tool. Pure.

A new run takes the place of an older one. What came from one attempt of a run stands together: a
test suite in four parts is four reports. A run that was tried again takes the place of its own
earlier attempt only where it brings at least as many reports: who runs one part again must not
thereby hide that another one failed. `part` names the parts, and then each is replaced by itself.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from bot.domain.submitted import Submitted

_ATTEMPT = re.compile(r"(?P<run>.+/actions/runs/\d+)(?:/attempts/(?P<attempt>\d+))?/?")

Key = tuple[str, str, str, str]


def key_of(one: Submitted) -> Key:
    """What a report may take the place of: same kind, tool, part, and workflow whatever its ref."""
    workflow = (one.sender.workflow or "").partition("@")[0]
    return one.kind, one.tool, one.part, workflow


def run_of(one: Submitted) -> tuple[str, int]:
    """Name the run, and say which attempt it was. A report without a run is one of its own."""
    found = _ATTEMPT.fullmatch(one.sender.run or "")
    if found is None:
        return one.sender.run or f"report {one.id}", 1
    return found["run"], int(found["attempt"] or 1)


def standing(reports: Iterable[Submitted]) -> tuple[Submitted, ...]:
    """Pick those that stand, newest first."""
    groups: dict[Key, list[Submitted]] = {}
    for one in sorted(reports, key=_when, reverse=True):
        groups.setdefault(key_of(one), []).append(one)
    kept = [one for group in groups.values() for one in _of_newest_run(group)]
    return tuple(sorted(kept, key=_when, reverse=True))


def _when(one: Submitted) -> tuple[datetime, int]:
    return one.received_at, one.id


def _of_newest_run(group: list[Submitted]) -> list[Submitted]:
    if group[0].part:
        return group[:1]
    newest = run_of(group[0])[0]
    attempts: dict[int, list[Submitted]] = {}
    for one in group:
        run, attempt = run_of(one)
        if run == newest:
            attempts.setdefault(attempt, []).append(one)
    kept: list[Submitted] = []
    for attempt in sorted(attempts, reverse=True):
        if len(attempts[attempt]) > len(kept):
            kept += attempts[attempt]
    return kept
