"""What a GitHub Actions token says of its run, and whether evidence may come from there. Pure.

The signature, the issuer, the audience and the times were checked before (`integrations.evidence`).
"""

from urllib.parse import urlsplit

from bot.domain.sources import Sources, is_workflow, matches
from bot.domain.submitted import Sender
from bot.domain.value import Value

TAGS = "refs/tags/"


class Claims(Value):
    """A run, as its token tells it (GitHub docs: OpenID Connect reference)."""

    issuer: str
    repository: str
    repository_id: str
    ref: str
    sha: str
    job_workflow_ref: str
    run_id: str = ""
    run_attempt: str = ""

    @property
    def run(self) -> str | None:
        """Address of the run and its attempt."""
        if not self.run_id.isdigit():
            return None
        parts = urlsplit(self.issuer)
        own = parts.hostname == "token.actions.githubusercontent.com"
        host = "https://github.com" if own else f"{parts.scheme}://{parts.netloc}"
        attempt = self.run_attempt if self.run_attempt.isdigit() else "1"
        return f"{host}/{self.repository}/actions/runs/{self.run_id}/attempts/{attempt}"

    def sender(self) -> Sender:
        """Name who submits."""
        return Sender(
            by="oidc",
            repository=self.repository,
            workflow=self.job_workflow_ref,
            run=self.run,
        )


def _is_of(claims: Claims, repository: str, sources: Sources) -> bool:
    """Whether the run is in the service's own repository, by number and by name."""
    same = claims.repository.lower() == repository.lower()
    return same and claims.repository_id == sources.repository_id


def unfit(claims: Claims, repository: str, sources: Sources) -> str | None:
    """Say why evidence can't come from this run; None: it can. `repository`: the service's own."""
    if not sources.workflows:
        return "the catalogue names no workflow that may (evidence.workflows)"
    if not _is_of(claims, repository, sources):
        return (
            f"the token is of {claims.repository} (repository_id {claims.repository_id}), and the "
            f"catalogue has {repository} (repository_id {sources.repository_id})"
        )
    if not any(is_workflow(pattern, claims.job_workflow_ref) for pattern in sources.workflows):
        return f"the workflow {claims.job_workflow_ref} is not in evidence.workflows"
    if not any(matches(pattern, claims.ref) for pattern in sources.refs):
        return f"the ref {claims.ref} is not in evidence.refs"
    return None


def is_elsewhere(claims: Claims, commit: str, tag: str) -> str | None:
    """Say how the run was not at the version: at another commit, or for another tag.

    In a monorepo one commit may bear the tags of several services: a run for the one says nothing
    of the others.
    """
    if claims.sha != commit:
        return f"the tag {tag} is at {commit[:12]}, and the run was at {claims.sha[:12]}"
    if claims.ref.startswith(TAGS) and claims.ref != f"{TAGS}{tag}":
        return f"the run was for the tag {claims.ref.removeprefix(TAGS)}, and this is {tag}"
    return None
