"""What lock, unlock, freeze, unfreeze and halt read alike: on what, why, until when."""

from datetime import datetime

from bot.domain.reasons import Reason
from bot.domain.stops import Reach
from bot.domain.until import read_moment
from bot.errors import UserError
from bot.views import stop_refusals
from commands._context import Context
from commands._grammar import Words, closest, place

LONGEST = 200
"""Characters of a reason: it stands on cards."""


def scope(ctx: Context, word: str, environment: str) -> tuple[Reach, str]:
    """Read a service, a tier, or `all`. Raises UserError with the nearest right one."""
    name = word.strip("*_`").lower()
    if name == "all":
        return "all", ""
    if name in ctx.catalog.services:
        return "service", place(ctx.catalog, name, environment)[0]
    if name in ctx.catalog.tiers:
        return "tier", name
    guess = closest([*ctx.catalog.services, *ctx.catalog.tiers, "all"], name)
    mean = f"Did you mean {guess}?" if guess else "Say a service, a tier or all."
    raise UserError(f'"{word}" is neither a service nor a tier. {mean}', Reason.UNKNOWN_NAME)


def reason(words: tuple[str, ...], usage: str) -> str:
    """Read why: whoever is stopped by it wants to know."""
    text = " ".join(words).strip().rstrip(".")
    if not text:
        raise UserError(f"Say why: `/release {usage}`.", Reason.NOT_UNDERSTOOD)
    if len(text) > LONGEST:
        raise UserError(
            f"The reason is {len(text)} characters long; {LONGEST} are enough.",
            Reason.NOT_UNDERSTOOD,
        )
    return text


def moment(words: Words, option: str, ctx: Context) -> datetime | None:
    """Read a time option; None where it isn't there."""
    text = words.options.get(option)
    if text is None:
        return None
    try:
        return read_moment(text, ctx.now, ctx.catalog.calendars.zone)
    except ValueError as error:
        raise stop_refusals.bad_time(str(error)) from None
