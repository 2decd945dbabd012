"""The card: a release's root message, drawn anew whenever it changes. The newest state wins."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.by_hand import undo_command
from bot.domain.checklists import Tick
from bot.domain.emergency import Review
from bot.domain.gates.result import GateResult
from bot.domain.lifecycle import ENDINGS, State
from bot.domain.plans import short_digest
from bot.domain.reasons import Reason
from bot.domain.releases import Approval, Release
from bot.domain.versions import bare
from bot.ports import Message
from bot.views import (
    approval_card,
    blocks,
    emergency_lines,
    pause_lines,
    step_words,
    verdict_lines,
)
from bot.views.blocks import Block
from bot.views.gate_lines import gate_lines
from bot.views.words import about, count, from_to, moment, person, safe, told, took

ALL = 100
BAR = 20
"""Cells of the progress bar."""


@dataclass(frozen=True)
class Card:
    """What the card is drawn from. `newer`: the last that started after this one ended."""

    release: Release
    now: datetime
    votes: tuple[Approval, ...] = ()
    ticks: tuple[Tick, ...] = ()
    newer: Release | None = None
    review: Review | None = None
    """Of an emergency."""


def draw(card: Card) -> Message:
    """Draw it: headline, state, gates, what comes, way back, buttons."""
    release = card.release
    head = headline(release)
    state = state_line(card)
    asks = approval_card.parts(release, card.votes, card.ticks)
    review = emergency_lines.review_line(card.review, card.now) if card.review else None
    said = (_progress(release), _gates(release), *asks, _then(release), way_back(card), review)
    parts = [part for part in said if part]
    shown: list[Block] = [blocks.section(f"*{safe(head)}*\n{state}")]
    shown += [blocks.section(part) for part in parts]
    shown += approval_card.boxes(release, card.ticks)
    buttons = _buttons(card)
    if buttons:
        shown.append(blocks.actions(buttons))
    reason = release.reason.value if release.reason else None
    return Message(
        text=blocks.cut("\n".join([safe(head), state, *parts]), 3500),
        blocks=tuple(shown),
        reason=reason,
    )


def headline(release: Release) -> str:
    """Write what it is: `trading-decision 2.0.5 → 2.1.0 · production · rel-7k3f`."""
    plan = release.plan
    step = from_to(plan.previous, release.version) if plan else bare(release.version)
    kind = " · rollback" if release.kind == "rollback" else ""
    return f"{release.service} {step} · {release.environment}{kind} · {release.id}"


def state_line(card: Card) -> str:
    """Say what is true now, in one line; an emergency is marked below it."""
    return f"{_state_line(card)}{emergency_lines.mark(card.release)}"


def _state_line(card: Card) -> str:
    release, now = card.release, card.now
    asked = f"Asked by {person(release.asker.user)} at {moment(release.created_at, now)}."
    match release.state:
        case State.GATHERING:
            return f"◷ Asking the gates. {asked}"
        case State.BLOCKED:
            return _blocked(release, asked, now)
        case State.AWAITING_APPROVAL:
            return approval_card.awaiting(release, card.votes, asked, now)
        case State.QUEUED:
            at_once = release.request.emergency and not release.rules.approvals.count
            return f"◷ {'About' if at_once else 'Approved, about'} to start. {asked}"
        case State.RUNNING:
            return _running(release)
        case State.PAUSED:
            return pause_lines.state(release, now)
        case State.ROLLING_BACK:
            return _rolling_back(release)
        case _:
            return _ended(release, now)


def _blocked(release: Release, asked: str, now: datetime) -> str:
    until = f" It waits until {moment(release.expires_at, now)}." if release.expires_at else ""
    refuses = sum(1 for gate in release.gates if gate.status == "failed")
    if any(gate.sentence == release.detail for gate in release.gates):
        gates = f"{refuses} of {len(release.gates)} gates" if refuses else "a gate"
        verb = "says no" if refuses == 1 else "say no" if refuses else "opens by itself later"
        symbol = "✗" if refuses else "◷"
        return f"{symbol} Not yet: {gates} {verb}. {asked}{until}"
    return f"◷ Not yet: {told(release.detail or 'it waits')} {asked}{until}"


def _running(release: Release) -> str:
    progress, doing = release.progress, step_words.doing(release)
    note = f": {safe(progress.note)}" if progress.note else ""
    trouble = f" ◷ {safe(progress.trouble)}; it goes on by itself." if progress.trouble else ""
    return f"{doing}{note}.{trouble}"


def _rolling_back(release: Release) -> str:
    why = f"{safe(release.detail)} " if release.detail and not release.needs_attention else ""
    if release.needs_attention:
        command = f"\nBy hand: `{safe(undo_command(release) or 'kubectl')}`"
        return f"! Going back can't finish: {safe(release.detail or '')} It keeps trying.{command}"
    progress, doing = release.progress, step_words.doing(release)
    note = f": {safe(progress.note)}" if progress.note else ""
    trouble = f" ◷ {safe(progress.trouble)}; it keeps trying." if progress.trouble else ""
    return f"↩ {why}Going back. {doing}{note}.{trouble}"


def _ended(release: Release, now: datetime) -> str:
    at = moment(release.ended_at, now) if release.ended_at else ""
    by = f" by {person(release.acted_by)}" if release.acted_by else ""
    why = f" {safe(release.detail)}" if release.detail else ""
    match release.state:
        case State.SUCCEEDED:
            return _succeeded(release, now)
        case State.ROLLED_BACK:
            plan = release.plan
            back = (
                f" {bare(plan.previous)} serves on {plan.where(plan.live)}."
                if plan and plan.previous
                else ""
            )
            return f"↩ Rolled back{by} at {at}.{why}{back}"
        case State.FAILED:
            return f"✗ Failed at {at}, before {_change(release)}.{why}"
        case State.CANCELLED:
            return f"✗ Cancelled{by} at {at}. {_untouched(release)}"
        case State.REJECTED:
            return f"✗ Rejected{by} at {at}. Nothing was changed."
        case State.EXPIRED:
            return f"✗ Expired at {at}: nobody approved it in time. Nothing was changed."
        case State.REFUSED:
            told = "a gate said no" if release.run else "it stayed blocked until its time was over"
            return f"✗ Refused at {at}: {told}."
        case _:
            return f"! Abandoned{by} at {at}.{why} Look at the cluster before the next release."


def _change(release: Release) -> str:
    in_place = release.plan is not None and release.plan.in_place
    return "anything was replaced" if in_place else "traffic moved"


def _untouched(release: Release) -> str:
    in_place = release.plan is not None and release.plan.in_place
    return "Nothing was replaced." if in_place else "Traffic was not touched."


def _succeeded(release: Release, now: datetime) -> str:
    since = release.live_since or release.ended_at or now
    lasted = f", in {took(since - release.started_at)}" if release.started_at else ""
    undone = f" Rolled back by {release.undone_by}." if release.undone_by else ""
    symbol = "↩" if release.kind == "rollback" else "✓"
    return f"{symbol} Live since {moment(since, now)}{lasted}.{undone}"


def _progress(release: Release) -> str | None:
    if release.state not in (State.RUNNING, State.PAUSED, State.ROLLING_BACK):
        return None
    plan = release.plan
    if plan is None:
        return None
    run = f"<{release.progress.run_url}|run>" if release.progress.run_url else ""
    if plan.in_place:
        return run or None
    weight = release.progress.weight
    full = round(weight * BAR / ALL)
    bar = "█" * full + "░" * (BAR - full)
    return f"`{bar}` {weight} % on {plan.goes_to}{f' · {run}' if run else ''}"


def _gates(release: Release) -> str | None:
    if release.state in ENDINGS or not release.gates:
        return None
    whole = release.state in (State.BLOCKED, State.AWAITING_APPROVAL, State.GATHERING)
    return gate_lines(release.gates, diff=release.diff, whole=whole) or None


def _then(release: Release) -> str | None:
    """Say what comes, before it comes."""
    plan = release.plan
    if plan is None or release.state not in (State.AWAITING_APPROVAL, State.BLOCKED, State.QUEUED):
        return None
    estimate = release.expected_seconds
    when = f" {about(estimate).capitalize()}." if estimate else ""
    sees = verdict_lines.sights(release.sights, plan.control)
    return f"Then: {step_words.listed(plan)}.{when}{f' {sees}' if sees else ''}"


def way_back(card: Card) -> str | None:
    """Say how one gets back: the window, or what it takes once that is over."""
    release, plan, now = card.release, card.release.plan, card.now
    if release.locks and release.found_bad:
        bad = bare(release.found_bad)
        return f"! {bad} is held back in {release.environment}, and its commits elsewhere."
    if release.state is not State.SUCCEEDED or plan is None or plan.previous is None:
        return None
    if release.kind == "rollback" or release.undone_by:
        return None
    if card.newer and card.newer.stands:
        return f"The way back is closed: {card.newer.id} started after this."
    if _is_open(card) and release.window_until:
        until = moment(release.window_until, now)
        keeps = release.rules.strategy.idle
        shrinks = f" Then {plan.live} keeps {count(keeps, 'pod')}." if keeps is not None else ""
        return (
            f"Instant rollback until {until}: {bare(plan.previous)} still runs on {plan.live}."
            f"{shrinks}"
        )
    return (
        f"Going back to {bare(plan.previous)} takes a release now: deploy, health, traffic step by "
        "step. Roll back begins it."
    )


def _buttons(card: Card) -> list[Block]:
    release = card.release
    match release.state:
        case State.AWAITING_APPROVAL:
            shown = _approval_buttons(release)
        case State.BLOCKED:
            shown = [*_wait(release), _retry(release), _cancel(release)]
        case State.GATHERING | State.QUEUED:
            shown = [_cancel(release)]
        case State.RUNNING:
            pause = blocks.button("Pause", "release:pause", release.id)
            shown = [pause, *_promote(release), _way_out(release)]
        case State.PAUSED:
            resume = blocks.button("Resume", "release:resume", release.id)
            resumes = [] if release.reason is Reason.HALTED else [resume]
            shown = [*resumes, *_promote(release), _way_out(release)]
        case State.ROLLING_BACK:
            shown = _stuck_buttons(release)
        case _:
            shown = _ending_buttons(card)
    menu = [("Details", release.id), *approval_card.menu(release)]
    details = blocks.overflow("release:details", menu)
    return [*shown, details]


def _approval_buttons(release: Release) -> list[Block]:
    value = f"{release.id}:{short_digest(release.digest or '')}"
    return [
        blocks.button("Approve", "release:approve", value, style="primary"),
        blocks.button("Reject", "release:reject", value),
        _cancel(release),
    ]


def _wait(release: Release) -> list[Block]:
    if release.opens_late is None:
        return []
    return [blocks.button("Wait for it", "release:wait", release.id)]


def _retry(release: Release) -> Block:
    return blocks.button("Retry", "release:retry", release.id)


def _cancel(release: Release) -> Block:
    return blocks.button("Cancel", "release:cancel", release.id)


def _promote(release: Release) -> list[Block]:
    if not release.can_be_promoted:
        return []
    return [blocks.button("Promote", "release:promote", release.id)]


def _way_out(release: Release) -> Block:
    if not release.progress.moved:
        return _cancel(release)
    return _roll_back(release)


def _roll_back(release: Release) -> Block:
    ask = blocks.confirm(
        f"Roll back {release.service}?"[:100],
        f"{step_words.going_back(release.plan)} in {release.environment}, at once. "
        f"{bare(release.version)} is then held back until its cause is mended.",
        "Roll back",
    )
    return blocks.button("Roll back", "release:rollback", release.id, style="danger", ask=ask)


def _release_back(release: Release) -> Block:
    previous = bare(release.plan_previous or "unknown")
    ask = blocks.confirm(
        f"Roll back {release.service}?"[:100],
        f"{previous} is released again in {release.environment}: deploy, health, traffic step by "
        f"step. {bare(release.version)} is then held back until its cause is mended.",
        "Roll back",
    )
    return blocks.button("Roll back", "release:rollback", release.id, style="danger", ask=ask)


def _stuck_buttons(release: Release) -> list[Block]:
    if not release.needs_attention:
        return []
    return [
        blocks.button("Retry", "release:retry", release.id),
        blocks.button("Repaired by hand", "release:repaired", release.id),
    ]


def _is_open(card: Card) -> bool:
    """Whether a switch still takes it back."""
    until = card.release.window_until
    return until is not None and until > card.now and card.newer is None


def _ending_buttons(card: Card) -> list[Block]:
    release = card.release
    if release.locks:
        return [blocks.button("Cause is mended", "release:mended", release.id)]
    live = (
        release.state is State.SUCCEEDED
        and release.kind == "release"
        and release.undone_by is None
        and not (card.newer and card.newer.stands)
        and release.plan_previous is not None
    )
    if not live:
        return []
    if _is_open(card):
        return [_roll_back(release)]
    return [_release_back(release)]


def thread_message(text: str) -> Message:
    """Make a message for the thread from lines that are ready."""
    return Message(text=text, blocks=(blocks.section(text),))


def unfolded(gates: tuple[GateResult, ...]) -> str:
    """List every gate, for Details."""
    return gate_lines(gates, diff=None, whole=True)
