"""The catalogue's part on evidence: who may submit it, what it weighs, what is pulled besides.

A part of `catalog.Catalog` and of each `catalog.Service`. Pure; `docs/evidence.md` has an example.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from bot.domain.severities import Severity
from bot.domain.sinks import Address, Variable
from bot.domain.value import Value

Pulled = Literal["secrets", "dependencies"]
"""What GitHub watches of a whole repository: secret scanning and Dependabot."""

SHORTEST_TOKEN = 20
"""Characters of a service's token; a shorter one could be guessed, and opens nothing."""

_WORKFLOW = re.compile(
    r"[^/\s@*]+/[^/\s@*]+/\.github/workflows/[^/\s@*]+\.ya?ml@(?:refs/\S+|[0-9a-f]{40})"
)


def _workflow(text: str) -> str:
    if not _WORKFLOW.fullmatch(text):
        raise ValueError(
            f"{text!r} is no workflow such as owner/repo/.github/workflows/ci.yml@refs/tags/*"
        )
    return text


def _ref(text: str) -> str:
    if not re.fullmatch(r"refs/\S+", text):
        raise ValueError(f"{text!r} is no ref such as refs/tags/**")
    return text


def _digits(value: object) -> object:
    """YAML reads an id as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Sources(Value):
    """Where evidence for one service is taken from. What is not named here is refused.

    In patterns `*` stands for anything but a slash, `**` for anything.
    """

    model_config = ConfigDict(extra="forbid")

    repository_id: Annotated[
        Annotated[str, Field(pattern=r"^[1-9]\d{0,18}$")] | None, BeforeValidator(_digits)
    ] = None
    """GitHub's number of the service's repository: a name can change hands, this can't."""
    workflows: tuple[Annotated[str, AfterValidator(_workflow)], ...] = ()
    """What the token's `job_workflow_ref` may be."""
    refs: Annotated[tuple[Annotated[str, AfterValidator(_ref)], ...], Field(min_length=1)] = (
        "refs/heads/**",
        "refs/tags/**",
    )
    """What the token's `ref` may be. A pull request's is `refs/pull/…`."""
    tokens: tuple[Variable, ...] = ()
    """Environment variables that hold tokens for this service; several, so that one can be
    changed while the other is still in use."""
    budgets: Mapping[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}
    """How large a measure may be, by its name: `http_req_duration.p(95): 250`."""
    alerts: tuple[Pulled, ...] = ()
    """What is pulled from GitHub for each plan, besides what is submitted."""

    @model_validator(mode="after")
    def _named_by_number(self) -> "Sources":
        if self.workflows and self.repository_id is None:
            raise ValueError(
                "workflows need repository_id, GitHub's number of the repository: "
                "gh api repos/OWNER/REPO --jq .id"
            )
        return self


class Evidence(Value):
    """What holds for evidence of every service."""

    model_config = ConfigDict(extra="forbid")

    issuer: Address = "https://token.actions.githubusercontent.com"
    audience: str = Field(default="release-bot", min_length=1, max_length=200)
    weights: Mapping[Severity, Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]] = {}
    """What one finding takes off the security score; severities that are not named keep theirs."""


def matches(pattern: str, text: str) -> bool:
    """Whether a text is as the pattern says, all of it."""
    parts = (
        r"\S*" if part == "**" else r"[^/\s]*" if part == "*" else re.escape(part)
        for part in re.split(r"(\*\*|\*)", pattern)
    )
    return re.fullmatch("".join(parts), text) is not None


def is_workflow(pattern: str, ref: str) -> bool:
    """Whether a `job_workflow_ref` is the one of the pattern. GitHub minds no case of names."""
    wanted, _, wanted_ref = pattern.partition("@")
    found, _, found_ref = ref.partition("@")
    return _folded(wanted) == _folded(found) and matches(wanted_ref, found_ref)


def _folded(workflow: str) -> str:
    owner, _, rest = workflow.partition("/")
    name, _, path = rest.partition("/")
    return f"{owner.lower()}/{name.lower()}/{path}"
