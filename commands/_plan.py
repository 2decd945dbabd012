"""Shows a plan: what `/release plan …` and `--dry-run` have in common."""

from bot.domain.facts import Known
from bot.domain.requests import ReleaseRequest
from bot.ports import Message
from bot.views import answers
from commands._context import Context


async def show_plan(request: ReleaseRequest, ctx: Context) -> Message:
    """Gather, ask every gate, show what would happen. Nothing is stored."""
    spelled, gates, plan, facts = await ctx.queries.plan(request, ctx.now)
    diff = facts.diff.value if isinstance(facts.diff, Known) else None
    return answers.planned(spelled, gates, plan, diff)
