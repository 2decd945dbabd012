"""`/release history …`: what was released, newest first; or one release, from the record."""

from bot.domain.requests import HistoryRequest
from bot.engine.inbox import Answer
from bot.views import answers, story
from commands._context import Context
from commands._grammar import Words, environment, is_release_id, release_id, service

VERB = "history"
USAGE = "history [RELEASE | SERVICE [ENVIRONMENT] | ENVIRONMENT]"
HELP = "shows what was released, newest first; or tells one release from the record"


def parse(words: Words, ctx: Context) -> HistoryRequest:
    """Read a release, or a service, an environment, or both."""
    words.take()
    plain = words.need(0, 2, USAGE)
    if not plain:
        return HistoryRequest()
    if is_release_id(plain[0]) or plain[0].lower().startswith("rel-"):
        words.need(1, 1, USAGE)
        return HistoryRequest(release_id=release_id(plain[0]))
    if len(plain) == 1 and ctx.catalog.environment_named(plain[0].lower()):
        return HistoryRequest(environment=environment(ctx.catalog, plain[0]))
    name = service(ctx.catalog, plain[0])
    env = environment(ctx.catalog, plain[1]) if len(plain) > 1 else None
    return HistoryRequest(service=name, environment=env)


async def handle(request: HistoryRequest, ctx: Context) -> Answer:
    """List the last ten, or tell one."""
    if request.release_id is not None:
        told = await ctx.queries.story(request.release_id)
        return ctx.decisions.saw_record(story.told(told, ctx.now), request.release_id)
    rows = await ctx.queries.latest(request.service, request.environment)
    named = [w for w in (request.service, request.environment) if w]
    about = f" of {' in '.join(named)}" if named else ""
    undoable = None
    if request.service and request.environment:
        place = (request.service, request.environment)
        undoable = await ctx.queries.undoable(*place, ctx.asker.user)
    return answers.history(rows, ctx.now, about, undoable)
