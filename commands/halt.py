"""`/release halt [ENVIRONMENT] "reason"`: the red handle. `--off` lets go."""

from bot.domain.requests import HaltRequest
from bot.engine.inbox import Answer
from commands import _stops
from commands._context import Context
from commands._grammar import Words, environment

VERB = "halt"
USAGE = 'halt [ENVIRONMENT|all] ["reason"] [--off]'
HELP = "stops every release there at its next safe point, and lists them; --off lets go"

NO_REASON = "no reason was given"


def parse(words: Words, ctx: Context) -> HaltRequest:
    """Read where, and why if there was time to say it."""
    options = words.take("off")
    plain = words.need(0, 100, USAGE)
    named = plain[0].strip("*_`").lower() if plain else "all"
    everywhere = not plain or named == "all" or " " in plain[0]
    env = None if everywhere else environment(ctx.catalog, plain[0])
    why = plain if everywhere and named != "all" else plain[1:]
    reason = _stops.reason(why or (NO_REASON,), USAGE)
    return HaltRequest(environment=env, reason=reason, off="off" in options)


async def handle(request: HaltRequest, ctx: Context) -> Answer:
    """Pull it, or let go."""
    if request.off:
        return await ctx.halting.let_go(request.environment)
    return await ctx.halting.halt(request.environment, request.reason)
