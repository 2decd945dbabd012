"""`/release resume RELEASE`: let a held release go on from what is there, after a look."""

from bot.domain.requests import DecisionRequest
from bot.engine.inbox import Answer
from commands._context import Context, this_release
from commands._grammar import Words, release_id

VERB = "resume"
USAGE = "resume RELEASE"
HELP = "lets a held release go on from what is there"


def parse(words: Words, ctx: Context) -> DecisionRequest:
    """Read the release."""
    words.take()
    named = this_release(words.need(0, 1, USAGE), ctx.here, USAGE)
    return DecisionRequest(kind="resume", release_id=release_id(named))


async def handle(request: DecisionRequest, ctx: Context) -> Answer:
    """Leave the wish; a tick looks at the cluster and goes on."""
    return await ctx.stops.resume(request.release_id)
