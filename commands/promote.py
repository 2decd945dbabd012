"""`/release promote RELEASE`: take the next step now: skips the bake, never the health check."""

from bot.domain.requests import DecisionRequest
from bot.engine.inbox import Answer
from commands._context import Context, this_release
from commands._grammar import Words, release_id

VERB = "promote"
USAGE = "promote RELEASE"
HELP = "takes the next step now: it skips the bake, never the health check"


def parse(words: Words, ctx: Context) -> DecisionRequest:
    """Read the release."""
    words.take()
    named = this_release(words.need(0, 1, USAGE), ctx.here, USAGE)
    return DecisionRequest(kind="promote", release_id=release_id(named))


async def handle(request: DecisionRequest, ctx: Context) -> Answer:
    """Leave the wish; a tick looks at the pods and goes on."""
    return await ctx.stops.promote(request.release_id)
