"""Marks that anybody may write, and branches of forks: what is read from them and drawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.environments import Ephemeral, MarkKeys
from bot.domain.namespaces import Branches, Namespace, Passing, Pull
from bot.domain.stale import judge, tally
from bot.ports import Message
from bot.views import reports
from bot.views.environment_lines import owner_words
from integrations.slack import blocks as shapes
from tests.domain.test_stale import REPO, RULES, days, known, passing, reasons, sources
from tests.virtual import START as NOW

LONG = "feature/a-very-long-name-that-was-cut-short"

MARKS = st.dictionaries(
    st.sampled_from(MarkKeys().all()),
    st.one_of(
        st.text(st.characters(), max_size=300),
        st.text("*`~:/ \n<&\u202eU0", max_size=300),
        st.sampled_from(["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+14:00", "2026-03-01"]),
    ),
)


def marked(**marks: str) -> Passing:
    keys = {f"release-bot/{key}": text for key, text in marks.items()}
    rules = RULES.model_copy(update={"repository": REPO})
    (one,) = known(rules, Namespace(name="pr-7-login", created_at=NOW - days(3), marks=keys))
    return one


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("https://evil.example", "https:evil.example"),
        ("https::////evil.example", "https:evil.example"),
        ("https:*//evil.example", "https:evil.example"),
        ("a\u202eb\u200bc\ud800d", "abcd"),
        ("the\n*team*", "the team"),
        ("* *", None),
    ],
)
def test_what_a_mark_says_stays_one_plain_line(text: str, owner: str | None) -> None:
    assert marked(owner=text).owner == owner


@pytest.mark.parametrize("text", ["UNKNOWN", "WEBTEAM", "WEB2", "UNDERWRITING", "U0BEN"])
def test_a_teams_name_is_nobodys_id(text: str) -> None:
    (space,) = known(RULES, Namespace(name="pr-7-x", created_at=NOW,
                                      marks={"release-bot/owner": text}))  # fmt: skip
    assert owner_words(space) == text


@pytest.mark.parametrize("text", ["U0ANA", "ANA", "U012AB3CD"])
def test_whom_the_catalogue_or_slack_knows_is_named(text: str) -> None:
    space = Namespace(name="pr-7-x", created_at=NOW, marks={"release-bot/owner": text})
    (one,) = known(RULES, space, logins={"ana": "U0ANA"}, people=frozenset({"U0ANA"}))
    assert owner_words(one) == f"<@{text.replace('ANA', 'U0ANA').replace('U0U0', 'U0')}>"


@pytest.mark.parametrize("text", ["quantivista/.", "quantivista/.."])
def test_a_repository_leads_nowhere_else(text: str) -> None:
    assert marked(repository=text).repository is None


def test_an_owner_of_repositories_may_have_an_underscore() -> None:
    rules = Ephemeral(pattern="pr-{number}", repository="ana_corp/.github")
    assert rules.repository == "ana_corp/.github"


def test_a_forks_closed_pull_request_tells_nothing_of_its_branch() -> None:
    fork = Pull(number=7, branch="login", foreign=True, state="closed")
    found = Branches(heads=frozenset({"main"}), pulls=(fork,))
    assert reasons(judge(passing(), sources(found), RULES, NOW)) == []


def test_an_open_pull_request_counts_for_a_branch_that_was_cut_short() -> None:
    fork = Pull(number=9, branch=LONG, foreign=True, state="open")
    one = passing(number=None, branch="feature-a-very-long-name")
    found = Branches(heads=frozenset({"main"}), pulls=(fork,))
    assert reasons(judge(one, sources(found), RULES, NOW)) == []
    # Another branch that begins alike may have been merged.
    merged = Pull(number=9, branch=LONG, state="merged", merged_at=NOW)
    found = Branches(heads=frozenset({"main"}), pulls=(merged,))
    assert reasons(judge(one, sources(found), RULES, NOW)) == ["branch_gone"]


def test_a_branch_that_is_there_is_in_use_whatever_its_number() -> None:
    some = Branches(heads=frozenset({"main", "login"}), pulls_whole=False)
    assert reasons(judge(passing(), sources(some), RULES, NOW)) == []


@given(st.lists(MARKS, max_size=25))
def test_no_mark_breaks_a_message(rows: list[dict[str, str]]) -> None:
    spaces = [
        Namespace(name=f"pr-{number}-x", created_at=NOW - days(20), marks=marks)
        for number, marks in enumerate(rows)
    ]
    judged = [judge(one, sources(), RULES, NOW) for one in known(RULES, *spaces)]
    _sound(reports.report(reports.Report(tally(judged), NOW, RULES)))
    _sound(reports.environments(judged, 1, NOW))


def _sound(message: Message | None) -> None:
    """Whether Slack takes it as it is, and every row is a line of its own."""
    if message is None:
        return
    assert shapes.problem(message.blocks) is None
    assert list(message.blocks) == shapes.fitted(message.blocks)
    sections = [block["text"]["text"] for block in message.blocks if block["type"] == "section"]
    assert all(text.strip() for text in sections)
    assert message.text.encode()
    assert "://" not in message.text
