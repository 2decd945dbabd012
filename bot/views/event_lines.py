"""Events and their deliveries as an operator reads them on the command line. Pure."""

from collections.abc import Sequence
from typing import Any

from bot.domain.deliveries import Listed, Which
from bot.domain.events import timestamp

NONE = {
    "all": "Nothing was released yet, so there are no events.",
    "waiting": "No event waits.",
    "dead": "No event is dead.",
}


def listing(rows: Sequence[Listed], which: Which, most: int) -> str:
    """Write one line a delivery, newest first; the last line says how to go on."""
    if not rows:
        return NONE[which]
    lines = [line(row) for row in rows]
    if len(rows) >= most:
        lines.append(f"These are the newest {most}. --limit shows more.")
    if any(row.standing == "dead" for row in rows):
        lines.append("Send dead ones again: release-bot events resend ID, or --dead for all.")
    return "\n".join(lines)


def line(row: Listed) -> str:
    """Write one delivery: which event, of what, and what became of it."""
    event = row.event
    about = f"{row.service} {row.release_id}".rstrip()
    what = f"{event.id}  {timestamp(event.time)}  {event.type}  {about}"
    return f"{what}  {_fate(row)}"


def _fate(row: Listed) -> str:
    tries = f"{row.attempts} tries" if row.attempts != 1 else "1 try"
    match row.standing:
        case "no sink":
            return "for no sink"
        case "delivered":
            return (
                f"{row.sink}: delivered {timestamp(row.delivered_at)}" if row.delivered_at else ""
            )
        case "dead":
            return f"{row.sink}: dead after {tries}, {row.error}"
        case "waiting":
            again = f", again {timestamp(row.due_at)}" if row.due_at and row.attempts else ""
            why = f" after {tries}, {row.error}{again}" if row.error else ""
            return f"{row.sink}: waiting{why}"


def as_data(rows: Sequence[Listed]) -> list[dict[str, Any]]:
    """Give the same as plain data, for `--json`."""
    return [
        {
            "id": row.event.id,
            "type": row.event.type,
            "at": timestamp(row.event.time),
            "service": row.service,
            "release": row.release_id or None,
            "sink": row.sink,
            "standing": row.standing,
            "attempts": row.attempts,
            "error": row.error,
            "again": timestamp(row.due_at) if row.due_at else None,
        }
        for row in rows
    ]


def resent(number: int) -> str:
    """Say what `resend` did."""
    if not number:
        return NONE["dead"]
    return "1 delivery goes out again." if number == 1 else f"{number} deliveries go out again."
