"""`/release freeze ENVIRONMENT "reason" --until …`: let nothing start there for a while."""

from bot.domain.reasons import Reason
from bot.domain.requests import FreezeRequest
from bot.engine.inbox import Answer
from bot.errors import UserError
from commands import _stops
from commands._context import Context
from commands._grammar import Words, environment

VERB = "freeze"
USAGE = 'freeze ENVIRONMENT "reason" --until 18:00 [--from 17:00]'
HELP = "lets nothing start there until then; what runs runs on, and rollbacks pass"


def parse(words: Words, ctx: Context) -> FreezeRequest:
    """Read where, why, and until when."""
    words.take("until", "from")
    plain = words.need(1, 100, USAGE)
    env = environment(ctx.catalog, plain[0])
    why = _stops.reason(plain[1:], USAGE)
    until = _stops.moment(words, "until", ctx)
    if until is None:
        raise UserError(f"Say until when: `/release {USAGE}`.", Reason.NOT_UNDERSTOOD)
    since = _stops.moment(words, "from", ctx)
    return FreezeRequest(environment=env, reason=why, until=until, since=since)


async def handle(request: FreezeRequest, ctx: Context) -> Answer:
    """Set it."""
    return await ctx.locking.freeze(request)
