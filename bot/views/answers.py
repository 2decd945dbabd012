"""Answers to one person, or to those who asked: refusals, status, history, details, help."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.audit import AuditEntry
from bot.domain.by_hand import undo_command
from bot.domain.emergency import Review
from bot.domain.facts import Diff, LedgerFact, LockFact
from bot.domain.gates.result import GateResult
from bot.domain.plans import Plan, plan_digest, short_digest
from bot.domain.reasons import Reason
from bot.domain.releases import Approval, Release
from bot.domain.requests import ReleaseRequest
from bot.domain.versions import bare
from bot.errors import UserError
from bot.ports import Invocation, Message
from bot.views import blocks, log_lines, step_words
from bot.views.card import Card, draw, headline, state_line
from bot.views.gate_lines import gate_lines
from bot.views.words import from_to, moment, person, safe


def plain(text: str) -> Message:
    """Make a message of one paragraph."""
    return Message(text=text, blocks=(blocks.section(text),))


def refused(refusal: UserError) -> Message:
    """Say no, in the sentence that the refusal brings, with its stable reason code."""
    text = refusal.sentence
    code = str(refusal.code)
    return Message(text=text, blocks=(blocks.section(text), blocks.context(code)), reason=code)


def bug(error_id: str) -> Message:
    """Say that it is the bot's fault."""
    return Message(
        text=f"This is a fault of the bot, not yours. It is logged as {error_id}. "
        "`/release status` tells what is under way.",
        reason=Reason.BUG.value,
    )


def not_confirmed(invocation: Invocation) -> str:
    """Say that the database gave no answer in time: it may be saved, it may not."""
    if invocation.command == "env" or (invocation.action or "").startswith("env:"):
        return "Could not confirm that this was saved. `/env list` tells."
    what = (invocation.value or "").split(":")[0] or "status"
    look = f"/release status {what}" if what.startswith("rel-") else "/release status"
    return f"Could not confirm that this was saved. `{look}` tells."


def outside_silent(what: str) -> Message:
    """A source that the command needed gave no answer."""
    return plain(f"◷ {safe(what)}. Nothing was changed. Say it again in a minute.")


def outside_said_no(what: str) -> Message:
    """A source that the command needed refused."""
    return plain(f"✗ {safe(what)}. Nothing was changed. `release-bot doctor` says what is missing.")


def planned(
    request: ReleaseRequest, gates: Sequence[GateResult], plan: Plan | None, diff: Diff | None
) -> Message:
    """Show what a release would do and every gate. Nothing was stored."""
    step = from_to(plan.previous, request.version) if plan else bare(request.version)
    head = f"*{safe(request.service)} {step} · {request.environment} · plan only*"
    refuses = [gate for gate in gates if gate.status == "failed"]
    verdict = (
        f"✗ {len(refuses)} of {len(gates)} gates would refuse it."
        if refuses
        else "✓ Every gate lets it pass, now or in time."
    )
    lines = gate_lines(gates, diff=diff, whole=True)
    then = f"Then: {step_words.listed(plan)}.\nPlan {short_digest_of(plan)}." if plan else ""
    command = f"`/release {request.service} {request.version} {request.environment}` asks for it."
    parts = [f"{head}\n{verdict}", lines, then, command]
    shown = [part for part in parts if part]
    return Message(text="\n".join(shown), blocks=tuple(blocks.section(part) for part in shown))


def short_digest_of(plan: Plan) -> str:
    """First eight characters of a plan's digest."""
    return short_digest(plan_digest(plan.text()))


def under_way(releases: Sequence[Release], now: datetime, stops: Sequence[str] = ()) -> Message:
    """List the releases that have not ended, after what stops releases."""
    if not releases:
        nothing = "Nothing is under way. `/release history` shows what was."
        return plain("\n".join([*stops, nothing]))
    rows = [f"*{safe(headline(r))}*\n{state_line(Card(release=r, now=now))}" for r in releases[:20]]
    more = f"\n{len(releases) - 20} more." if len(releases) > 20 else ""  # noqa: PLR2004 - a screenful
    head = "\n".join([*stops, f"{len(releases)} under way." + more])
    return Message(
        text="\n".join([head, *rows]),
        blocks=(blocks.section(head), *(blocks.section(row) for row in rows)),
    )


def one(
    release: Release, votes: Sequence[Approval], now: datetime, review: Review | None = None
) -> Message:
    """Show one release as its card shows it, without buttons that would work from here."""
    drawn = draw(Card(release=release, now=now, votes=tuple(votes), review=review))
    shown = tuple(block for block in drawn.blocks if block["type"] != "actions")
    return drawn.model_copy(update={"blocks": shown})


@dataclass(frozen=True)
class Place:
    """What is known of one service in one environment; `seen` is the cluster's side, in words."""

    service: str
    environment: str
    runs: LedgerFact | None
    seen: str
    lock: LockFact | None
    stops: Sequence[GateResult] = ()


