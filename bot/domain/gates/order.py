"""Gate: dependency order. What the version needs runs there, and nobody who needs it breaks."""

from bot.domain.facts import Facts, Known, Running, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown, waiting
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.versions import Constraint, Version, VersionError, bare

NAME = "order"
POSITION = 30


def evaluate(request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult:
    """Fail on a missing or too old dependency and on a broken dependent; wait for a moving one."""
    silent = next((f for f in facts.dependencies if isinstance(f, Unknown)), None)
    known = [f.value for f in facts.dependencies if isinstance(f, Known)]
    dependents = [f.value for f in facts.dependents if isinstance(f, Known)]
    silent = silent or next((f for f in facts.dependents if isinstance(f, Unknown)), None)
    return (
        next(filter(None, (_dependency(request, d, rules) for d in known)), None)
        or next(filter(None, (_dependent(request, d, rules) for d in dependents)), None)
        or (unknown(NAME, silent) if silent else None)
        or next(filter(None, (_moving(d) for d in known)), None)
        or passed(NAME, _all_well(request, known))
    )


def _dependency(request: ReleaseRequest, needed: Running, rules: Rules) -> GateResult | None:
    constraint = rules.depends_on[needed.service]
    where = request.environment
    who = f"{request.service} {bare(request.version)}"
    if not needed.deployed:
        sentence = f"{needed.service} isn't in {where}, and {who} needs {constraint}."
    elif needed.version is None:
        return failed(
            NAME,
            Reason.LIVE_VERSION_UNKNOWN,
            f"Nothing tells which version of {needed.service} runs in {where}; "
            f"{who} needs {constraint}.",
            f"Record it: `/release adopt {needed.service} VERSION {where}`.",
        )
    elif _allows(constraint, needed.version):
        return None
    else:
        sentence = (
            f"{needed.service} in {where} is {bare(needed.version)}, and {who} needs {constraint}."
        )
    return failed(
        NAME,
        Reason.DEPENDENCY_MISSING,
        sentence,
        f"Release it first: `/release {needed.service} {_suggest(constraint)} {where}`.",
    )


def _dependent(request: ReleaseRequest, user: Running, rules: Rules) -> GateResult | None:
    constraint = rules.dependents[user.service]
    if not user.deployed or _allows(constraint, request.version):
        return None
    running = f"{user.service} {bare(user.version)}" if user.version else user.service
    return failed(
        NAME,
        Reason.DEPENDENT_BREAKS,
        f"{running} runs in {request.environment} and needs {request.service} {constraint}; "
        f"{bare(request.version)} would break it.",
        f"Release a version that satisfies {constraint}, "
        f"or a {user.service} whose constraint allows {bare(request.version)}.",
    )


def _moving(needed: Running) -> GateResult | None:
    if needed.under_way is None:
        return None
    return waiting(
        NAME,
        Reason.DEPENDENCY_UNDER_WAY,
        f"{needed.service} is under way in {needed.under_way}, and this needs it to stand still.",
        next_step="It goes on by itself when that has ended.",
    )


def _allows(constraint: Constraint, version: str) -> bool:
    try:
        return constraint.allows(Version(version))
    except VersionError:
        return False


def _suggest(constraint: Constraint) -> str:
    lower = [part.lstrip(">=^~") for part in constraint.text.split() if part[0] in ">=^~"]
    try:
        return f"v{Version(lower[0])}" if lower else "VERSION"
    except VersionError:
        return "VERSION"


def _all_well(request: ReleaseRequest, known: list[Running]) -> str:
    if not known:
        return "needs no other service"
    listed = [f"{d.service} {bare(d.version)}" for d in known if d.version]
    verb = "runs" if len(listed) == 1 else "run"
    return f"{', '.join(listed)} {verb} in {request.environment}"
