"""`/release where ENVIRONMENT`: what can I release now, and what is in the way."""

from bot.domain.requests import WhereRequest
from bot.engine.inbox import Answer
from bot.views import where_lines
from commands._context import Context
from commands._grammar import Words, environment

VERB = "where"
USAGE = "where ENVIRONMENT"
HELP = "shows what can be released there now, what is in the way, and what clears it"


def parse(words: Words, ctx: Context) -> WhereRequest:
    """Read where."""
    words.take()
    return WhereRequest(environment=environment(ctx.catalog, words.need(1, 1, USAGE)[0]))


async def handle(request: WhereRequest, ctx: Context) -> Answer:
    """Look it up, and change nothing."""
    return where_lines.answer(await ctx.queries.where(request.environment))
