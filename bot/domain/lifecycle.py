"""The states of a release and the one table of transitions between them (DESIGN §4)."""

from enum import StrEnum


class State(StrEnum):
    """Where a release is. The state stays small; its reason carries the detail."""

    GATHERING = "gathering"
    BLOCKED = "blocked"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    ROLLING_BACK = "rolling_back"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    REFUSED = "refused"
    EXPIRED = "expired"
    ABANDONED = "abandoned"


class Event(StrEnum):
    """What happened to a release, in the past tense."""

    GATES_PASSED = "gates_passed"
    APPROVAL_NEEDED = "approval_needed"
    GATES_REFUSED = "gates_refused"
    LOOK_AGAIN_ASKED = "look_again_asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    TIME_RAN_OUT = "time_ran_out"
    TURNED_AWAY = "turned_away"
    CANCELLED = "cancelled"
    STARTED = "started"
    STEPS_DONE = "steps_done"
    HELD = "held"
    PAUSED = "paused"
    RESUMED = "resumed"
    UNDO_STARTED = "undo_started"
    UNDONE_AFTER_TRAFFIC = "undone_after_traffic"
    UNDONE_BEFORE_TRAFFIC = "undone_before_traffic"
    UNDONE_ON_CANCEL = "undone_on_cancel"
    VERSION_SERVES = "version_serves"
    ABANDONED = "abandoned"


UNDER_WAY = frozenset({State.QUEUED, State.RUNNING, State.PAUSED, State.ROLLING_BACK})
"""States that hold the target: one release at a time may be in them."""

WAITING = frozenset({State.GATHERING, State.BLOCKED, State.AWAITING_APPROVAL})
"""States before a release holds its target; nothing outside has changed."""

ENDINGS = frozenset(State) - UNDER_WAY - WAITING

_WITHDRAWN = {Event.CANCELLED: State.CANCELLED, Event.REJECTED: State.REJECTED}

TRANSITIONS: dict[State, dict[Event, State]] = {
    State.GATHERING: {
        Event.GATES_PASSED: State.QUEUED,
        Event.APPROVAL_NEEDED: State.AWAITING_APPROVAL,
        Event.GATES_REFUSED: State.BLOCKED,
        **_WITHDRAWN,
    },
    State.BLOCKED: {
        Event.LOOK_AGAIN_ASKED: State.GATHERING,
        Event.TIME_RAN_OUT: State.REFUSED,
        Event.TURNED_AWAY: State.REFUSED,
        **_WITHDRAWN,
    },
    State.AWAITING_APPROVAL: {
        Event.APPROVED: State.GATHERING,
        Event.LOOK_AGAIN_ASKED: State.GATHERING,
        Event.TIME_RAN_OUT: State.EXPIRED,
        **_WITHDRAWN,
    },
    State.QUEUED: {
        Event.STARTED: State.RUNNING,
        Event.GATES_REFUSED: State.BLOCKED,
        Event.LOOK_AGAIN_ASKED: State.GATHERING,
        **_WITHDRAWN,
    },
    State.RUNNING: {
        Event.STEPS_DONE: State.SUCCEEDED,
        Event.HELD: State.PAUSED,
        Event.PAUSED: State.PAUSED,
        Event.UNDO_STARTED: State.ROLLING_BACK,
    },
    State.PAUSED: {
        Event.RESUMED: State.RUNNING,
        Event.UNDO_STARTED: State.ROLLING_BACK,
    },
    State.ROLLING_BACK: {
        Event.UNDONE_AFTER_TRAFFIC: State.ROLLED_BACK,
        Event.UNDONE_BEFORE_TRAFFIC: State.FAILED,
        Event.UNDONE_ON_CANCEL: State.CANCELLED,
        Event.VERSION_SERVES: State.SUCCEEDED,
        Event.ABANDONED: State.ABANDONED,
    },
}


class TransitionError(Exception):
    """The event can't happen in that state."""


def advance(state: State, event: Event) -> State:
    """Follow the table. Raises TransitionError where it has no such cell."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise TransitionError(f"{event} can't happen to a release that is {state}") from None


def may(state: State, event: Event) -> bool:
    """Whether the table has that cell."""
    return event in TRANSITIONS.get(state, {})
