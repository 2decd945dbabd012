"""`/release cancel RELEASE`: withdraw it; where traffic has moved, take it back."""

from bot.domain.requests import DecisionRequest
from bot.engine.inbox import Answer
from commands._context import Context, this_release
from commands._grammar import Words, release_id

VERB = "cancel"
USAGE = "cancel RELEASE"
HELP = "withdraws a release; where traffic has moved, it is rolled back"


def parse(words: Words, ctx: Context) -> DecisionRequest:
    """Read the release."""
    words.take()
    named = this_release(words.need(0, 1, USAGE), ctx.here, USAGE)
    return DecisionRequest(kind="cancel", release_id=release_id(named))


async def handle(request: DecisionRequest, ctx: Context) -> Answer:
    """Stop it at once."""
    return await ctx.stops.cancel(request.release_id)
