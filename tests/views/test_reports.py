"""What the report on environments reads like, and that it always fits into a message."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from bot.domain.behind import Lag, Late
from bot.domain.environments import Ephemeral
from bot.domain.namespaces import Passing, Said
from bot.domain.stale import Cause, Judged, Reason, tally
from bot.ports import Invocation, Message
from bot.views import answers, reports
from bot.views import environment_refusals as refusals
from bot.views.environment_lines import age
from bot.views.reports import WORST
from integrations.simulated.slack.messages import show
from integrations.slack import blocks as shapes
from tests.tester import ANA, DAN
from tests.views.releases import read
from tests.virtual import START as NOW

RULES = Ephemeral(pattern="pr-{number}")


def days(count: float) -> timedelta:
    return timedelta(days=count)


CAUSES = {
    "expired": Cause(reason=Reason.EXPIRED, since=NOW - days(1)),
    "merged": Cause(reason=Reason.BRANCH_MERGED, since=NOW - days(2), what="fix/<login>"),
    "gone": Cause(reason=Reason.BRANCH_GONE, what="fix/charts"),
    "idle": Cause(reason=Reason.NOT_DEPLOYED, since=NOW - days(20)),
    "unknown": Cause(reason=Reason.UNKNOWN, what="GitHub didn't answer for 60 s"),
}


def judged(name: str, old: float, owner: str | None, *causes: str, **more: Any) -> Judged:
    one = Passing(
        cluster="dev", name=name, created_at=NOW - days(old), owner=owner,
        owner_known=owner in (ANA, DAN),
    )  # fmt: skip
    return Judged(environment=one, causes=tuple(CAUSES[c] for c in causes), **more)


def late(service: str, lag: Lag, **more: Any) -> Late:
    given = {"environment": "production", "before": "staging", "newer": "v2.3.0",
             "runs": "v2.0.5", "since": NOW - days(20)}  # fmt: skip
    return Late(service=service, lag=lag, **(given | more))


def drawn(rows: list[Judged], *behind: Late, silent: tuple[str, ...] = ()) -> Message | None:
    counted = tally(rows, silent)
    return reports.report(reports.Report(tally=counted, now=NOW, rules=RULES, late=behind))


def seen(message: Message | None) -> str:
    assert message is not None
    return show(read(message))


FOUR = [
    judged("pr-1", 41, ANA, "expired", "gone"),
    judged("pr-2", 9, DAN, "merged"),
    judged("pr-3", 30, ANA, "idle"),
    judged("pr-4", 12, None, "gone"),
    judged("pr-5", 3, ANA),
]


def test_counts_first_then_the_worst_by_owner() -> None:
    assert seen(drawn(FOUR)) == snapshot("""\
4 stale environments, 2 owners, oldest 41 days.
@U0ANA · 2 stale
pr-1 · 41 days · expired 3 Mar 16:30
pr-3 · 30 days · not deployed since 12 Feb 16:30
No owner · 1 stale
pr-4 · 12 days · its branch fix/charts is gone
@U0DAN · 1 stale
pr-2 · 9 days · fix/<login> was merged 2 Mar 16:30
Extend gives 3d more, Not stale leaves it out for 14d. All environments: /env list.
[Extend env:extend=pr-1] [Not stale env:keep=pr-1]
[Extend env:extend=pr-3] [Not stale env:keep=pr-3]
[Extend env:extend=pr-4] [Not stale env:keep=pr-4]
[Extend env:extend=pr-2] [Not stale env:keep=pr-2]\
""")


def test_more_than_ten_and_services_that_fall_behind() -> None:
    rows = [judged(f"pr-{n}", n + 2, ANA if n % 2 else DAN, "idle") for n in range(14)]
    behind = [
        late("web", Lag.DAYS_BEHIND, versions=1),
        late("api", Lag.VERSIONS_BEHIND, versions=4),
        late("auth", Lag.NEVER_PROMOTED, runs=None),
        late("config", Lag.IMAGE_UNTAGGED, runs="q/config:dev<b>"),
    ]
    assert seen(drawn(rows, *behind)) == snapshot("""\
