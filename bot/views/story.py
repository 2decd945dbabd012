"""`/release history ID`: one release as a report from the record, for the one who asks.

Within Slack's limits whatever there is to tell: the newest turns, and how to see the rest.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.domain.audit import MENTION, TEXT, AuditEntry, AuditTag
from bot.domain.erasure import GONE
from bot.domain.grounds import PREFIX
from bot.domain.plans import short_digest
from bot.domain.story import Story
from bot.ports import Message
from bot.views import blocks, step_words
from bot.views.card import Card, headline, state_line
from bot.views.words import count, moment, person, safe

MOST_TURNS = 60
"""Lines of the course that are shown; the rest is in an export."""

MOST_TEXT = 300
"""Characters of what one person wrote."""

MOST_PLAIN = 3500
"""Characters of the message's plain text."""

_COURSE = {
    AuditTag.RELEASE_REQUESTED: "asked for it",
    AuditTag.EMERGENCY_ASKED: "broke the glass",
    AuditTag.GATES_OVERRIDDEN: "overridden",
    AuditTag.REVIEW_ASKED: "review asked for",
    AuditTag.REVIEW_NAGGED: "review asked for again",
    AuditTag.RELEASE_REVIEWED: "reviewed",
    AuditTag.PLAN_MADE: "plan made",
    AuditTag.PLAN_CHANGED: "plan changed",
    AuditTag.RELEASE_APPROVED: "approved",
    AuditTag.RELEASE_REJECTED: "rejected",
    AuditTag.RELEASE_CANCELLED: "cancelled",
    AuditTag.RELEASE_RETRIED: "asked the gates again",
    AuditTag.RELEASE_PAUSED: "paused",
    AuditTag.RELEASE_RESUMED: "resumed",
    AuditTag.RELEASE_PROMOTED: "promoted",
    AuditTag.ROLLBACK_ASKED: "asked to roll back",
    AuditTag.REPAIR_ASKED: "said that it is repaired",
    AuditTag.CAUSE_MENDED: "said that the cause is mended",
    AuditTag.RELEASE_REPAIRED: "repaired by hand",
    AuditTag.STATE_CHANGED: "state",
    AuditTag.STEP_INTENDED: "begins",
    AuditTag.STEP_DONE: "done",
    AuditTag.STEP_FAILED: "failed",
    AuditTag.RELEASE_HELD: "held",
    AuditTag.PERSON_ASKED: "asked a person",
    AuditTag.TARGET_LOCKED: "held back",
    AuditTag.SLOT_SCALED_DOWN: "old slot made smaller",
    AuditTag.LEDGER_CHANGED: "ledger",
}
"""What makes the course, and what it is called."""


def told(story: Story, now: datetime) -> Message:
    """Tell it."""
    release = story.release
    parts = [
        f"*{safe(headline(release))}*\n{state_line(Card(release=release, now=now))}",
        *_parts(story, now),
    ]
    hint = (
        f"The whole of it: `release-bot audit export --release {release.id} --format html "
        "--out FOLDER`"
    )
    text = blocks.cut("\n".join([*parts, hint]), MOST_PLAIN)
    drawn = [blocks.section(part) for part in parts]
    return Message(text=text, blocks=(*drawn, blocks.context(hint)))


def _parts(story: Story, now: datetime) -> Iterator[str]:
    if story.cut_short and story.removed_until:
        until = moment(story.removed_until, now)
        yield f"Entries up to {until} were removed from the record; only their export has them."
    yield _asked(story, now)
    if story.release.plan:
        yield _plan(story)
    gates = story.of(AuditTag.GATES_EVALUATED)
    if gates:
        yield _gates(story, gates, now)
    if story.votes:
        yield "*Approvals*\n" + "\n".join(_vote(story, entry, now) for entry in _votes(story))
    yield from _course(story, now)
    messages = story.of(AuditTag.MESSAGE_SENT)
    if messages:
        first, last = _at(messages[0]), _at(messages[-1])
        span = f"from {moment(first, now)} to {moment(last, now)}"
        yield f"*Messages* {count(len(messages), 'message')} in Slack, {span}."
    yield _ending(story, now)


def _asked(story: Story, now: datetime) -> str:
    entries = story.of(AuditTag.RELEASE_REQUESTED, AuditTag.ROLLBACK_ASKED)
    if not entries:
        return f"*Asked* {moment(story.release.created_at, now)}"
    entry = entries[0]
    said = [f"*Asked* by {_who(story, entry)} at {moment(_at(entry), now)}"]
    if entry.data.get("via"):
        said.append(f"by {entry.data['via']} in <#{entry.data.get('channel')}>")
    reason = _value(story, entry, "reason")
    return ", ".join(said) + "." + (f" Reason: {reason}" if reason else "")


def _plan(story: Story) -> str:
    plan, digest = story.release.plan, short_digest(story.release.digest or "")
    changed = len(story.of(AuditTag.PLAN_CHANGED))
    times = f" It changed {count(changed, 'time')}." if changed else ""
    return f"*Plan* {digest}: {step_words.listed(plan)}.{times}" if plan else ""


