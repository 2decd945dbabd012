"""Secret scanning, Dependabot and attestations of the simulated GitHub."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from integrations.simulated.github.answering import GitHubError
from integrations.simulated.github.world import Object, Repository

PAGE = 100


class Watching:
    """Alerts and attestations by repository. What was never switched on answers so."""

    def __init__(self, find: Callable[[web.Request], Repository], url: Callable[[], str]) -> None:
        self._find = find
        self._url = url
        self.secrets: dict[str, list[Object]] = {}
        self.dependencies: dict[str, list[Object]] = {}
        self._attested: dict[str, set[str]] = {}

    # The control surface.

    def enable(self, name: str) -> None:
        """Switch secret scanning and Dependabot on."""
        self.secrets.setdefault(name, [])
        self.dependencies.setdefault(name, [])

    def leak(self, name: str, path: str, validity: str = "unknown") -> None:
        """Open an alert of secret scanning. `validity`: active, inactive or unknown."""
        rows = self.secrets.setdefault(name, [])
        number = len(rows) + 1
        rows.append(
            {
                "number": number,
                "state": "open",
                "secret_type": "example_key",
                "secret": "example-secret",
                "validity": validity,
                "first_location_detected": {"path": path, "start_line": 1},
                "html_url": f"https://github.example/{name}/security/secret-scanning/{number}",
            }
        )

    def advise(self, name: str, manifest: str, severity: str = "high") -> None:
        """Open one of Dependabot's alerts."""
        rows = self.dependencies.setdefault(name, [])
        number = len(rows) + 1
        package = {"ecosystem": "pip", "name": f"package-{number}"}
        rows.append(
            {
                "number": number,
                "state": "open",
                "dependency": {"package": package, "manifest_path": manifest},
                "security_vulnerability": {"package": package, "severity": severity},
                "html_url": f"https://github.example/{name}/security/dependabot/{number}",
            }
        )

    def attest(self, name: str, digest: str) -> None:
        """Make an attestation of an image."""
        self._attested.setdefault(name, set()).add(digest)

    # The API.

    def routes(self) -> list[tuple[str, str, Any]]:
        """Paths of the real API."""
        repo = "/repos/{owner}/{repo}"
        return [
            ("GET", repo + "/secret-scanning/alerts", self._secrets),
            ("GET", repo + "/dependabot/alerts", self._dependencies),
            ("GET", repo + "/attestations/{digest}", self._attestations),
        ]

    async def _secrets(self, request: web.Request) -> web.Response:
        name = self._find(request).name
        if name not in self.secrets:
            raise GitHubError(404, "Secret scanning is disabled on this repository.")
        return self._page(request, self.secrets[name])

    async def _dependencies(self, request: web.Request) -> web.Response:
        name = self._find(request).name
        if "page" in request.query:
            raise GitHubError(400, "Pagination using the `page` parameter is not supported.")
        if name not in self.dependencies:
            raise GitHubError(403, "Dependabot alerts are disabled for this repository.")
        return self._page(request, self.dependencies[name])

    def _page(self, request: web.Request, rows: list[Object]) -> web.Response:
        state = request.query.get("state")
        found = [row for row in rows if state in (None, row["state"])]
        size = int(request.query.get("per_page", "30"))
        begin = int(request.query.get("after", "0"))
        headers = {}
        if begin + size < len(found):
            path = f"{self._url()}{request.path}?per_page={size}&state={state}&after={begin + size}"
            headers["Link"] = f'<{path}>; rel="next"'
        return web.json_response(found[begin : begin + size], headers=headers)

    async def _attestations(self, request: web.Request) -> Object:
        digest = request.match_info["digest"]
        if digest not in self._attested.get(self._find(request).name, set()):
            raise GitHubError(404, "Not Found")
        return {"attestations": [{"repository_id": 1, "bundle_url": f"{self._url()}/bundle"}]}
