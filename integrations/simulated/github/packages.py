"""The dependency graph of the simulated GitHub: what changes between two commits."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from integrations.simulated.github.answering import GitHubError
from integrations.simulated.github.world import Object, Repository


class Packages:
    """Keeps what each repository's comparison shows. One that nobody seeded has no graph."""

    def __init__(self, find: Callable[[web.Request], Repository]) -> None:
        self._find = find
        self._rows: dict[str, list[Object]] = {}

    def routes(self) -> list[tuple[str, str, Any]]:
        """Paths of the real API."""
        path = "/repos/{owner}/{repo}/dependency-graph/compare/{range:.+}"
        return [("GET", path, self._compare)]

    def seed(self, name: str, *rows: tuple[str, str, str, tuple[str, ...]]) -> None:
        """Say what changes: `added` or `removed`, package, version, advisories."""
        self._rows[name] = [
            {
                "change_type": change,
                "manifest": "requirements.txt",
                "ecosystem": "pip",
                "name": package,
                "version": version,
                "package_url": f"pkg:pypi/{package}@{version}",
                "license": None,
                "source_repository_url": None,
                "scope": "runtime",
                "vulnerabilities": [
                    {
                        "severity": "high",
                        "advisory_ghsa_id": one,
                        "advisory_summary": "It is vulnerable",
                        "advisory_url": f"https://github.example/advisories/{one}",
                    }
                    for one in advisories
                ],
            }
            for change, package, version, advisories in rows
        ]

    async def _compare(self, request: web.Request) -> list[Object]:
        name = self._find(request).name
        if name not in self._rows:
            raise GitHubError(403, "Dependency review is not supported on this repository.")
        return self._rows[name]
