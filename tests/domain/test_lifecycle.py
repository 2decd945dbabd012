"""The lifecycle: one test draws every cell of the table."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.lifecycle import (
    ENDINGS,
    TRANSITIONS,
    UNDER_WAY,
    WAITING,
    Event,
    State,
    TransitionError,
    advance,
    may,
)

GRID = """
                       gathering  blocked    awaiting   queued     running    paused     rolling
gates_passed           queued     -          -          -          -          -          -
approval_needed        awaiting   -          -          -          -          -          -
gates_refused          blocked    -          -          blocked    -          -          -
look_again_asked       -          gathering  gathering  gathering  -          -          -
approved               -          -          gathering  -          -          -          -
rejected               rejected   rejected   rejected   rejected   -          -          -
time_ran_out           -          refused    expired    -          -          -          -
turned_away            -          refused    -          -          -          -          -
cancelled              cancelled  cancelled  cancelled  cancelled  -          -          -
started                -          -          -          running    -          -          -
steps_done             -          -          -          -          succeeded  -          -
held                   -          -          -          -          paused     -          -
paused                 -          -          -          -          paused     -          -
resumed                -          -          -          -          -          running    -
undo_started           -          -          -          -          rolling    rolling    -
undone_after_traffic   -          -          -          -          -          -          rolled_back
undone_before_traffic  -          -          -          -          -          -          failed
undone_on_cancel       -          -          -          -          -          -          cancelled
version_serves         -          -          -          -          -          -          succeeded
abandoned              -          -          -          -          -          -          abandoned
"""
SHORT = {"awaiting": "awaiting_approval", "rolling": "rolling_back"}


def drawn() -> dict[tuple[State, Event], State | None]:
    head, *rows = GRID.strip("\n").splitlines()
    states = [State(SHORT.get(name, name)) for name in head.split()]
    cells = {}
    for row in rows:
        event, *ends = row.split()
        for state, end in zip(states, ends, strict=True):
            cells[state, Event(event)] = None if end == "-" else State(SHORT.get(end, end))
    return cells


def test_every_cell_is_as_drawn() -> None:
    cells = drawn()
    for state in State:
        for event in Event:
            wanted = cells.get((state, event))
            assert may(state, event) == (wanted is not None)
            if wanted is None:
                with pytest.raises(TransitionError):
                    advance(state, event)
            else:
                assert advance(state, event) is wanted


def test_the_states_fall_into_three_groups() -> None:
    assert set(State) == UNDER_WAY | WAITING | ENDINGS
    assert not UNDER_WAY & WAITING
    assert not UNDER_WAY & ENDINGS
    assert not WAITING & ENDINGS
    assert not any(TRANSITIONS.get(state) for state in ENDINGS)


def test_every_state_can_be_reached() -> None:
    reached, todo = {State.GATHERING}, [State.GATHERING]
    while todo:
        for after in TRANSITIONS.get(todo.pop(), {}).values():
            if after not in reached:
                reached.add(after)
                todo.append(after)
    assert reached == set(State)


@given(st.lists(st.sampled_from(Event)))
def test_whatever_happens_an_ending_is_the_end(events: list[Event]) -> None:
    state, path = State.GATHERING, [State.GATHERING]
    for event in events:
        if may(state, event):
            assert state not in ENDINGS
            state = advance(state, event)
            path.append(state)
    under_way = [s in UNDER_WAY for s in path]
    # Work that has begun outside never becomes a wish again; only what is queued may go back.
    for before, after in itertools.pairwise(path):
        if before in UNDER_WAY - {State.QUEUED}:
            assert after not in WAITING
    assert sum(1 for s in path if s in ENDINGS) <= 1
    assert not any(under_way) or State.QUEUED in path