14 stale environments, 2 owners, oldest 15 days. 4 services fall behind.
@U0ANA · 7 stale
pr-13 · 15 days · not deployed since 12 Feb 16:30
pr-11 · 13 days · not deployed since 12 Feb 16:30
pr-9 · 11 days · not deployed since 12 Feb 16:30
pr-7 · 9 days · not deployed since 12 Feb 16:30
pr-5 · 7 days · not deployed since 12 Feb 16:30
@U0DAN · 7 stale
pr-12 · 14 days · not deployed since 12 Feb 16:30
pr-10 · 12 days · not deployed since 12 Feb 16:30
pr-8 · 10 days · not deployed since 12 Feb 16:30
pr-6 · 8 days · not deployed since 12 Feb 16:30
pr-4 · 6 days · not deployed since 12 Feb 16:30
config · production runs q/config:dev<b>, which no tag has
auth · never promoted to production: staging has had it since 12 Feb 16:30, and runs 2.3.0
api · staging 2.3.0 is ahead of production 2.0.5 by 4 versions, since 12 Feb 16:30
web · staging 2.3.0 is ahead of production 2.0.5 by 1 version, since 12 Feb 16:30
Extend gives 3d more, Not stale leaves it out for 14d. 4 more: /env list.
[Extend env:extend=pr-13] [Not stale env:keep=pr-13]
[Extend env:extend=pr-11] [Not stale env:keep=pr-11]
[Extend env:extend=pr-9] [Not stale env:keep=pr-9]
[Extend env:extend=pr-7] [Not stale env:keep=pr-7]
[Extend env:extend=pr-5] [Not stale env:keep=pr-5]
[Extend env:extend=pr-12] [Not stale env:keep=pr-12]
[Extend env:extend=pr-10] [Not stale env:keep=pr-10]
[Extend env:extend=pr-8] [Not stale env:keep=pr-8]
[Extend env:extend=pr-6] [Not stale env:keep=pr-6]
[Extend env:extend=pr-4] [Not stale env:keep=pr-4]\
""")


def test_only_services() -> None:
    assert seen(drawn([], late("web", Lag.DAYS_BEHIND))) == snapshot("""\
No environment is stale. 1 service falls behind.
web · staging 2.3.0 is ahead of production 2.0.5, since 12 Feb 16:30
All environments: /env list.\
""")


def test_a_source_that_was_silent_is_said_and_nobody_is_blamed() -> None:
    rows = [judged("pr-1", 41, ANA, "unknown"), judged("pr-2", 3, DAN, "unknown")]
    assert seen(drawn(rows, silent=("Kubernetes (dev) answered 503",))) == snapshot("""\
No environment is known to be stale.
Not all is known:
◷ Kubernetes (dev) answered 503.
◷ GitHub didn't answer for 60 s.
2 environments may be stale for all that is known.
All environments: /env list.\
""")


def test_nothing_is_nothing_or_one_line() -> None:
    rows = [judged("pr-5", 3, ANA)]
    assert drawn(rows) is None
    nothing = reports.nothing(reports.Report(tally=tally(rows), now=NOW, rules=RULES))
    assert seen(nothing) == snapshot(
        "No environment is stale and no service falls behind. 1 environment looked at."
    )


def test_the_list_says_how_each_stands() -> None:
    rows = [
        *FOUR,
        judged("pr-6", 2, DAN, until=NOW + days(2)),
        judged("pr-7", 0.2, DAN, kept_until=NOW + days(9)),
        judged("pr-8", 0.01, "the <b>team", "unknown"),
    ]
    assert seen(reports.environments(rows, 1, NOW)) == snapshot("""\
8 environments, 4 of them stale.
• pr-1 · @U0ANA · 41 days · stale: expired 3 Mar 16:30
• pr-3 · @U0ANA · 30 days · stale: not deployed since 12 Feb 16:30
• pr-4 · No owner · 12 days · stale: its branch fix/charts is gone
• pr-2 · @U0DAN · 9 days · stale: fix/<login> was merged 2 Mar 16:30
• pr-5 · @U0ANA · 3 days · in use
• pr-6 · @U0DAN · 2 days · until 6 Mar 16:30
• pr-7 · @U0DAN · 4 h · called not stale until 13 Mar 16:30
• pr-8 · the <b>team · under an hour · not known: GitHub didn't answer for 60 s\
""")
    assert seen(reports.environments([], 1, NOW)) == snapshot(
        "There are no environments that come and go."
    )
    why = ["Kubernetes (dev) answered 503", "b", "c", "d"]
    assert seen(reports.environments([], 1, NOW, why)) == snapshot("""\
Not known:
◷ Kubernetes (dev) answered 503.
◷ b.
◷ c.
1 more did not tell.
Say it again in a minute.\
""")
    assert seen(reports.environments(FOUR[-1:], 1, NOW, why[:1])) == snapshot("""\
1 environment, 0 of them stale.
Not all is known:
◷ Kubernetes (dev) answered 503.
• pr-5 · @U0ANA · 3 days · in use\
""")


def test_pages_end_and_the_last_stands_for_those_beyond() -> None:
    rows = [judged(f"pr-{n:02}", n, ANA) for n in range(45)]
    first, last = seen(reports.environments(rows, 1, NOW)), seen(reports.environments(rows, 9, NOW))
    assert "Page 1 of 3. Next: /env list 2." in first
    assert last.endswith("Page 3 of 3.")
    assert (first.count("•"), last.count("•")) == (20, 5)


