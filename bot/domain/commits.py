"""Commits as a source host lists them, and what their messages say of other commits. Pure.

Git's own words are read: what `git revert` and `git cherry-pick -x` write, and what GitHub puts
into a pull request that reverts another one. A revert that says none of it can't be known as one.
"""

import re

from bot.domain.value import Value

SHORTEST = 7
"""Digits of the shortest beginning of a sha that names a commit: git's own."""

WHOLE = 40
"""Digits of a whole sha."""

_SHA = r"([0-9a-f]{7,40})\b"
_REVERTS = re.compile(
    rf"\bThis reverts commit {_SHA}(?:,\s+reversing\s+changes\s+made\s+to\s+{_SHA})?"
)
_COPIES = re.compile(rf"\(cherry picked from commit {_SHA}\)")
_PULLS = re.compile(r"^\s*Reverts (?:([\w.-]+/[\w.-]+))?#(\d+)\b", re.MULTILINE)
_TITLES = ('Revert "', 'Reapply "')
"""How the titles begin that git and GitHub give to a revert, and to a revert of one."""

TITLE = 60
"""Characters of a commit's title that are kept."""


class Undo(Value):
    """What a commit says that it reverts. `against`: the parent that a merge was reverted to."""

    sha: str
    against: str | None = None


class Commit(Value):
    """One commit. `author` is a GitHub login, or a name where GitHub knows no login."""

    sha: str
    parents: tuple[str, ...] = ()
    author: str | None = None
    title: str = ""
    reverts: tuple[Undo, ...] = ()
    pulls: tuple[int, ...] = ()
    """Pull requests of the same repository that it says it reverts; their commits come on top."""
    copies: tuple[str, ...] = ()
    """Commits that it was picked from."""
    unclear: bool = False
    """It says that it reverts something which can't be followed to a commit."""

    @property
    def merges(self) -> bool:
        """Whether it joins branches: what it brings are the other branch's commits."""
        return len(self.parents) > 1

    @property
    def pure_revert(self) -> bool:
        """Whether its title says that it does nothing but revert."""
        return self.title.startswith(_TITLES)


class Commits(Value):
    """Commits that one commit has and another lacks. `whole`: there are no others."""

    commits: tuple[Commit, ...] = ()
    whole: bool = True


def read_commit(
    sha: str, parents: tuple[str, ...], author: str | None, message: str, repository: str
) -> Commit:
    """Make a commit of what the host tells; its message is read here and not kept."""
    pulls, elsewhere = [], False
    for home, number in _PULLS.findall(message):
        if home.lower() in ("", repository.lower()):
            pulls.append(int(number))
        else:
            elsewhere = True
    return Commit(
        sha=sha,
        parents=parents,
        author=author,
        title=_plain(message.partition("\n")[0]),
        reverts=tuple(Undo(sha=match[1], against=match[2]) for match in _REVERTS.finditer(message)),
        pulls=tuple(dict.fromkeys(pulls)),
        copies=tuple(_COPIES.findall(message)),
        unclear=elsewhere,
    )


def _plain(title: str) -> str:
    """Cut a title, and take out what Slack could read as a mention or a link."""
    plain = title.strip().replace("<", "‹").replace(">", "›")
    return plain if len(plain) <= TITLE else f"{plain[: TITLE - 1]}…"
