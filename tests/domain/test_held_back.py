"""Bad commits: no version passes that holds one without its revert, whatever messages say."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.commits import Commit, Commits, read_commit
from bot.domain.held_back import BadRange, Seen, held
from tests.domain.history import History

BAD = BadRange(
    release="rel-2222",
    service="payments",
    environment="production",
    repository="q/p",
    version="v2.1.0",
    back_to="v2.0.5",
    good="a",
    bad="b",
)


def seen(history: History, good: str, bad: str, head: str, **changes: Any) -> Seen:
    whole = Seen(range=BAD, commits=history.between(good, bad), since=history.between(good, head))
    return whole.model_copy(update=changes)


def standing(history: History, good: str, bad: str, head: str, **changes: Any) -> list[str]:
    return [commit.sha for commit in held(seen(history, good, bad, head, **changes))[0]]


def test_without_the_commits_nothing_stands() -> None:
    git = History()
    good = git.change(git.root)
    bad = git.change(good)
    assert held(seen(git, good, bad, git.root)) == ((), ())
    assert held(seen(git, good, bad, git.change(good))) == ((), ())
    assert standing(git, good, bad, git.change(bad)) == [bad]


@given(times=st.integers(0, 12))
def test_reverts_alternate(times: int) -> None:
    git = History()
    head = last = bad = git.change(git.root)
    for _ in range(times):
        made = git.revert(last, head)
        assert made
        head = last = made
    stands, reverted = held(seen(git, git.root, bad, head))
    assert [c.sha for c in stands] == ([] if times % 2 else [bad])
    assert [c.sha for c in reverted] == ([bad] if times % 2 else [])


def test_every_commit_of_the_range_has_to_be_reverted() -> None:
    git = History()
    first = git.change(git.root)
    second = git.change(first)
    head = git.revert(second, second)
    assert head
    assert standing(git, git.root, second, head) == [first]
    both = git.revert(first, head)
    assert both
    assert standing(git, git.root, second, both) == []


def test_of_a_merge_all_that_it_brought_is_reverted() -> None:
    git = History()
    side = git.change(git.change(git.root))
    merge = git.merge(git.change(git.root), side, git.root)
    main = git.commits[merge].parents[0]
    head = git.revert(merge, merge)
    assert head
    assert standing(git, git.root, merge, head) == [main]
    assert standing(git, main, merge, head) == []
    again = git.revert(head, head)
    assert again
    assert len(standing(git, main, merge, again)) == 2


def test_a_merge_reverted_to_its_other_side_is_not_understood() -> None:
    git = History()
    side = git.change(git.root)
    merge = git.merge(git.change(git.root), side, git.root)
    words = f'Revert "x"\n\nThis reverts commit {merge}, reversing\nchanges made to {side}.'
    head = git.change(merge, words)
    assert standing(git, git.root, merge, head) == sorted(git.commits[merge].parents)


def test_a_copy_is_the_commit_that_it_was_picked_from() -> None:
    git = History()
    bad = git.change(git.root)
    copy = git.pick(bad, git.change(git.root))
    assert copy
    assert standing(git, git.root, bad, copy) == [bad]
    gone = git.revert(copy, copy)
    assert gone
    assert standing(git, git.root, bad, gone) == []


def test_a_picked_revert_is_a_revert() -> None:
    git = History()
    bad = git.change(git.root)
    undone = git.revert(bad, bad)
    assert undone
    picked = git.pick(undone, git.change(bad))
    assert picked
    assert standing(git, git.root, bad, picked) == []
    # It speaks of the revert that it is a copy of, which is not in this version.
    back = git.change(picked, f'Revert "x"\n\nThis reverts commit {undone}.')
    assert standing(git, git.root, bad, back) == [bad]


def test_a_revert_within_the_range_is_no_bad_commit_but_what_hides_one_is() -> None:
    git = History()
    first = git.change(git.root)
    undone = git.revert(first, first)
    assert undone
    assert standing(git, git.root, undone, git.change(undone)) == []
    busy = git.change(first, f"Work, too\n\nThis reverts commit {first}.")
    assert standing(git, git.root, busy, git.change(busy)) == [busy]


def test_a_squash_that_reverts_something_unknown_takes_nothing_out() -> None:
    git = History()
    bad = git.change(git.root)
    words = f"Squash\n\nThis reverts commit {bad}.\n\nThis reverts commit {'e' * 40}."
    assert standing(git, git.root, bad, git.change(bad, words)) == [bad]
    elsewhere = f"Squash\n\nThis reverts commit {bad}.\n\nReverts other/repo#7"
    assert standing(git, git.root, bad, git.change(bad, elsewhere)) == [bad]


def test_a_short_sha_that_names_one_commit_will_do() -> None:
    first, second = "1234567" + "a" * 33, "1234567" + "b" * 33

    def made(sha: str, parent: str, message: str) -> Commit:
        return read_commit(sha, (parent,), None, message, "q/p")

    bad = Commits(commits=(made(first, "0" * 40, "Bad"),))
    revert = made("c" * 40, first, 'Revert "Bad"\n\nThis reverts commit 1234567.')
    one = Seen(range=BAD, commits=bad, since=Commits(commits=(*bad.commits, revert)))
    assert held(one)[0] == ()
    two = Commits(commits=(*bad.commits, made(second, first, "Other"), revert))
    assert len(held(one.model_copy(update={"since": two}))[0]) == 1


def test_a_commit_that_is_not_shared_does_not_count() -> None:
    git = History()
    first = git.change(git.root)
    second = git.change(first)
    assert standing(git, git.root, second, second, shared=frozenset({second})) == [second]


def test_what_cannot_be_told_is_said() -> None:
    git = History()
    bad = git.change(git.root)
    told = seen(git, git.root, bad, bad)
    assert told.unclear is None
    some = Commits(commits=told.commits.commits if told.commits else (), whole=False)
    assert "more than 1 commits in it" in str(told.model_copy(update={"commits": some}).unclear)
    far = told.model_copy(update={"since": some}).unclear
    assert "this version has more than 1 commits since then" in str(far)
    unknown = Seen(range=BAD.model_copy(update={"good": None}))
    assert unknown.unclear == "nobody knows the commit of 2.0.5"
    assert held(unknown) == ((), ())
    nobody = Seen(range=BAD.model_copy(update={"bad": None}))
    assert nobody.unclear == "nobody knows the commit of 2.1.0"


def _grown(data: st.DataObject, git: History, head: str, steps: int) -> str:
    """Grow a branch: changes, reverts of what is in it, and copies of whatever there is."""
    for _ in range(steps):
        ours = sorted(git.reached(head) - {git.root})
        plain = [sha for sha, c in git.commits.items() if len(c.parents) == 1]
        what = data.draw(st.sampled_from(["change", "revert", "revert", "pick"]))
        made = None
        if what == "revert" and ours:
            made = git.revert(data.draw(st.sampled_from(ours)), head)
        elif what == "pick" and plain:
            made = git.pick(data.draw(st.sampled_from(plain)), head)
        head = made or git.change(head)
    return head


def _line(data: st.DataObject, git: History, head: str) -> str:
    """Go on from a commit: sometimes a branch is merged back."""
    for _ in range(data.draw(st.integers(1, 4))):
        fork = head
        head = _grown(data, git, head, data.draw(st.integers(0, 3)))
        if data.draw(st.booleans()):
            side = _grown(data, git, fork, data.draw(st.integers(1, 3)))
            head = git.merge(head, side, fork)
    return head


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_version_passes_that_holds_an_unreverted_bad_commit(data: st.DataObject) -> None:
    git = History()
    good = git.change(git.root)
    bad = _line(data, git, good)
    head = _line(data, git, data.draw(st.sampled_from([bad, good, git.root])))
    told = held(seen(git, good, bad, head))
    changes = {sha for sha in git.reached(bad) - git.reached(good) if sha in git.contents[sha]}
    truly = git.contents[head] & changes
    if not told[0]:
        assert not truly


def test_a_range_whose_commits_are_all_reverted_in_it_explains_nothing() -> None:
    git = History()
    bad = git.change(git.root)
    undone = git.revert(bad, bad)
    assert undone
    assert seen(git, git.root, bad, bad).explained
    assert not seen(git, git.root, undone, undone).explained
    assert not seen(git, bad, git.root, bad).explained
