"""`/release pause RELEASE`: stop a running release where it is; the watching goes on."""

from bot.domain.requests import DecisionRequest
from bot.engine.inbox import Answer
from commands._context import Context, this_release
from commands._grammar import Words, release_id

VERB = "pause"
USAGE = "pause RELEASE"
HELP = "stops a release where it is; the watching goes on"


def parse(words: Words, ctx: Context) -> DecisionRequest:
    """Read the release."""
    words.take()
    named = this_release(words.need(0, 1, USAGE), ctx.here, USAGE)
    return DecisionRequest(kind="pause", release_id=release_id(named))


async def handle(request: DecisionRequest, ctx: Context) -> Answer:
    """Leave the wish; a tick stops before the next step."""
    return await ctx.stops.pause(request.release_id)
