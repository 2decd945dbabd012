"""Which release a job at GitHub's gate is, and what it is told: what is not certain is a no."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalog import Catalog, Slot
from bot.domain.gates.result import failed, unknown, waiting
from bot.domain.lifecycle import ENDINGS, State
from bot.domain.protection import (
    Answer,
    Ask,
    Case,
    Meant,
    Part,
    Verdict,
    WaitingRun,
    channel_of,
    ended,
    identify,
    judge,
    judge_own,
    person_of,
    place_of,
)
from bot.domain.reasons import Reason
from bot.domain.releases import Progress, Release
from bot.domain.runs import Run
from integrations.catalog_file import parse_catalog
from tests.domain.facts import SILENT, catalog
from tests.tester import CATALOG, REPO
from tests.views.releases import release
from tests.virtual import START

COMMIT, OTHER = "a" * 40, "b" * 40
MEANT = Meant(service="payments", environment="production", version="v2.1.0", slot="green")
APART = parse_catalog(
    CATALOG.replace("    image: ", "    tag: NAME/{version}\n    image: ")
    .replace("tag: NAME", "tag: config", 1)
    .replace("tag: NAME", "tag: orders", 1)
    .replace("tag: NAME", "tag: payments", 1)
    .replace("/{version}\n", '/{version}"\n')
    .replace("tag: ", 'tag: "')
).catalog


def ask(**changes: Any) -> Ask:
    base = Ask(
        key="k",
        repository=REPO,
        environment="production",
        run=4711,
        deployment=1,
        ref="main",
        commit=COMMIT,
        actor="ana",
    )
    return base.model_copy(update=changes)


def run(
    title: str = "deploy payments v2.1.0 green (by-hand)",
    *,
    file: str = "deploy.yml",
    on_default: bool = True,
    commit: str = COMMIT,
    own_code: bool = True,
) -> WaitingRun:
    found = Run(id=4711, url="https://x", status="queued", title=title, workflow=file)
    return WaitingRun(
        run=found, actor="ana", commit=commit, on_default=on_default, own_code=own_code
    )


def found(seen: WaitingRun, *tags: str, of: Catalog | None = None, **changes: Any) -> object:
    said = identify(of or catalog(), ask(**changes), seen, tags)
    return said.reason if isinstance(said, Verdict) else said


def test_the_title_of_the_services_own_workflow_tells() -> None:
    assert found(run()) == MEANT
    assert found(run("orders 2.1.0, please")) == MEANT.model_copy(
        update={"service": "orders", "version": "2.1.0", "slot": None}
    )
    unsaid = MEANT.model_copy(update={"slot": None})
    assert found(run("deploy payments v2.1.0 (green)")) == unsaid
    assert found(run("payments v2.1.0 blue green")) == unsaid


@pytest.mark.parametrize(
    "seen",
    [
        run(on_default=False),
        run(file="mine.yml"),
        run("deploy payments"),
        run("deploy v2.1.0"),
        run("deploy payments orders v2.1.0"),
        run("deploy payments v2.1.0 v2.0.5"),
        run("deploy payments-extra v2.1.0"),
        run(""),
        run("deploy payments latest green (1.2.3)"),
        run("deploy latest 1.2.3 green (payments)"),
    ],
)
def test_a_title_that_does_not_tell_is_no_yes(seen: WaitingRun) -> None:
    assert found(seen) is Reason.DEPLOYMENT_UNCLEAR


def test_a_tag_tells_where_it_leads_to_the_runs_own_commit() -> None:
    seen = run("push", on_default=False)
    wanted = MEANT.model_copy(update={"commit": COMMIT, "slot": None})
    assert found(seen, "payments/v2.1.0", of=APART) == wanted
    assert found(seen, "payments/v2.0.5", "payments/v2.1.0", of=APART) == wanted
    assert found(seen, "payments/v2.1.0", "orders/v1.0.0", of=APART) is Reason.DEPLOYMENT_UNCLEAR
    forks = run("push", on_default=False, own_code=False)
    assert found(forks, "payments/v2.1.0", of=APART) is Reason.DEPLOYMENT_UNCLEAR
    assert found(seen, "payments/latest", of=APART) is Reason.DEPLOYMENT_UNCLEAR
    assert found(seen, "payments/v2.1.0", of=APART, commit=OTHER) is Reason.DEPLOYMENT_UNCLEAR


def test_what_the_bot_sets_itself_is_not_a_workflows() -> None:
    assert found(run("push"), "config/v2.1.0", of=APART) is Reason.NOT_BY_WORKFLOW


def test_names_that_nobody_knows() -> None:
    assert found(run(), environment="moon") is Reason.UNKNOWN_NAME
    assert found(run(), repository="quantivista/other") is Reason.UNKNOWN_NAME


def test_case_matters_neither_in_environments_nor_in_repositories_nor_in_logins() -> None:
    assert place_of(catalog(), "Production") == place_of(catalog(), "PROD") == "production"
    assert found(run(), repository=REPO.upper(), environment="Prod") == MEANT
    assert person_of(catalog(), "ANA") == "U0ANA"
    assert person_of(catalog(), "mallory") is None


def test_who_has_no_login_is_not_everybody_without_one() -> None:
    nameless = parse_catalog(CATALOG.replace("github: dan", "name: Dan")).catalog
    assert person_of(nameless, "") is None


def test_the_channel_is_the_owners_else_the_first() -> None:
    assert channel_of(catalog(), "payments") == "C0REL"
    own = CATALOG.replace("owners: {users: [U0ANA, U0BEN]}", "owners: {channel: C0OWN}")
    assert channel_of(parse_catalog(own).catalog, "payments") == "C0OWN"


@given(st.text())
def test_whatever_the_title_is_it_is_read_or_passed_over(title: str) -> None:
    said = identify(catalog(), ask(), run(title), ())
    assert isinstance(said, Meant | Verdict)
    assert not (isinstance(said, Verdict) and said.kind == "approve")


# Answers.


@pytest.mark.parametrize(
    ("sent", "passed", "outcome"),
    [
        (None, True, "bypassed"),
        (None, False, "gone"),
        ("approved", True, "unknown"),
        ("approved", False, "unknown"),
        ("rejected", True, "bypassed"),
        ("rejected", False, "unknown"),
    ],
)
def test_what_came_of_an_answer_that_nobody_confirmed(
    sent: Answer | None, outcome: str, *, passed: bool
) -> None:
    assert ended(Case(ask=ask(), at=START, sent=sent), passed=passed).outcome == outcome


NO = failed("checks", Reason.CHECKS_FAILED, "e2e is red.", "Mend it.")
LATER = waiting("window", Reason.OUTSIDE_WINDOW, "Opens later.", next_step="Wait.")


def test_a_gate_that_says_no_rejects_and_one_that_opens_waits() -> None:
    no = judge(release(State.BLOCKED, gates=(LATER, NO)), MEANT)
    assert (no.kind, no.reason, no.gates) == ("reject", Reason.CHECKS_FAILED, (NO,))
    assert judge(release(State.BLOCKED, gates=(LATER,)), MEANT).kind == "wait"


def test_what_could_not_be_told_is_asked_again_and_never_answered() -> None:
    silent = unknown("checks", SILENT)
    assert judge(release(State.BLOCKED, gates=(silent,)), MEANT).kind == "wait"


def test_another_commit_than_the_plans_is_a_no() -> None:
    moved = MEANT.model_copy(update={"commit": COMMIT})
    for state in (State.AWAITING_APPROVAL, State.RUNNING):
        assert judge(release(state), moved).reason is Reason.COMMIT_DIFFERS
    same = MEANT.model_copy(update={"commit": "abc123def456"})
    assert judge(release(State.AWAITING_APPROVAL), same).kind == "wait"


@pytest.mark.parametrize("slot", ["blue", None])
def test_a_run_that_might_replace_what_serves_is_a_no(slot: str | None) -> None:
    elsewhere = MEANT.model_copy(update={"slot": slot})
    said = judge(release(State.AWAITING_APPROVAL), elsewhere)
    assert (said.kind, said.reason) == ("reject", Reason.SLOT_DIFFERS)


@pytest.mark.parametrize("state", list(State))
def test_by_the_release_alone_it_is_never_a_yes(state: State) -> None:
    said = judge(release(state, gates=()), MEANT)
    over = state in ENDINGS or state is State.ROLLING_BACK
    assert said.kind == ("reject" if over else "wait")


FIRST = Part(run=4711, track="forward", step=0)


def under_way(state: State = State.RUNNING, **changes: Any) -> Release:
    """A release at the first step of its way."""
    return release(state, progress=Progress(), **changes)


@pytest.mark.parametrize("state", list(State))
def test_its_own_run_goes_on_only_while_it_is_under_way(state: State) -> None:
    said = judge_own(under_way(state), "production", FIRST, None)
    kinds = {State.RUNNING: "approve", State.ROLLING_BACK: "approve"}
    waits = (State.PAUSED, State.QUEUED)
    assert said.kind == ("wait" if state in waits else kinds.get(state, "reject"))


def test_its_own_run_goes_on_only_on_the_way_that_it_is_on() -> None:
    back = release(State.ROLLING_BACK, progress=Progress(track="undo"))
    assert judge_own(back, "production", Part(run=1, track="undo", step=0), None).kind == "approve"
    said = judge_own(back, "production", FIRST, None)
    assert (said.kind, said.reason) == ("reject", Reason.RUN_ENDED)


@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from([State.RUNNING, State.PAUSED]))
def test_its_own_run_goes_on_only_for_the_step_that_it_is_at(
    at: int, of: int, state: State
) -> None:
    one = release(state, progress=Progress(step=at))
    said = judge_own(one, "production", FIRST.model_copy(update={"step": of}), None)
    assert (said.kind == "reject") == (at != of)


@given(
    st.sampled_from([None, "blue", "green"]),
    st.sampled_from([None, COMMIT, "abc123def456"]),
    st.sampled_from(list(State)),
)
def test_what_was_made_of_a_run_lets_no_other_run_through(
    slot: Slot | None, commit: str | None, state: State
) -> None:
    meant = MEANT.model_copy(update={"slot": slot, "commit": commit})
    said = judge_own(under_way(state, run=4711), "production", FIRST, meant)
    if slot != "green" or commit == COMMIT:
        assert said.reason in (Reason.SLOT_DIFFERS, Reason.COMMIT_DIFFERS)
        assert said.kind == "reject"


def test_a_run_of_which_it_is_forgotten_what_it_brings_is_a_no() -> None:
    said = judge_own(under_way(run=4711), "production", FIRST, None)
    assert (said.kind, said.reason) == ("reject", Reason.DEPLOYMENT_UNCLEAR)
    other = judge_own(under_way(run=4700), "production", FIRST, None)
    assert other.kind == "approve", "the bot started this one itself"


def test_its_own_run_for_another_environment_is_a_no() -> None:
    for place in ("staging", None):
        said = judge_own(under_way(), place, FIRST, None)
        assert (said.kind, said.reason) == ("reject", Reason.DEPLOYMENT_UNCLEAR)