def place_status(place: Place, latest: Sequence[Release], now: datetime) -> Message:
    """Show one service in one environment: what runs, since when, what holds it, what was last."""
    runs, lock = place.runs, place.lock
    lines = [f"*{safe(place.service)} · {place.environment}*", safe(place.seen)]
    if runs:
        slot = f" on {runs.slot}" if runs.slot else ""
        lines.append(
            f"The ledger has {bare(runs.version)}{slot} since {moment(runs.since, now)} "
            f"({runs.source})."
        )
    else:
        lines.append("The ledger has nothing of it yet.")
    if lock:
        by = f" by {person(lock.by)}" if lock.by else ""
        lines.append(
            f"! Held back since {lock.holder} was rolled back{by}: {safe(lock.why)}. "
            "A version without the bad commits, or with their revert, passes."
        )
    lines += [gate_lines(place.stops, diff=None, whole=True)] if place.stops else []
    lines += [f"{safe(headline(r))}: {state_line(Card(release=r, now=now))}" for r in latest[:3]]
    return plain("\n".join(lines))


def history(
    rows: Sequence[Release], now: datetime, about: str, undoable: Card | None = None
) -> Message:
    """List releases, newest first. `undoable`: the one that the reader could take back."""
    if not rows:
        return plain(f"The bot has released nothing{about} yet.")
    lines = [
        f"{moment(r.created_at, now)} *{safe(headline(r))}* by {person(r.asker.user)}\n"
        f"    {state_line(Card(release=r, now=now))}"
        for r in rows
    ]
    shown: list[blocks.Block] = []
    for row, line in zip(rows[:20], lines, strict=False):
        shown.append(blocks.section(line))
        if undoable is not None and undoable.release.id == row.id:
            shown += _roll_back(undoable)
    return Message(text="\n".join(lines), blocks=tuple(shown))


def _roll_back(card: Card) -> list[blocks.Block]:
    """Take the card's own button to roll back, with its question; none where it has none."""
    rows = [block for block in draw(card).blocks if block["type"] == "actions"]
    buttons = [one for row in rows for one in row["elements"]]
    found = [one for one in buttons if one["action_id"] == "release:rollback"]
    return [blocks.actions(found)] if found else []


def details(
    release: Release,
    votes: Sequence[Approval],
    record: Sequence[AuditEntry],
    names: dict[str, str],
    now: datetime,
    *,
    logs: bool = False,
) -> Message:
    """Show all of one release: gates, plan, people, record, and the way out by hand.

    `logs`: whether policy lets people ask for lines of pods.
    """
    plan = release.plan
    parts = [f"*{safe(headline(release))}*\n{state_line(Card(release=release, now=now))}"]
    if release.request.reason:
        parts.append(f"Reason given: {safe(release.request.reason)}")
    if release.gates:
        parts.append(gate_lines(release.gates, diff=release.diff, whole=True))
    if plan:
        parts.append(_plan_part(release, plan))
    if logs and log_lines.is_worth_asking(release):
        parts.append(log_lines.hint(release.id))
    if votes:
        parts.append("\n".join(_vote(v, now) for v in votes))
    if release.diff and release.diff.authors:
        parts.append(f"Commits by {safe(', '.join(release.diff.authors))}.")
    if record:
        parts.append("\n".join(_entry(e, names) for e in record[-12:]))
    return Message(
        text=blocks.cut("\n".join(parts), 3500),
        blocks=tuple(blocks.section(part) for part in parts),
    )


def _plan_part(release: Release, plan: Plan) -> str:
    commit = (plan.commit or "unknown")[:12]
    command = undo_command(release) or "kubectl"
    return (
        f"Plan {short_digest(release.digest or '')}: {step_words.listed(plan)}.\n"
        f"Commit {commit}, image {safe(plan.image or 'unknown')}.\n"
        f"By hand, to go back: `{safe(command)}`"
    )


def _vote(vote: Approval, now: datetime) -> str:
    word = "approved" if vote.yes else "rejected"
    said = f": {safe(vote.comment)}" if vote.comment else ""
    at = moment(vote.at, now)
    return f"{person(vote.user)} {word} plan {short_digest(vote.digest)} at {at}{said}"


def _entry(entry: AuditEntry, names: dict[str, str]) -> str:
    who = f" {person(names[entry.actor])}" if entry.actor in names else ""
    return f"{entry.at[11:19]} UTC `{entry.tag}`{who}"


def approve_first(release: Release) -> Message:
    """Show the plan and the button: nobody approves what they have not seen."""
    value = f"{release.id}:{short_digest(release.digest or '')}"
    plan = release.plan
    text = f"*{safe(headline(release))}*"
    parts = [blocks.section(text)]
    if release.gates:
        parts.append(blocks.section(gate_lines(release.gates, diff=release.diff, whole=True)))
    if plan:
        parts.append(
            blocks.section(f"Plan {short_digest(release.digest or '')}: {step_words.listed(plan)}.")
        )
    parts.append(
        blocks.actions([blocks.button("Approve", "release:approve", value, style="primary")])
    )
    digest = short_digest(release.digest or "")
    return Message(
        text=f"{safe(headline(release))}: `/release approve {release.id} {digest}` says yes",
        blocks=tuple(parts),
    )


def help_all(usages: Sequence[tuple[str, str]]) -> Message:
    """List the verbs, each with its use and what it does."""
    lines = [f"`{usage}` {safe(what)}" for usage, what in usages]
    head = "No environment is ever a default. Inside a thread, mention the bot with the same words."
    return Message(
        text="\n".join([*lines, head]),
        blocks=(blocks.section("\n".join(lines)), blocks.context(head)),
    )
