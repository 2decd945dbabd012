"""`/release status …`: a release, a service in an environment, or all that is under way."""

from bot.domain.requests import StatusRequest
from bot.engine.inbox import Answer
from bot.views import answers, where_lines
from commands._context import Context
from commands._grammar import Words, environment, is_release_id, release_id, service

VERB = "status"
USAGE = "status [RELEASE | SERVICE [ENVIRONMENT] | ENVIRONMENT]"
HELP = "shows a release, a place, or all that is under way"


def parse(words: Words, ctx: Context) -> StatusRequest:
    """Read what it is about; nothing at all means: everything, or this thread's release."""
    words.take()
    plain = words.need(0, 2, USAGE)
    if not plain:
        return StatusRequest(release_id=ctx.here)
    if is_release_id(plain[0]) or plain[0].lower().startswith("rel-"):
        words.need(1, 1, USAGE)
        return StatusRequest(release_id=release_id(plain[0]))
    if len(plain) == 1 and ctx.catalog.environment_named(plain[0].lower()):
        return StatusRequest(environment=environment(ctx.catalog, plain[0]))
    name = service(ctx.catalog, plain[0])
    env = environment(ctx.catalog, plain[1]) if len(plain) > 1 else None
    return StatusRequest(service=name, environment=env)


async def handle(request: StatusRequest, ctx: Context) -> Answer:
    """Look it up."""
    if request.release_id is not None:
        release, votes, _, _ = await ctx.queries.details(request.release_id)
        review = await ctx.queries.review(release.id)
        return answers.one(release, votes, ctx.now, review)
    if request.service is not None and request.environment is not None:
        runs, seen, lock, latest = await ctx.queries.place(request.service, request.environment)
        stops = await ctx.queries.stops_of(request.service, request.environment)
        return answers.place_status(
            answers.Place(request.service, request.environment, runs, seen, lock, stops),
            latest,
            ctx.now,
        )
    rows = await ctx.queries.under_way()
    rows = [
        r
        for r in rows
        if request.service in (None, r.service) and request.environment in (None, r.environment)
    ]
    named = [request.environment] if request.environment else list(ctx.catalog.environments)
    places = [await ctx.queries.where(environment) for environment in named]
    return answers.under_way(rows, ctx.now, where_lines.in_short(places))
