"""What GitHub's comparisons of two commits tell: authors, pull requests, packages. Pure.

Pull requests are read from the messages that GitHub itself writes when it merges, by a merge commit
or by squashing; a rebase leaves no number behind.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from bot.domain.facts import Diff, PullRequest
from bot.domain.packages import PackageChange

Json = dict[str, Any]

MOST_TITLE = 120
"""Characters of a title that are kept."""

_MERGED = re.compile(r"Merge pull request #(\d{1,9}) from \S+")
_SQUASHED = re.compile(r"(.+) \(#(\d{1,9})\)")


def comparison(found: Json) -> Diff:
    """Read a comparison. An author without an account is given by name, and counted."""
    commits = found.get("commits") or ()
    authors = [_author(commit) for commit in commits]
    pulls = {pull.number: pull for commit in commits for pull in _pull(commit)}
    total = int(found["total_commits"])
    return Diff(
        commits=total,
        authors=tuple(dict.fromkeys(name for name, _ in authors if name)),
        url=found["html_url"],
        behind=int(found.get("behind_by") or 0),
        unlisted=max(0, total - len(commits)),
        unlinked=sum(1 for _, linked in authors if not linked),
        pulls=tuple(pulls.values()),
    )


def _author(commit: Json) -> tuple[str | None, bool]:
    login: str | None = (commit.get("author") or {}).get("login")
    name: str | None = ((commit.get("commit") or {}).get("author") or {}).get("name")
    return login or name, login is not None


def _pull(commit: Json) -> Iterator[PullRequest]:
    message = str((commit.get("commit") or {}).get("message") or "")
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if not lines:
        return
    merged, squashed = _MERGED.fullmatch(lines[0]), _SQUASHED.fullmatch(lines[0])
    if merged:
        title = lines[1] if len(lines) > 1 else ""
        yield PullRequest(number=int(merged[1]), title=title[:MOST_TITLE])
    elif squashed:
        yield PullRequest(number=int(squashed[2]), title=squashed[1][:MOST_TITLE])


def packages(rows: Iterable[Json]) -> tuple[PackageChange, ...]:
    """Read a comparison of dependency graphs: what is removed and added again has changed."""
    found: dict[tuple[str, str, str], PackageChange] = {}
    for row in rows:
        key = (str(row.get("manifest")), str(row.get("ecosystem")), str(row["name"]))
        one = found.get(key) or PackageChange(name=key[2], ecosystem=key[1])
        version = str(row.get("version") or "unknown")
        if row["change_type"] == "removed":
            found[key] = one.model_copy(update={"before": version})
            continue
        known = row.get("vulnerabilities") or ()
        ids = tuple(str(each["advisory_ghsa_id"]) for each in known)
        found[key] = one.model_copy(update={"after": version, "advisories": ids})
    changed = (one for one in found.values() if one.before != one.after)
    return tuple(dict.fromkeys(changed))
