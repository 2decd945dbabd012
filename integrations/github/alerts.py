"""What GitHub watches by itself: secret scanning, Dependabot, and the attestations of images.

A part of `GitHubHost`. Alerts are the repository's, whatever the commit. Nothing of a secret is
read but what kind of alert it is and where it is.
"""

import re
from collections import Counter
from urllib.parse import parse_qs, quote, urlsplit

from bot.domain.alerts import Alerts, is_below
from bot.domain.severities import Severity, of_secret, of_word
from bot.errors import ForbiddenError, MissingError
from integrations.github.pool import Json, Pool

MOST_ALERTS = 1000
"""Alerts that are read at the most."""

PAGE = 100

_NEXT = re.compile(r'<([^>]+)>\s*;[^,]*\brel="next"')


class Watched:
    """What `GitHubHost` knows of alerts and attestations."""

    _pool: Pool

    async def secret_alerts(self, repository: str, path: str | None) -> Alerts:
        """Read the open alerts of secret scanning. A secret that works is critical."""
        try:
            rows = await self._all(f"/repos/{repository}/secret-scanning/alerts")
        except MissingError:
            # GitHub's docs: 404 where secret scanning is disabled.
            return Alerts(status="not_enabled")
        found = [
            (_weighed(row), (row.get("first_location_detected") or {}).get("path")) for row in rows
        ]
        return _counted(found, rows, path, f"{repository}/security/secret-scanning")

    async def dependency_alerts(self, repository: str, path: str | None) -> Alerts:
        """Read Dependabot's open alerts, by the path of the manifest."""
        try:
            rows = await self._all(f"/repos/{repository}/dependabot/alerts")
        except ForbiddenError as error:
            if "disabled" not in str(error):
                raise
            return Alerts(status="not_enabled")
        found = [
            (
                of_word((row.get("security_vulnerability") or {}).get("severity") or ""),
                (row.get("dependency") or {}).get("manifest_path"),
            )
            for row in rows
        ]
        return _counted(found, rows, path, f"{repository}/security/dependabot")

    async def attested(self, repository: str, digest: str) -> bool:
        """Whether GitHub lists an attestation of that digest. Its signature is not verified."""
        try:
            found = await self._pool.get(
                f"/repos/{repository}/attestations/{quote(digest, safe=':')}", per_page=1
            )
        except MissingError:
            return False
        return bool(found.get("attestations"))

    async def _all(self, path: str) -> list[Json]:
        """Read open alerts by the cursor in the answers' `Link`: pages by number are refused."""
        rows: list[Json] = []
        cursor: dict[str, str] = {}
        while len(rows) < MOST_ALERTS:
            headers, part = await self._pool.headed(path, state="open", per_page=PAGE, **cursor)
            rows += part
            following = _NEXT.search(headers.get("link", ""))
            after = parse_qs(urlsplit(following[1]).query).get("after") if following else None
            if not after or cursor.get("after") == after[0]:
                break
            cursor = {"after": after[0]}
        return rows


def _place(row: Json) -> str | None:
    found: str | None = (row.get("first_location_detected") or {}).get("path")
    return found


def _weighed(row: Json) -> Severity:
    validity = row.get("validity")
    return of_secret(verified=validity == "active", could_not_tell=validity != "inactive")


def _counted(
    found: list[tuple[Severity, str | None]], rows: list[Json], path: str | None, page: str
) -> Alerts:
    here = [severity for severity, where in found if is_below(where, path)]
    address = rows[0].get("html_url") if rows else None
    # The address of one alert tells the host's own; the list is beside it.
    host = f"{urlsplit(address).scheme}://{urlsplit(address).netloc}" if address else None
    return Alerts(
        status="enabled",
        counts=dict(Counter(here)),
        elsewhere=len(found) - len(here),
        url=f"{host}/{page}" if host else None,
        whole=len(rows) < MOST_ALERTS,
    )
