"""`/release approve RELEASE [DIGEST]`: say yes to one plan. Without the digest: see it first."""

from bot.domain.requests import DecisionRequest
from bot.engine.inbox import Answer
from bot.views import answers
from commands._answer import read_answer
from commands._context import Context
from commands._grammar import Words

VERB = "approve"
USAGE = "approve RELEASE [DIGEST] [COMMENT]"
HELP = "says yes to a plan; without the digest it shows the plan and the button"


def parse(words: Words, ctx: Context) -> DecisionRequest:
    """Read the release and the digest."""
    named, digest, comment = read_answer(words, ctx, USAGE)
    return DecisionRequest(kind="approve", release_id=named, digest=digest, comment=comment)


async def handle(request: DecisionRequest, ctx: Context) -> Answer:
    """Show the plan where no digest says that it was seen; else record the yes."""
    if request.digest is None:
        release = await ctx.queries.release(request.release_id)
        shown = answers.approve_first(release)
        return ctx.decisions.saw_plan(shown, release.id, digest=release.digest)
    return await ctx.decisions.approve(request.release_id, request.digest, request.comment)
