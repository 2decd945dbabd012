"""An emergency in words: its mark on the card, the announcement, reminders, the review."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.emergency import Review, passed_over
from bot.domain.erasure import GONE
from bot.domain.releases import Release
from bot.domain.versions import bare
from bot.ports import Message
from bot.views import blocks
from bot.views.words import moment, person, safe


def mark(release: Release) -> str:
    """Mark an emergency wherever the release is shown; nothing for any other."""
    if not release.request.emergency:
        return ""
    over = passed_over(release.gates)
    listed = f" Overridden: {', '.join(over)}." if over else ""
    return f"\n! *EMERGENCY* by {person(release.asker.user)}: {_why(release)}{listed}"


def _why(release: Release) -> str:
    why = safe(release.request.reason or GONE)
    return why if why.endswith((".", "!", "?")) else f"{why}."


def overridden(user: str, gates: Sequence[str]) -> str:
    """In the thread: gates were passed over."""
    return f"! Overridden in the emergency of {person(user)}: {', '.join(gates)}."


def announced(release: Release, review: Review, now: datetime, *, asked: bool) -> Message:
    """Announce it to security. `asked`: the gates have answered."""
    over = passed_over(release.gates)
    head = (
        f"! *EMERGENCY: {safe(release.service)} {bare(release.version)} · {release.environment}"
        f" · {release.id}*\n{person(release.asker.user)} broke the glass at "
        f"{moment(release.created_at, now)}: {_why(release)}"
    )
    if over:
        body = f"Overridden:\n{_listed(over)}"
    elif asked:
        body = "No gate is overridden so far."
    else:
        body = "The gates have not answered yet. What is overridden is told here."
    return _with_button([head, body, _ask(review, now)], release.id)


def also_overridden(release: Release, gates: Mapping[str, str]) -> Message:
    """Tell security of gates that were overridden since the announcement."""
    text = f"! {release.id} {safe(release.service)}: overridden too:\n{_listed(gates)}"
    return Message(text=text, blocks=(blocks.section(text),))


def _listed(gates: Mapping[str, str]) -> str:
    return "\n".join(f"! *{name}* {_sentence(said)}" for name, said in gates.items())


def _sentence(said: str) -> str:
    # As on the card: who is named by Slack id stays a mention, all else is escaped.
    return safe(said).replace("&lt;@", "<@").replace("&gt;", ">")


def _roles(review: Review) -> str:
    return " or ".join(role.replace("-", " ") for role in review.roles)


def _ask(review: Review, now: datetime) -> str:
    return (
        f"Review is due by {moment(review.due_at, now)}, by {_roles(review)}, whatever the ending. "
        f'The button, or `/release review {review.release_id} "comment"`, when it has ended.'
    )


def nag(release: Release, review: Review, now: datetime) -> Message:
    """Remind people of a review that nobody has done."""
    late = now >= review.due_at
    due = f"{'was' if late else 'is'} due by {moment(review.due_at, now)}"
    head = (
        f"! The review of {release.id} {due}: {safe(release.service)} {bare(release.version)} in "
        f"{release.environment}, emergency of {person(release.asker.user)}: {_why(release)}"
    )
    over = passed_over(release.gates)
    listed = f"Overridden: {', '.join(over)}." if over else "No gate was overridden."
    return _with_button([head, f"{listed} It is for {_roles(review)} to do."], release.id)


def _with_button(parts: Sequence[str], release_id: str) -> Message:
    button = blocks.button("Review", "release:reviewed", release_id)
    shown = tuple(blocks.section(part) for part in parts)
    return Message(text="\n".join(parts), blocks=(*shown, blocks.actions([button])))


def reviewed(release: Release, review: Review, now: datetime) -> Message:
    """Tell security that it is done."""
    where = f"{safe(release.service)} in {release.environment}, {release.id}"
    text = f"{where}. {review_line(review, now)}"
    return Message(text=text, blocks=(blocks.section(text),))


def review_line(review: Review, now: datetime) -> str:
    """Say on the card, and in the thread, where the review is."""
    if review.done_at is None or review.done_by is None:
        return f"◷ Review is due by {moment(review.due_at, now)}, by {_roles(review)}."
    said = f": {safe(review.comment)}" if review.comment else "."
    return f"✓ Reviewed by {person(review.done_by)} at {moment(review.done_at, now)}{said}"
