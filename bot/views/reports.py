"""The report on stale environments, and the lists behind it (voice.md: counts, worst ten, rest).

Used by the report by the clock and by `/env`. A message stays within Slack's 50 blocks, whatever
there is to tell.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from bot.domain.behind import Lag, Late
from bot.domain.durations import write_duration
from bot.domain.environments import Ephemeral
from bot.domain.stale import Judged, Tally
from bot.ports import Message
from bot.views import blocks
from bot.views.environment_lines import age, late_row, list_row, owner_words, row
from bot.views.words import count, moment, safe

T = TypeVar("T")

WORST = 10
"""Rows of each kind that a report shows."""

PAGE = 20
"""Rows of one page of a list."""

MOST_SILENT = 3
"""Sentences on silent sources; the first ones tell enough."""

_ORDER = tuple(Lag)


@dataclass(frozen=True)
class Report:
    """What a report is drawn from. `rules` None: the catalogue has no passing environments."""

    tally: Tally
    now: datetime
    rules: Ephemeral | None
    late: Sequence[Late] = field(default=())


def report(of: Report) -> Message | None:
    """Draw the report; None where there is nothing to tell."""
    tally, late = of.tally, _worst_first(of.late)
    if not tally.stale and not late and not tally.silent:
        return None
    parts = [blocks.section(f"*{_head(tally, late, of.now)}*")]
    theirs = Counter(one.environment.owner for one in tally.stale)
    for owner, rows in _by_owner(tally.stale[:WORST]):
        name = owner_words(rows[0].environment)
        parts.append(blocks.context(f"*{name}* · {theirs[owner]} stale"))
        for one in rows:
            parts.append(blocks.section(row(one, of.now)))
            parts.append(_buttons(one))
    if late:
        parts += _sections([late_row(one, of.now) for one in late[:WORST]])
    if tally.silent:
        parts += _sections(_silence(tally).split("\n"))
    parts.append(blocks.context(_rest(of, late)))
    return Message(text=_text(parts), blocks=tuple(parts))


def nothing(of: Report) -> Message:
    """Say in one line that nothing is stale: only to who asked."""
    looked = count(of.tally.looked_at, "environment")
    text = f"No environment is stale and no service falls behind. {looked} looked at."
    return Message(text=text, blocks=(blocks.section(text),))


def _head(tally: Tally, late: Sequence[Late], now: datetime) -> str:
    behind = f"{_services(len(late))} fall{'s' if len(late) == 1 else ''} behind." if late else ""
    if not tally.stale:
        known = "is known to be stale" if tally.silent else "is stale"
        return f"No environment {known}. {behind}".strip()
    oldest = age(now - tally.stale[0].environment.created_at)
    parts = [
        count(len(tally.stale), "stale environment"),
        count(tally.owners, "owner"),
        f"oldest {oldest}",
    ]
    return f"{', '.join(parts)}. {behind}".strip()


def _services(number: int) -> str:
    return count(number, "service")


def _by_owner(rows: Sequence[Judged]) -> list[tuple[str | None, list[Judged]]]:
    """Group rows; whose oldest is the oldest of all comes first."""
    groups: dict[str | None, list[Judged]] = {}
    for one in rows:
        groups.setdefault(one.environment.owner, []).append(one)
    return list(groups.items())


def _buttons(one: Judged) -> blocks.Block:
    handle = one.environment.handle
    return blocks.actions(
        [
            blocks.button("Extend", "env:extend", handle),
            blocks.button("Not stale", "env:keep", handle),
        ]
    )


def _worst_first(late: Iterable[Late]) -> list[Late]:
    return sorted(late, key=lambda one: (_ORDER.index(one.lag), one.service, one.environment))


def _silence(tally: Tally) -> str:
    unsure = (
        f"\n{count(tally.unsure, 'environment')} may be stale for all that is known."
        if tally.unsure
        else ""
    )
    return f"Not all is known:\n{_sentences(tally.silent)}{unsure}"


def _sentences(silent: Sequence[str]) -> str:
    said = "\n".join(f"◷ {safe(why)}." for why in silent[:MOST_SILENT])
    more = len(silent) - MOST_SILENT
    return f"{said}\n{more} more did not tell." if more > 0 else said


def _rest(of: Report, late: Sequence[Late]) -> str:
    """Say what the buttons do, and how to see the rest."""
    parts = []
    if of.tally.stale and of.rules is not None:
        more, left_out = write_duration(of.rules.extend), write_duration(of.rules.keep)
        parts.append(f"Extend gives {more} more, Not stale leaves it out for {left_out}.")
    shown = min(len(of.tally.stale), WORST)
    if len(of.tally.stale) > shown:
        parts.append(f"{len(of.tally.stale) - shown} more: `/env list`.")
    elif of.rules is not None:
        parts.append("All environments: `/env list`.")
    if len(late) > WORST:
        parts.append(f"{count(len(late) - WORST, 'more service')}: `/env list services`.")
    return " ".join(parts) or "`/env report` draws it anew."


def _text(parts: Iterable[blocks.Block]) -> str:
    """Write all of a message for plain readers."""
    lines = []
    for part in parts:
        if part["type"] == "section":
            lines.append(part["text"]["text"])
        elif part["type"] == "context":
            lines.append(" ".join(element["text"] for element in part["elements"]))
    return "\n".join(lines)


# Lists.


def environments(
    judged: Sequence[Judged], page: int, now: datetime, silent: Sequence[str] = ()
) -> Message:
    """List all environments, a page at a time: the stale ones first, the oldest of each first."""
    if not judged and silent:
        return _one_line(f"Not known:\n{_sentences(silent)}\nSay it again in a minute.")
    if not judged:
        return _one_line("There are no environments that come and go.")
    ordered = sorted(
        judged,
        key=lambda one: (not one.stale, one.environment.created_at, one.environment.handle),
    )
    stale = sum(one.stale for one in ordered)
    head = f"{count(len(ordered), 'environment')}, {stale} of them stale."
    head += f"\nNot all is known:\n{_sentences(silent)}" if silent else ""
    return _paged(head, ordered, lambda one: list_row(one, now), page, "/env list")


def services(late: Sequence[Late], page: int, now: datetime) -> Message:
    """List every service that falls behind, a page at a time."""
    if not late:
        return _one_line("No service falls behind.")
    head = f"{_services(len(late))} fall{'s' if len(late) == 1 else ''} behind."
    rows = _worst_first(late)
    return _paged(head, rows, lambda one: f"• {late_row(one, now)}", page, "/env list services")


def _paged(
    head: str, rows: Sequence[T], draw: Callable[[T], str], page: int, command: str
) -> Message:
    pages = -(-len(rows) // PAGE)
    page = min(page, pages)
    shown = [draw(one) for one in rows[(page - 1) * PAGE : page * PAGE]]
    where = f"Page {page} of {pages}." if pages > 1 else ""
    then = f" Next: `{command} {page + 1}`." if page < pages else ""
    first, *rest = head.split("\n")
    parts = [*_sections([f"*{first}*", *rest]), *_sections(shown)]
    if where:
        parts.append(blocks.context(where + then))
    return Message(text=_text(parts), blocks=tuple(parts))


def _sections(rows: Sequence[str]) -> list[blocks.Block]:
    """Put rows into as few paragraphs as Slack's limit of characters allows."""
    found, text = [], ""
    for line in rows:
        if text and len(text) + len(line) + 1 > blocks.SECTION_LIMIT:
            found.append(blocks.section(text))
            text = ""
        text = f"{text}\n{line}" if text else line
    return [*found, blocks.section(text)] if text else found


def _one_line(text: str) -> Message:
    return Message(text=text, blocks=(blocks.section(text),))


# What came of a wish.


def extended(handle: str, until: datetime, now: datetime) -> Message:
    """Say until when an environment lives now."""
    return _one_line(
        f"✓ {safe(handle)} is extended until {moment(until, now)}. The report leaves it out until "
        "then."
    )


def kept(handle: str, until: datetime, now: datetime) -> Message:
    """Say until when an environment is left out of the report."""
    return _one_line(
        f"✓ {safe(handle)} is not stale, on your word. The report leaves it out until "
        f"{moment(until, now)}."
    )
