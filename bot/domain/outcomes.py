"""What one try at a step returns: done, wait until, failed. Nothing else comes back."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.domain.reasons import Reason


@dataclass(frozen=True)
class Done:
    """The step's goal holds in the world. `say` is its line in the thread, if it has one."""

    say: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of `Progress` to set."""


@dataclass(frozen=True)
class Wait:
    """Not yet. Look again at `until`; `note` says what for, on the card."""

    until: datetime
    note: str
    changes: dict[str, Any] = field(default_factory=dict)
    trouble: bool = False
    """The wait is for a fault outside, which the card says."""


@dataclass(frozen=True)
class Failed:
    """It won't come right by waiting. The reason is from the closed list."""

    reason: Reason
    sentence: str
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """A person must look: the world is as nobody here left it (DESIGN §4.4), or it is a question.

    `reason` says which; only `held` stops the watching.
    """

    sentence: str
    reason: Reason = Reason.HELD
    changes: dict[str, Any] = field(default_factory=dict)


Outcome = Done | Wait | Failed | Held
