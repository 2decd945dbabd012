"""`/release reject RELEASE`: say no; the release ends."""

from bot.domain.requests import DecisionRequest
from bot.engine.inbox import Answer
from commands._answer import read_answer
from commands._context import Context
from commands._grammar import Words

VERB = "reject"
USAGE = "reject RELEASE [DIGEST] [COMMENT]"
HELP = "says no to a plan; the release ends"


def parse(words: Words, ctx: Context) -> DecisionRequest:
    """Read the release."""
    named, digest, comment = read_answer(words, ctx, USAGE)
    return DecisionRequest(kind="reject", release_id=named, digest=digest, comment=comment)


async def handle(request: DecisionRequest, ctx: Context) -> Answer:
    """Record the no."""
    return await ctx.decisions.reject(request.release_id, request.digest, request.comment)
