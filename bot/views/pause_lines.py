"""The card's state line of a release that stands still: paused, halted, held, or asking."""

from datetime import datetime

from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.views.words import moment, person, safe


def state(release: Release, now: datetime) -> str:
    """Say what is asked, what the watching sees meanwhile, and how it ends by itself."""
    progress = release.progress
    if release.reason is Reason.HALTED:
        return _halted(release)
    if release.reason is Reason.HELD or progress.pause_until is None:
        return f"! Held: {safe(release.detail or '')} Resume goes on from what is there."
    note = f" Now: {safe(progress.note)}." if progress.note else ""
    trouble = f" ◷ {safe(progress.trouble)}." if progress.trouble else ""
    on = release.rules.doubt.then == "go-on" or release.kind == "rollback"
    then = "goes on" if on else "goes back"
    ends = f" At {moment(progress.pause_until, now)} it {then} by itself."
    if release.reason is Reason.PAUSED_BY_PERSON:
        by = f" by {person(progress.paused_by)}" if progress.paused_by else ""
        return f"◷ Paused{by}.{note}{trouble}{ends}"
    return f"! Asks you: {safe(release.detail or '')}{note}{trouble}{ends}"


def _halted(release: Release) -> str:
    progress = release.progress
    note = f" Now: {safe(progress.note)}." if progress.note else ""
    trouble = f" ◷ {safe(progress.trouble)}." if progress.trouble else ""
    by = f" by {person(progress.paused_by)}" if progress.paused_by else ""
    return f"! Halted{by}.{note}{trouble} It goes on when somebody lets go of the halt."
