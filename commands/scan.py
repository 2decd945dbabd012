"""`/scan SERVICE VERSION`: what proves a version, and what speaks against it; stores nothing."""

from bot.domain.requests import ScanRequest
from bot.engine.inbox import Answer
from bot.views import scan_card
from commands._context import Context
from commands._grammar import Words, service, version

VERB = "scan"
USAGE = "scan SERVICE VERSION"
HELP = "shows what scans and tests say of a version, against the one that is live"


def parse(words: Words, ctx: Context) -> ScanRequest:
    """Read service and version."""
    words.take()
    first, second = words.need(2, 2, USAGE)
    return ScanRequest(service=service(ctx.catalog, first), version=version(second))


async def handle(request: ScanRequest, ctx: Context) -> Answer:
    """Show it to the one who asks."""
    return scan_card.scan(await ctx.queries.scan(request.service, request.version))
