"""`/release delegate @PERSON ENVIRONMENT until 18:00 [REASON]`: lend the right to approve."""

import re

from bot.domain.lending import read_until
from bot.domain.reasons import Reason
from bot.domain.requests import DelegateRequest
from bot.engine.inbox import Answer
from bot.errors import UserError
from commands._context import Context
from commands._grammar import Words, environment

VERB = "delegate"
USAGE = "delegate @PERSON ENVIRONMENT until 18:00 [REASON]"
HELP = "lends your right to approve for a time; alone it lists what is lent, --end takes it back"

LONGEST = 300
"""Characters of a reason."""

_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


def parse(words: Words, ctx: Context) -> DelegateRequest:
    """Read whom, where and until when. Raises UserError; no time is ever a default."""
    options = words.take("end")
    plain = words.plain
    if "end" in options:
        # `--end @BEN prod`: it takes no value, and the grammar gives it none.
        words.need(2, 2, "delegate --end @PERSON ENVIRONMENT")
        return DelegateRequest(
            kind="end", to=_person(plain[0]), environment=environment(ctx.catalog, plain[1])
        )
    if not plain:
        return DelegateRequest(kind="list")
    words.need(4, 2000, USAGE)
    to, env = _person(plain[0]), environment(ctx.catalog, plain[1])
    try:
        until, rest = read_until(plain[2:], ctx.now, ctx.catalog.calendars.zone)
    except ValueError as error:
        raise UserError(f"{error}.", Reason.NOT_UNDERSTOOD) from None
    reason = " ".join(rest).strip() or None
    if reason and len(reason) > LONGEST:
        raise UserError(
            f"The reason is {len(reason)} characters long; {LONGEST} are enough.", Reason.TOO_LONG
        )
    return DelegateRequest(kind="lend", to=to, environment=env, until=until, reason=reason)


def _person(word: str) -> str:
    found = _PERSON.fullmatch(word)
    if found is None:
        raise UserError(
            f'"{word}" names nobody. Mention the person with @, and let Slack complete the name.',
            Reason.NOT_UNDERSTOOD,
        )
    return found[1]


async def handle(request: DelegateRequest, ctx: Context) -> Answer:
    """Lend it, take it back, or list what is lent."""
    if request.kind == "list":
        return await ctx.lending.listed()
    if request.kind == "end" or request.until is None:
        return await ctx.lending.end(request.to, request.environment)
    return await ctx.lending.lend(request.to, request.environment, request.until, request.reason)
