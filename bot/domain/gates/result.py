"""What a gate returns: passed, failed, waiting or overridden, one sentence and a next step."""

from datetime import datetime
from typing import Literal

from bot.domain.facts import Unknown
from bot.domain.reasons import Reason
from bot.domain.value import Value

Status = Literal["passed", "failed", "waiting", "overridden"]


class GateResult(Value):
    """One gate's answer. `until`: when a waiting gate opens by itself, where that is known."""

    gate: str
    status: Status
    sentence: str
    reason: Reason | None = None
    next_step: str | None = None
    until: datetime | None = None
    said: str | None = None
    """Overridden: the gate's own sentence, without who passed it and why."""

    @property
    def could_not_tell(self) -> bool:
        """Whether a source gave no answer: asked again each minute and on Retry."""
        return self.reason is Reason.SOURCE_UNKNOWN


def passed(gate: str, sentence: str) -> GateResult:
    """Say yes."""
    return GateResult(gate=gate, status="passed", sentence=sentence)


def failed(gate: str, reason: Reason, sentence: str, next_step: str) -> GateResult:
    """Say no; `next_step` is what the person can do about it."""
    return GateResult(
        gate=gate, status="failed", reason=reason, sentence=sentence, next_step=next_step
    )


def waiting(
    gate: str, reason: Reason, sentence: str, *, next_step: str, until: datetime | None = None
) -> GateResult:
    """Say not yet; it opens by itself."""
    return GateResult(
        gate=gate,
        status="waiting",
        reason=reason,
        sentence=sentence,
        next_step=next_step,
        until=until,
    )


def unknown(gate: str, fact: Unknown) -> GateResult:
    """Fail closed: the source did not answer, so nobody can say yes."""
    return failed(
        gate,
        Reason.SOURCE_UNKNOWN,
        f"unknown: {fact.why.rstrip('.')}.",
        "It is asked again each minute, or press Retry.",
    )
