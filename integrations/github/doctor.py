"""Looks at GitHub for `release-bot doctor`: credentials, permissions, repositories, workflows.

Used by `host`. Changes nothing: where only a write tells of a right, it is asked for a commit that
does not exist, which GitHub refuses after it has looked at the right. Never says a token.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from time import time
from urllib.parse import quote

from bot.errors import ForbiddenError, MissingError, PermanentError, TemporaryError
from bot.ports import Checkup, Finding
from integrations.dates import ahead
from integrations.github.app_rights import installation
from integrations.github.deployments import NOWHERE
from integrations.github.gate_doctor import Gated, of_credentials, of_repository
from integrations.github.hooks import repository_hooks
from integrations.github.pool import Credentials, Json, Pool

AT_ONCE = 8
"""Repositories that are looked at beside each other: as many as there are worker threads."""

LOW = 0.1
"""Share of the hour's budget below which it is worth a word."""

READS = (
    ("Contents", "git/matching-refs/tags/", "tags can't be found"),
    ("Checks", "commits/{branch}/check-runs", "the checks gate fails closed"),
    ("Commit statuses", "commits/{branch}/status", "the checks gate fails closed"),
)
"""Rights to read, by what is read with them, and what follows where they are missing."""

PULLS = ("Pull requests", "environments whose branch is merged go unnoticed")
"""The same, for the repository that environments come and go with."""


@dataclass(frozen=True)
class Wanted:
    """What the catalogue asks of GitHub besides workflows.

    `passing`: the repository whose branches and pull requests environments come and go with.
    `numbers`: what it takes for the repositories' numbers (`evidence.repository_id`). `gated`:
    environments for which GitHub is to ask the bot.
    """

    passing: str | None
    numbers: Mapping[str, Collection[str]]
    gated: Gated


View = Callable[[str], Awaitable[list[Finding]]]
"""Says of a repository whether Deployments and commit statuses may be written there."""


async def examine(
    pool: Pool,
    credentials: Credentials,
    repositories: Mapping[str, Iterable[str]],
    view: View,
    wanted: Wanted,
) -> Checkup:
    """Look at the credentials, then at each repository with the workflows that it should have."""
    began = time()
    try:
        headers, budget = await pool.headed("/rate_limit")
    except (TemporaryError, PermanentError) as error:
        return Checkup(findings=(_no_answer(error),))
    off = ahead(headers.get("date"), began, time())
    passing, gated = wanted.passing, wanted.gated
    found = [*_scopes(headers), *_budget(budget), *of_credentials(credentials, gated)]
    found += await installation(pool, credentials, passing, gated=bool(gated))
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(name: str, workflows: Iterable[str]) -> tuple[list[Finding], bool]:
        async with turns:
            told = await _repository(pool, name, workflows, view, wanted.numbers.get(name, ()))
            gates = await of_repository(pool, credentials, name, gated.get(name, ()))
            return [*told[0], *gates], told[1]

    looks = await asyncio.gather(*(look(name, files) for name, files in repositories.items()))
    unheard = [name for name, (_, heard) in zip(repositories, looks, strict=True) if not heard]
    found += [finding for findings, _ in looks for finding in findings]
    if passing is not None:
        found += await _read(pool, passing, f"/repos/{passing}/pulls", *PULLS)
    return Checkup(findings=tuple(found), ahead=off, unheard=tuple(unheard))


def _no_answer(error: Exception) -> Finding:
    if isinstance(error, TemporaryError):
        remedy = "Check GITHUB_API_URL and the network, or wait until the rate limit is over."
    elif isinstance(error, ForbiddenError):
        remedy = "Make a new token or key: this one is wrong, revoked or has lapsed."
    else:
        remedy = "README, Connect the real systems, says where they come from."
    return _bad("GitHub", said(error), remedy)


def _scopes(headers: Mapping[str, str]) -> list[Finding]:
    """Look at the scopes of a classic token; other credentials name none."""
    given = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")} - {""}
    if not given:
        return [_good("GitHub", "Signed in.")]
    if "repo" in given:
        return [_good("GitHub", f"Signed in with a classic token: {', '.join(sorted(given))}.")]
    sentence = f"The token's scopes are {', '.join(sorted(given))}; repo is missing."
    remedy = "Add the scope repo: without it private code is unseen and no workflow starts."
    return [_bad("GitHub scopes", sentence, remedy)]


def _budget(answer: Json) -> list[Finding]:
    core = (answer.get("resources") or {}).get("core") or answer.get("rate")
    if not core or core["remaining"] >= core["limit"] * LOW:
        return []
    sentence = f"{core['remaining']:,} of {core['limit']:,} requests are left this hour."
    remedy = "Find out who else uses this token; a GitHub App has a budget of its own."
    return [_bad("GitHub budget", sentence, remedy)]


