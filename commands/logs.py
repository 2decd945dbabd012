"""`/release logs RELEASE`: the last lines of the pod that fails, to the one who asks."""

from bot.domain.requests import LogsRequest
from bot.engine.inbox import Answer
from commands._context import Context, this_release
from commands._grammar import Words, release_id

VERB = "logs"
USAGE = "logs RELEASE"
HELP = "shows you alone the last lines of the pod that fails, masked, where policy allows it"


def parse(words: Words, ctx: Context) -> LogsRequest:
    """Read the release, or take it from the thread."""
    words.take()
    named = this_release(words.need(0, 1, USAGE), ctx.here, USAGE)
    return LogsRequest(release_id=release_id(named))


async def handle(request: LogsRequest, ctx: Context) -> Answer:
    """Show them; there is nothing to store."""
    await ctx.pod_lines.show(request.release_id)
    return None
