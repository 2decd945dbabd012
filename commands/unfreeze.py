"""`/release unfreeze ENVIRONMENT`: lift what people froze, and what the catalogue says one may."""

from bot.domain.requests import UnfreezeRequest
from bot.engine.inbox import Answer
from commands._context import Context
from commands._grammar import Words, environment

VERB = "unfreeze"
USAGE = "unfreeze ENVIRONMENT"
HELP = "lifts a freeze that somebody set; the catalogue's own where it says that one may"


def parse(words: Words, ctx: Context) -> UnfreezeRequest:
    """Read where."""
    words.take()
    return UnfreezeRequest(environment=environment(ctx.catalog, words.need(1, 1, USAGE)[0]))


async def handle(request: UnfreezeRequest, ctx: Context) -> Answer:
    """Lift it."""
    return await ctx.locking.unfreeze(request.environment)
