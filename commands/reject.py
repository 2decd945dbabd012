"""`/release reject RELEASE`: say no; the release ends."""

from bot.domain.requests import DecisionRequest
from bot.engine.inbox import Answer
from commands._context import Context, this_release
from commands._grammar import Words, release_id

VERB = "reject"
USAGE = 'reject RELEASE [DIGEST] [--comment "…"]'
HELP = "says no to a plan; the release ends"


def parse(words: Words, ctx: Context) -> DecisionRequest:
    """Read the release."""
    options = words.take("comment")
    plain = words.need(0, 2, USAGE)
    named = release_id(this_release(plain, ctx.here, USAGE))
    digest = plain[1].lower() if len(plain) > 1 else None
    return DecisionRequest(
        kind="reject", release_id=named, digest=digest, comment=options.get("comment")
    )


async def handle(request: DecisionRequest, ctx: Context) -> Answer:
    """Record the no."""
    return await ctx.decisions.reject(request.release_id, request.digest, request.comment)
