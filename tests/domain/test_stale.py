"""Environments that come and go: how they are known, and what makes them stale."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.environments import Ephemeral, MarkKeys, name_expression
from bot.domain.facts import Known, Unknown
from bot.domain.namespaces import (
    Branches,
    Knowing,
    Namespace,
    Passing,
    Pull,
    Said,
    known_as,
    slug,
    told_apart,
)
from bot.domain.stale import Judged, Reason, Sources, judge, tally
from bot.views.environment_lines import list_row
from tests.virtual import START as NOW

RULES = Ephemeral(pattern="pr-{number}-{branch}")
REPO = "quantivista/platform"


def days(count: float) -> timedelta:
    return timedelta(days=count)


def passing(**more: Any) -> Passing:
    given = {"cluster": "main", "name": "pr-7-login", "created_at": NOW - days(3), "number": 7,
             "branch": "login", "repository": REPO}  # fmt: skip
    return Passing(**(given | more))


def sources(
    branches: Branches | None = None, said: Said | None = None, **deployed: datetime
) -> Sources:
    found = branches or Branches(heads=frozenset({"main", "login"}))
    return Sources(
        deployed={"main": Known(value={n.replace("_", "-"): m for n, m in deployed.items()})},
        branches={REPO: Known(value=found)},
        said={("main", "pr-7-login"): said} if said else {},
    )


def reasons(judged: Judged) -> list[str]:
    return [cause.reason.value for cause in judged.causes]


# How it is known.


def known(rules: Ephemeral, *namespaces: Namespace, **more: Any) -> tuple[Passing, ...]:
    return known_as(Knowing(rules=rules, cluster="main", **more), namespaces)


def test_a_name_tells_number_branch_and_owner() -> None:
    rules = Ephemeral(pattern="{owner}-pr-{number}-{branch}", repository=REPO)
    (one,) = known(rules, Namespace(name="ana-pr-12-fix-login", created_at=NOW))
    assert (one.owner, one.number, one.branch, one.repository) == ("ana", 12, "fix-login", REPO)


def test_marks_go_before_the_name_and_a_login_becomes_the_person() -> None:
    marks = {
        "release-bot/owner": "ana",
        "release-bot/branch": "feature/login",
        "release-bot/repository": "quantivista/web",
        "release-bot/expires": "2026-03-10",
    }
    space = Namespace(name="pr-12-x", created_at=NOW, marks=marks)
    (one,) = known(Ephemeral(pattern="pr-{number}-{branch}", repository=REPO), space,
                   logins={"ana": "U0ANA"})  # fmt: skip
    assert (one.owner, one.branch, one.number) == ("U0ANA", "feature/login", 12)
    assert one.repository == "quantivista/web"
    assert one.expires_at == datetime(2026, 3, 10, tzinfo=UTC)


def test_what_is_marked_counts_and_what_is_lasting_never_does() -> None:
    marked = Namespace(name="demo", created_at=NOW, marks={"release-bot/branch": "x"})
    owned = Namespace(name="tools", created_at=NOW, marks={"release-bot/owner": "ana"})
    lasting = Namespace(name="pr-1-x", created_at=NOW)
    found = known(RULES, marked, owned, lasting, lasting=frozenset({"pr-1-x"}))
    assert [one.name for one in found] == ["demo"]


@pytest.mark.parametrize("text", ["soon", "", "2026-13-01", "10/03/2026"])
def test_an_end_that_is_no_moment_tells_nothing(text: str) -> None:
    space = Namespace(name="pr-1-x", created_at=NOW, marks={"release-bot/expires": text})
    assert known(RULES, space)[0].expires_at is None


def test_keys_are_the_catalogues() -> None:
    rules = Ephemeral(pattern="pr-{number}", labels=MarkKeys(owner="team/owner"))
    space = Namespace(name="pr-1", created_at=NOW, marks={"team/owner": "dan"})
    assert known(rules, space)[0].owner == "dan"


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("pr-1", "has no part in braces"),
        ("pr-{num}", "num can't stand here; number, branch, owner, name can"),
        ("pr-{}", "can't stand here"),
        ("pr-{number}-{number}", "{number} is there twice"),
        ("pr-{number", "has an open brace"),
        ("(?P<number>[0-9", "is not a regular expression"),
        ("(?P<who>.*)", "who can't stand here"),
    ],
)
def test_a_wrong_pattern_is_refused_in_words(pattern: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        name_expression(pattern)
    assert sentence in str(caught.value)


def test_a_regular_expression_will_do_and_must_match_the_whole_name() -> None:
    rules = Ephemeral(pattern=r"(?P<branch>[a-z]{2,9})\.pr(?P<number>\d+)")
    names = ("login.pr12", "login.pr12x", "production")
    found = known(rules, *(Namespace(name=name, created_at=NOW) for name in names))
    assert [(one.branch, one.number) for one in found] == [("login", 12)]


def test_twins_in_two_clusters_are_told_apart() -> None:
    one, other, third = told_apart([passing(), passing(cluster=None), passing(name="pr-8-x")])
    assert (one.handle, other.handle, third.handle) == (
        "main/pr-7-login", "current/pr-7-login", "pr-8-x",
    )  # fmt: skip


# What makes it stale.


def test_in_use_while_its_branch_lives_and_somebody_deploys() -> None:
    judged = judge(passing(), sources(pr_7_login=NOW - days(1)), RULES, NOW)
    assert judged.causes == ()
    assert not judged.stale


def test_every_reason_and_the_first_that_matters() -> None:
    gone = Branches(heads=frozenset({"main"}))
    old = passing(created_at=NOW - days(40), expires_at=NOW)
    judged = judge(old, sources(gone, pr_7_login=NOW - days(14)), RULES, NOW)
    assert reasons(judged) == ["expired", "branch_gone", "not_deployed"]
    merged = Branches(
        heads=frozenset({"main"}),
        pulls=(Pull(number=7, branch="login", state="merged", merged_at=NOW - days(1)),),
    )
    judged = judge(old, sources(merged, pr_7_login=NOW), RULES, NOW)
    assert reasons(judged) == ["expired", "branch_merged"]


def test_the_edges_of_time() -> None:
    soon = passing(expires_at=NOW + timedelta(seconds=1))
    assert judge(soon, sources(), RULES, NOW).causes == ()
    old = passing(created_at=NOW - days(40))
    late = sources(pr_7_login=NOW - days(14) + timedelta(seconds=1))
    assert judge(old, late, RULES, NOW).causes == ()
    assert reasons(judge(old, sources(), RULES, NOW)) == ["not_deployed"]


def test_an_open_pull_request_keeps_it_whatever_was_merged_before() -> None:
    pulls = (
        Pull(number=9, branch="login", state="merged", merged_at=NOW - days(1)),
        Pull(number=5, branch="login", state="open"),
    )
    branches = Branches(heads=frozenset({"login"}), pulls=pulls)
    assert judge(passing(number=None), sources(branches), RULES, NOW).causes == ()


def test_a_merge_before_it_was_made_says_nothing_of_it() -> None:
    pull = Pull(number=7, branch="login", state="merged", merged_at=NOW - days(5))
    branches = Branches(heads=frozenset({"login"}), pulls=(pull,))
    assert judge(passing(), sources(branches), RULES, NOW).causes == ()


def test_a_slug_or_a_cut_name_is_not_a_branch_that_is_gone() -> None:
    heads = frozenset({"Feature/Login_Page", "feature/a-very-long-name-that-was-cut-short"})
    branches = Branches(heads=heads)
    for name in ("feature-login-page", "feature-a-very-long-name"):
        one = passing(number=None, branch=name)
        assert judge(one, sources(branches), RULES, NOW).causes == (), name
    short = passing(number=None, branch="feature-a")
    assert reasons(judge(short, sources(branches), RULES, NOW)) == ["branch_gone"]


def test_a_forks_pull_request_is_known_by_its_number() -> None:
    fork = Pull(number=7, branch=None, state="open")
    one = passing(branch=None)
    assert judge(one, sources(Branches(heads=frozenset(), pulls=(fork,))), RULES, NOW).causes == ()
    closed = fork.model_copy(update={"state": "closed"})
    found = judge(one, sources(Branches(heads=frozenset(), pulls=(closed,))), RULES, NOW)
    assert found.causes == ()
    merged = fork.model_copy(update={"state": "merged", "merged_at": NOW})
    found = judge(one, sources(Branches(heads=frozenset(), pulls=(merged,))), RULES, NOW)
    assert found.causes[0].what == "#7"


@pytest.mark.parametrize(
    ("one", "branches"),
    [
        (passing(), Unknown(why="GitHub is silent")),
        (passing(), Known(value=Branches(heads=frozenset(), whole=False))),
        (passing(branch=None), Known(value=Branches(heads=frozenset({"main"})))),
    ],
    ids=["silent", "not all branches", "an old pull request"],
)
def test_what_is_not_known_is_never_stale(one: Passing, branches: Any) -> None:
    judged = judge(one, Sources(branches={REPO: branches}), RULES, NOW)
    assert reasons(judged) == ["unknown"]
    assert (judged.stale, judged.unsure) == (False, True)


def test_a_silent_cluster_hides_deployments_and_nothing_else() -> None:
    silent = Sources(deployed={"main": Unknown(why="Kubernetes is silent")})
    old = passing(created_at=NOW - days(40), repository=None)
    assert reasons(judge(old, silent, RULES, NOW)) == ["unknown"]
    expired = old.model_copy(update={"expires_at": NOW - days(1)})
    judged = judge(expired, silent, RULES, NOW)
    assert (reasons(judged), judged.stale) == (["expired", "unknown"], True)
    young = passing(repository=None)
    assert judge(young, silent, RULES, NOW).causes == ()


def test_what_a_person_said_holds_until_its_time() -> None:
    expired = passing(expires_at=NOW - days(1))
    later, over = NOW + days(1), NOW - timedelta(seconds=1)
    for said in (
        Said(by="U0ANA", at=NOW - days(2), expires_at=later),
        Said(by="U0ANA", at=NOW - days(2), kept_until=later),
        Said(by="U0ANA", at=NOW - days(2), expires_at=over, kept_until=later),
    ):
        assert judge(expired, sources(said=said), RULES, NOW).causes == ()
    ended = judge(
        expired, sources(said=Said(by="U", at=NOW - days(2), expires_at=over)), RULES, NOW
    )
    assert (reasons(ended), ended.until) == (["expired"], over)
    # That was said of an earlier namespace of this name.
    old = Said(by="U0ANA", at=NOW - days(9), kept_until=later)
    assert reasons(judge(expired, sources(said=old), RULES, NOW)) == ["expired"]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["ana", "dan", None]), st.booleans()))
)
def test_a_tally_counts_what_is_stale_the_oldest_first(rows: list[Any]) -> None:
    judged = [
        judge(
            passing(name=f"pr-{n}-x", number=None, branch=None, owner=owner,
                    created_at=NOW - days(age), expires_at=NOW if ended else None),
            sources(**{f"pr_{n}_x": NOW}), RULES, NOW,
        )
        for n, (age, owner, ended) in enumerate(rows)
    ]  # fmt: skip
    counted = tally(judged)
    stale = [row for row in rows if row[2]]
    assert (counted.looked_at, len(counted.stale)) == (len(rows), len(stale))
    assert counted.owners == len({owner for _, owner, _ in stale if owner})
    ages = [NOW - one.environment.created_at for one in counted.stale]
    assert ages == sorted(ages, reverse=True)


def test_silent_sources_are_named_once() -> None:
    silent = Sources(branches={REPO: Unknown(why="GitHub is silent")})
    judged = [judge(passing(name=f"pr-{n}-x"), silent, RULES, NOW) for n in range(3)]
    counted = tally(judged, ["Kubernetes is silent"])
    assert counted.silent == ("Kubernetes is silent", "GitHub is silent")
    assert counted.unsure == 3


@given(st.text(max_size=80))
def test_a_slug_is_what_a_name_can_hold_and_its_own_slug(text: str) -> None:
    assert set(slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slug(slug(text)) == slug(text)


def test_reasons_are_in_the_order_in_which_they_matter() -> None:
    assert [reason.value for reason in Reason] == [
        "expired", "branch_merged", "branch_gone", "not_deployed", "unknown",
    ]  # fmt: skip


# What anybody may write.


@given(st.dictionaries(st.sampled_from(MarkKeys().all()), st.text(max_size=200)))
def test_no_mark_breaks_what_is_read_from_it(marks: dict[str, str]) -> None:
    space = Namespace(name="pr-7-login", created_at=NOW - days(3), marks=marks)
    (one,) = known(RULES, space)
    judged = judge(one, sources(), RULES, NOW)
    assert len(list_row(judged, NOW)) < 600
    assert "\n" not in list_row(judged, NOW)


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("9999-12-31T23:59:59-05:00", 9000),
        ("9999-12-31", 9000),
        ("0001-01-01T00:00:00+14:00", 1970),
        ("0001-01-01", 1970),
    ],
)
def test_moments_at_the_ends_of_time(text: str, year: int) -> None:
    space = Namespace(name="pr-7-x", created_at=NOW, marks={"release-bot/expires": text})
    (one,) = known(RULES, space)
    assert one.expires_at is not None
    assert one.expires_at.year == year


@pytest.mark.parametrize(
    "text", ["https://github.com/a/b", "a/b#", "a/b/c", "a b/c", "../x", "a/", "-a/b"]
)
def test_a_repository_that_is_none_tells_nothing(text: str) -> None:
    rules = Ephemeral(pattern="pr-{number}-{branch}", repository=REPO)
    space = Namespace(name="pr-7-x", created_at=NOW, marks={"release-bot/repository": text})
    (one,) = known(rules, space)
    assert one.repository is None
    (usual,) = known(rules, space.model_copy(update={"marks": {"release-bot/repository": ""}}))
    assert usual.repository == REPO


def test_the_later_end_counts() -> None:
    extended = Said(by="U0ANA", at=NOW - days(2), expires_at=NOW - days(1))
    own = passing(expires_at=NOW + days(10))
    judged = judge(own, sources(said=extended), RULES, NOW)
    assert reasons(judged) == []
    assert judged.until == NOW + days(10)
    both_over = judge(passing(expires_at=NOW - days(0.5)), sources(said=extended), RULES, NOW)
    assert both_over.causes[0].since == NOW - days(0.5)


def test_an_open_pull_request_from_a_fork_keeps_it_in_use() -> None:
    fork = Pull(number=9, branch="login", foreign=True, state="open")
    found = Branches(heads=frozenset({"main"}), pulls=(fork,))
    one = passing(number=None)
    assert reasons(judge(one, sources(found), RULES, NOW)) == []
    closed = fork.model_copy(update={"state": "closed"})
    found = Branches(heads=frozenset({"main"}), pulls=(closed,))
    assert reasons(judge(one, sources(found), RULES, NOW)) == ["branch_gone"]


def test_a_number_whose_pull_request_was_not_read_says_nothing() -> None:
    some = Branches(heads=frozenset({"main"}), pulls_whole=False)
    assert reasons(judge(passing(), sources(some), RULES, NOW)) == ["unknown"]
    every = Branches(heads=frozenset({"main"}))
    assert reasons(judge(passing(), sources(every), RULES, NOW)) == ["branch_gone"]
