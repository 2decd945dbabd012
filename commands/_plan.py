"""Shows a plan: what `/release plan …` and `--dry-run` have in common."""

from bot.domain.facts import Known
from bot.domain.plans import plan_digest
from bot.domain.requests import ReleaseRequest
from bot.engine.inbox import Answer
from bot.views import answers
from commands._context import Context


async def show_plan(request: ReleaseRequest, ctx: Context) -> Answer:
    """Gather, ask every gate, show what would happen. Only that it was looked at is stored."""
    spelled, gates, plan, facts = await ctx.queries.plan(request, ctx.now, ctx.asker.user)
    diff = facts.diff.value if isinstance(facts.diff, Known) else None
    return ctx.decisions.saw_plan(
        answers.planned(spelled, gates, plan, diff),
        f"{spelled.service}/{spelled.environment}",
        version=spelled.version,
        digest=plan_digest(plan.text()) if plan else None,
        failed=" ".join(gate.gate for gate in gates if gate.status == "failed") or None,
    )
