"""GitHub's own gate, as the bot needs it: a part of `ports.SourceHost` (docs/protection.md)."""

from typing import Literal, Protocol

from bot.domain.protection import WaitingRun


class Gate(Protocol):
    """Jobs that wait for the bot's word."""

    async def default_branch(self, repository: str) -> str:
        """Name the repository's default branch, as it is now."""

    async def waiting_run(self, repository: str, run_id: int) -> WaitingRun:
        """Read a run and who started it. Raises MissingError where it is gone."""

    async def tags_at(self, repository: str, ref: str, commit: str) -> tuple[str, ...]:
        """List the tags that lead to a commit. `ref`: what it was started on, asked for first."""

    async def answer_gate(
        self,
        repository: str,
        run_id: int,
        environment: str,
        comment: str,
        state: Literal["approved", "rejected"] | None = None,
    ) -> None:
        """Answer for an environment of a run; without `state` only say how it stands.

        The same answer twice is one. Raises PermanentError where GitHub waits for none any more.
        """
