"""`/release review RELEASE ["comment"]`: say that you have reviewed an emergency."""

from bot.domain.requests import DecisionRequest
from bot.engine.inbox import Answer
from commands._context import Context, this_release
from commands._grammar import Words, release_id

VERB = "review"
USAGE = 'review RELEASE ["comment"]'
HELP = "says that you have reviewed an emergency, when it has ended"


def parse(words: Words, ctx: Context) -> DecisionRequest:
    """Read the release and the comment, which may also stand behind --comment."""
    options = words.take("comment")
    plain = words.need(0, 2, USAGE)
    named = release_id(this_release(plain, ctx.here, USAGE))
    comment = options.get("comment") or (plain[1] if len(plain) > 1 else None)
    return DecisionRequest(kind="reviewed", release_id=named, comment=comment)


async def handle(request: DecisionRequest, ctx: Context) -> Answer:
    """Record it."""
    return await ctx.reviewing.review(request.release_id, request.comment)
