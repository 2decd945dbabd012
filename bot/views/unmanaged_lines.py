"""What is said of a change that went past the bot: before, after, since when, who, what to do."""

import re

from bot.domain.catalog import Catalog
from bot.domain.protection import person_of
from bot.domain.reasons import Reason
from bot.domain.unmanaged import Change, Deployed, Sight
from bot.domain.versions import bare
from bot.ports import Message
from bot.views import blocks
from bot.views.words import moment, person, safe

_LINK = re.compile(r"https://[^\s<>|]+")


def told(change: Change, services: tuple[str, ...], catalog: Catalog) -> Message:
    """Tell of it. `services`: what it may be of, where that can't be told."""
    what = safe(change.service or " or ".join(services[:5]))
    lines = [
        f"! {what} in {change.environment} was changed past the bot.",
        _before(change),
        _now(change),
        _who(change, catalog),
        _next(change),
    ]
    text = "\n".join(lines)
    reason = Reason.UNMANAGED_CHANGE.value
    return Message(text=text, blocks=(blocks.section(text),), reason=reason)


def sight(seen: Sight) -> str:
    """Write what has the traffic; also for the record."""
    if seen.shares:
        return f"traffic is {seen.shares}"
    version = bare(seen.version) if seen.version else None
    image = f"({seen.image})" if seen.image and version else seen.image
    named = " ".join(part for part in (version, image) if part)
    if not named:
        return "not known"
    return f"{named} on {seen.slot}" if seen.slot else named


def _before(change: Change) -> str:
    if change.before == Sight():
        return "Before: the ledger does not know."
    return f"Before: {safe(sight(change.before))}, by the ledger."


def _now(change: Change) -> str:
    at = moment(change.seen_at, change.seen_at)
    if change.deployed is not None:
        return f"Now: {_deployed(change.deployed)}. Seen at {at}."
    since = f" Its pods run since {moment(change.since, change.seen_at)}." if change.since else ""
    return f"Now: {safe(sight(change.after))}. Seen at {at}.{since}"


def _deployed(went: Deployed) -> str:
    run = f"run {went.run}" if went.run else f"Deployment {went.deployment}"
    link = f"<{went.url}|{run}>" if _LINK.fullmatch(went.url) else run
    ref = f" ({safe(went.ref)})" if went.ref and went.ref != went.commit else ""
    title = f': "{safe(went.title)}"' if went.title else ""
    return f"{link} of {safe(went.repository)} deployed at {safe(went.commit[:7])}{ref}{title}"


def _who(change: Change, catalog: Catalog) -> str:
    went = change.deployed
    if went is None:
        return "Kubernetes does not say who did it."
    user = person_of(catalog, went.actor) if went.actor else None
    who = person(user) if user else f"{safe(went.actor) or 'somebody'} (GitHub)"
    if change.bypassed:
        return f"Started by {who}. The bot had not said yes: its rule was passed at GitHub."
    return f"Started by {who}. The bot was not asked: no release has to do with it."


def _next(change: Change) -> str:
    service = change.service or "SERVICE"
    version = bare(change.after.version) if change.after.version else "VERSION"
    adopt = f"`/release adopt {safe(service)} {safe(version)} {change.environment}`"
    if change.after.shares:
        return (
            f"Next: give one slot all the traffic again; if that is another than before, {adopt}."
        )
    return f"Next: put it back, or record that it is meant so: {adopt}."