async def _repository(
    pool: Pool, name: str, workflows: Iterable[str], view: View, numbers: Collection[str]
) -> tuple[list[Finding], bool]:
    """Say what is wrong with a repository, and whether its webhooks were looked at."""
    try:
        about = await pool.get(f"/repos/{name}")
    except TemporaryError as error:
        return [_bad(name, said(error), "Run this again in a minute.")], False
    except PermanentError as error:
        remedy = "Give the token or App access to it, or mend its name in the catalogue."
        return [_bad(name, f"It can't be read. {said(error)}", remedy)], False
    if about.get("archived"):
        remedy = "Unarchive it, or take its services out of the catalogue."
        return [_bad(name, "It is archived, so no workflow can be started.", remedy)], True
    parts = await asyncio.gather(
        _reads(pool, name, about["default_branch"]),
        _scanning(pool, name),
        _workflows(pool, name, tuple(workflows)),
        view(name),
        repository_hooks(pool, name),
    )
    hooks = parts[-1]
    number = _numbered(name, str(about.get("id")), numbers)
    bad = [f for part in (*parts, number) for f in part or () if not f.good]
    good = [f for part in parts for f in part or () if f.good]
    whole = [_good(name, "Readable, its workflows are there and may be started.")]
    return [*(bad or whole), *good], hooks is not None


def _numbered(name: str, number: str, taken_for: Collection[str]) -> list[Finding]:
    """Compare with the number by which evidence is taken: a name can change hands."""
    wrong = sorted(set(taken_for) - {number})
    if not wrong:
        return []
    sentence = f"evidence.repository_id is {', '.join(wrong)}, and this repository is {number}."
    return [_bad(name, sentence, f"Write {number}, if it is still the one that is meant.")]


async def _reads(pool: Pool, name: str, branch: str) -> list[Finding]:
    paths = [(right, path.format(branch=quote(branch, "")), so) for right, path, so in READS]
    asked = [_read(pool, name, f"/repos/{name}/{path}", right, so) for right, path, so in paths]
    return [finding for part in await asyncio.gather(*asked) for finding in part]


async def _read(pool: Pool, name: str, path: str, right: str, so: str) -> list[Finding]:
    try:
        await pool.get(path, per_page=1)
    except TemporaryError as error:
        return [_unsure(name, right, error)]
    except (ForbiddenError, MissingError):
        remedy = f"Give the token or App {right}: read."
        return [_bad(name, f"{right}: the bot may not read them, so {so}.", remedy)]
    except PermanentError:
        # An empty repository has no commit to ask for: the right was there to say so.
        return []
    return []


async def _scanning(pool: Pool, name: str) -> list[Finding]:
    try:
        await pool.get(f"/repos/{name}/code-scanning/alerts", per_page=1)
    except TemporaryError as error:
        return [_unsure(name, "Code scanning", error)]
    except ForbiddenError as error:
        if "enabled" in str(error):
            remedy = "Enable it, or let the policy say not_enabled: allow."
            return [_bad(name, "Code scanning is not enabled.", remedy)]
        sentence = "Code scanning: the bot may not read it, so the scans gate fails closed."
        remedy = "Give the token or App Code scanning alerts: read."
        return [_bad(name, sentence, remedy)]
    except PermanentError:
        # Nothing was analysed yet, and GitHub would not say so to one who may not know.
        return []
    return []


async def _workflows(pool: Pool, name: str, wanted: tuple[str, ...]) -> list[Finding]:
    if not wanted:
        return []
    try:
        rows = await pool.pages(f"/repos/{name}/actions/workflows", "workflows", 500)
    except TemporaryError as error:
        return [_unsure(name, "Actions", error)]
    except PermanentError:
        sentence = "Actions: the bot may not read them, so no workflow can be followed."
        return [_bad(name, sentence, "Give the token or App Actions: write.")]
    states = {row["path"].rsplit("/", 1)[-1]: row.get("state", "active") for row in rows}
    found = [f for file in wanted for f in _workflow(name, file, states.get(file))]
    there = [file for file in wanted if file in states]
    return [*found, *(await _may_start(pool, name, there[0]) if there else [])]


def _workflow(name: str, file: str, state: str | None) -> list[Finding]:
    if state is None:
        remedy = f"Copy it from docs/workflows.md to .github/workflows/{file} on the main branch."
        return [_bad(name, f"There is no workflow {file}.", remedy)]
    if state != "active":
        remedy = "Enable it: Actions, the workflow, Enable workflow."
        return [_bad(name, f"Workflow {file} is {state.replace('_', ' ')}.", remedy)]
    return []


async def _may_start(pool: Pool, name: str, file: str) -> list[Finding]:
    """Ask to start a workflow at a ref that can't exist: only who may start it hears that."""
    path = f"/repos/{name}/actions/workflows/{quote(file)}/dispatches"
    try:
        await pool.post(path, {"ref": NOWHERE, "inputs": {}})
    except TemporaryError as error:
        return [_unsure(name, "Actions", error)]
    except (ForbiddenError, MissingError):
        sentence = "Actions: the bot may not start workflows, so nothing is deployed by one."
        return [_bad(name, sentence, "Give the token or App Actions: write.")]
    except PermanentError:
        return []
    return []


def said(error: Exception) -> str:
    """Write an error as a sentence, without the advice to ask the doctor."""
    return str(error).removesuffix(". `release-bot doctor` says more") + "."


def _unsure(name: str, right: str, error: Exception) -> Finding:
    return _bad(name, f"{right}: not known. {said(error)}", "Run this again in a minute.")


def _good(subject: str, sentence: str) -> Finding:
    return Finding(good=True, subject=subject, sentence=sentence)


def _bad(subject: str, sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject=subject, sentence=sentence, remedy=remedy)