def _gates(story: Story, entries: Sequence[AuditEntry], now: datetime) -> str:
    last = entries[-1]
    lines = [f"*Gates* asked {count(len(entries), 'time')}, last at {moment(_at(last), now)}"]
    facts = [name for name in last.data if name.startswith(PREFIX)]
    names = [name for name in last.data if name != "digest" and name not in facts]
    lines += [f"{safe(name)}: {_value(story, last, name)}" for name in names]
    if facts:
        lines.append(f"{count(len(facts), 'fact')} on record.")
    return "\n".join(lines)


def _votes(story: Story) -> list[AuditEntry]:
    return story.of(AuditTag.RELEASE_APPROVED, AuditTag.RELEASE_REJECTED)


def _vote(story: Story, entry: AuditEntry, now: datetime) -> str:
    word = "approved" if entry.tag == AuditTag.RELEASE_APPROVED else "rejected"
    roles = f" as {safe(str(entry.data['roles']))}" if entry.data.get("roles") else ""
    digest = short_digest(str(entry.data.get("digest") or ""))
    said = _value(story, entry, "comment") or _value(story, entry, "why")
    comment = f": {said}" if said else ""
    at = moment(_at(entry), now)
    return f"{_who(story, entry)} {word} plan {digest}{roles} at {at}{comment}"


def _course(story: Story, now: datetime) -> Iterator[str]:
    """Tell the turns, in as many sections as they need."""
    turns = [entry for entry in story.entries if entry.tag in _COURSE]
    left_out = max(0, len(turns) - MOST_TURNS)
    lines = [_turn(story, entry, now) for entry in turns[left_out:]]
    head = "*Course*" + (f" ({left_out} earlier turns are in the export)" if left_out else "")
    section = head
    for line in lines:
        if len(section) + len(line) + 1 > blocks.SECTION_LIMIT:
            yield section
            section = line
        else:
            section = f"{section}\n{line}"
    yield section


def _turn(story: Story, entry: AuditEntry, now: datetime) -> str:
    who = f" {_who(story, entry)}" if entry.actor else ""
    words = f"{moment(_at(entry), now)}{who} {_COURSE[AuditTag(entry.tag)]}"
    about = _about(story, entry)
    return blocks.cut(f"{words}: {about}" if about else words, MOST_TEXT * 2)


def _about(story: Story, entry: AuditEntry) -> str:
    """Say what of an entry a reader of the course wants to know."""
    data = entry.data
    match entry.tag:
        case AuditTag.STATE_CHANGED:
            reason = f" ({data['reason']})" if data.get("reason") else ""
            return f"{data.get('before')} → {data.get('after')}{reason}"
        case AuditTag.STEP_INTENDED:
            return _value(story, entry, "about")
        case AuditTag.STEP_DONE:
            weight = f" {data['weight']} %" if data.get("weight") is not None else ""
            slot = f" on {data['slot']}" if data.get("slot") else ""
            return f"{data.get('step')}{weight}{slot}"
        case AuditTag.LEDGER_CHANGED:
            return f"{data.get('service')} {data.get('version')} in {data.get('environment')}"
        case AuditTag.PLAN_MADE | AuditTag.PLAN_CHANGED:
            return short_digest(str(data.get("digest") or ""))
        case AuditTag.GATES_OVERRIDDEN:
            return ", ".join(safe(name) for name in data if name != "digest")
    named = (
        _value(story, entry, name) for name in ("sentence", "why", "found", "reason", "comment")
    )
    return next((text for text in named if text), "")


def _ending(story: Story, now: datetime) -> str:
    release = story.release
    if release.ended_at is None:
        return "*Ending* It has not ended."
    by = f" by {person(release.acted_by)}" if release.acted_by else ""
    why = f" ({release.reason.value})" if release.reason else ""
    undone = f" Taken back by {release.undone_by}." if release.undone_by else ""
    return f"*Ending* {release.state.value}{why}{by} at {moment(release.ended_at, now)}.{undone}"


def _who(story: Story, entry: AuditEntry) -> str:
    if entry.actor is None:
        return "the bot"
    return _called(story, entry.actor)


def _called(story: Story, name: str) -> str:
    return person(story.names[name]) if name in story.names else GONE


def _value(story: Story, entry: AuditEntry, field: str) -> str:
    """Write a value of an entry: what lies beside it, names for hashes, and nothing unescaped."""
    value = entry.data.get(field)
    if value is None:
        return ""
    text = str(value)
    if text.startswith(TEXT):
        text = story.texts.get((entry.seq, field), GONE)
    return _named(story, blocks.cut(text, MOST_TEXT))


def _named(story: Story, text: str) -> str:
    parts, end = [], 0
    for found in MENTION.finditer(text):
        parts += [safe(text[end : found.start()]), _mention(story, found[1])]
        end = found.end()
    return "".join([*parts, safe(text[end:])])


def _mention(story: Story, name: str) -> str:
    # What somebody wrote may mention people by their Slack ids; in entries it is by hash.
    return person(name) if name.isupper() else _called(story, name)


def _at(entry: AuditEntry) -> datetime:
    return datetime.fromisoformat(entry.at)