def test_the_list_of_services() -> None:
    behind = [late(f"s-{n:02}", Lag.DAYS_BEHIND, versions=n) for n in range(25)]
    text = seen(reports.services(behind, 2, NOW))
    assert text.count("•") == 5
    assert "25 services fall behind." in text
    assert "Page 2 of 2." in text
    assert seen(reports.services([], 1, NOW)) == snapshot("No service falls behind.")


def test_rows_over_the_limit_leave_nothing_empty_and_nothing_out() -> None:
    long = [late(f"{n}-{'x' * 400}", Lag.DAYS_BEHIND, versions=3) for n in range(WORST)]
    beyond = [late("y" * 4000, Lag.DAYS_BEHIND, versions=3)]
    for message in (drawn([], *long), drawn([], *beyond), reports.services(beyond, 1, NOW)):
        assert message is not None
        texts = [b["text"]["text"] for b in message.blocks if b["type"] == "section"]
        assert all(text.strip() for text in texts)
    report = drawn([], *long)
    assert report is not None
    # Each of the ten with its whole moment.
    assert report.text.count("<!date^") == report.text.count(" UTC>") == WORST


def test_an_image_is_cut_before_it_pushes_out_what_is_said_of_it() -> None:
    shown = drawn([], late("web", Lag.IMAGE_UNTAGGED, runs="q/" + "x" * 5000))
    assert "…, which no tag has" in seen(shown)


def test_what_may_be_stale_is_said_after_long_silences() -> None:
    rows = [judged("pr-1", 41, ANA, "unknown")]
    shown = drawn(rows, silent=("a" * 2500, "b" * 2500))
    assert "1 environment may be stale for all that is known." in seen(shown)


def test_what_came_of_a_wish() -> None:
    assert seen(reports.extended("pr-1", NOW + days(3), NOW)) == snapshot(
        "✓ pr-1 is extended until 7 Mar 16:30. The report leaves it out until then."
    )
    assert seen(reports.kept("pr-1", NOW + days(14), NOW)) == snapshot(
        "✓ pr-1 is not stale, on your word. The report leaves it out until 18 Mar 16:30."
    )


def test_what_could_not_be_confirmed_points_at_the_list() -> None:
    asked = Invocation(key="k", kind="command", user=ANA, channel="C", team="T", command="env")
    click = asked.model_copy(update={"kind": "click", "action": "env:keep", "command": "release"})
    for one in (asked, click):
        assert answers.not_confirmed(one).endswith("`/env list` tells.")


def test_refusals_say_what_to_do() -> None:
    said = Said(by=DAN, at=NOW, expires_at=NOW + days(3))
    sentences = [
        refusals.not_set_up(),
        refusals.no_such_environment("pr-11", "pr-1"),
        refusals.no_such_environment("xyz", None),
        refusals.ambiguous("pr-1", ["dev/pr-1", "test/pr-1"]),
        refusals.too_long("pr-1", NOW, days(30), NOW),
        refusals.said_already("pr-1", said, NOW),
    ]
    assert "\n".join(show(one.sentence) for one in sentences) == snapshot("""\
The catalogue has no part ephemeral, so there are no environments to speak of. docs/environments.md says how to add it.
There is no environment "pr-11". Did you mean pr-1?
There is no environment "xyz". /env list lists them.
pr-1 may be dev/pr-1 or test/pr-1. Say which.
That is too long: pr-1 may run until 3 Apr 16:30 at the most, 30d from now. Say a shorter time.
That button is old: @U0DAN said at 16:30 that pr-1 stays until 7 Mar 16:30. /env extend pr-1 3d adds more.\
""")


@pytest.mark.parametrize(
    ("lived", "words"),
    [(0, "under an hour"), (1 / 24, "1 h"), (0.99, "23 h"), (1, "1 day"), (41.9, "41 days")],
)
def test_ages(lived: float, words: str) -> None:
    assert age(days(lived)) == words


@given(
    st.lists(
        st.tuples(
            st.text("pr-0123456789<&>*`", min_size=1, max_size=63),
            st.one_of(st.none(), st.text(max_size=63)),
            st.sampled_from(sorted(CAUSES)),
        ),
        max_size=60,
    ),
    st.lists(st.text(min_size=1, max_size=80), max_size=60),
    st.lists(st.text(max_size=400), max_size=9),
)
def test_whatever_there_is_to_tell_fits_into_a_message(
    rows: list[Any], services: list[str], silent: list[str]
) -> None:
    environments = [judged(name, 9, owner, cause) for name, owner, cause in rows]
    behind = [late(name, Lag.DAYS_BEHIND, versions=3) for name in services]
    shown = drawn(environments, *behind, silent=tuple(silent))
    for message in (
        shown,
        reports.environments(environments, 1, NOW),
        reports.services(behind, 1, NOW),
    ):
        if message is None:
            continue
        assert len(message.blocks) < 50
        assert list(message.blocks) == shapes.fitted(message.blocks)
        assert shapes.problem(message.blocks) is None
        assert message.text
