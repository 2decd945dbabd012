"""The demo's evidence: runs of QuantiVista's workflows hand in what their tools found.

By HTTP and with tokens of a simulated issuer, as GitHub Actions would. Used by `demo`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

from bot.demo_reports import GONE, KNOWN, NEW, compliance, gitleaks, junit, k6, sarif, trivy, zap
from bot.domain.catalog import Catalog
from integrations.simulated.github import SimulatedGitHub
from integrations.simulated.issuer import SimulatedIssuer

REPOSITORY = "quantivista/platform"

WORKFLOWS = {
    "unit": "unit-tests.yml",
    "sast": "security-scanning.yml",
    "secrets": "security-scanning.yml",
    "dependencies": "security-scanning.yml",
    "container": "build-and-push.yml",
    "integration": "test-level.yml",
    "e2e": "test-level.yml",
    "performance": "performance.yml",
    "dast": "dast.yml",
    "compliance": "compliance.yml",
}
"""Which of examples/quantivista/workflows hands in which kind."""

ORDINARY = {
    "position-sizing": "v1.10.0",
    "risk-limits": "v1.0.0",
    "web-ui": "v2.0.0",
    "order-management": "v2.0.0",
    "reconciliation": "v1.10.0",
}
"""What is clean, with all that production asks for."""

UNPROVEN = ("reporting", "v1.10.0")
"""Lacks its compliance evidence until `the_last_one` is handed in."""

VULNERABLE = ("alerts", "v1.10.0")
"""Its image has a critical vulnerability."""


class DemoError(Exception):
    """The demo did not go as it should: a report of it was not taken, for one."""


@dataclass(frozen=True)
class HandedIn:
    """One report about one version. `writer`: what wrote it, where the file does not say."""

    service: str
    version: str
    kind: str
    text: str
    writer: str | None = None

    @property
    def workflow(self) -> str:
        """The file that hands it in."""
        return WORKFLOWS[self.kind]


def issued_by(issuer: SimulatedIssuer, catalog: Catalog) -> Catalog:
    """Let the simulated issuer be the one whose tokens are believed."""
    evidence = catalog.evidence.model_copy(update={"issuer": issuer.url})
    return catalog.model_copy(update={"evidence": evidence})


@dataclass(frozen=True)
class Pipeline:
    """GitHub Actions at the tags of the demo's versions."""

    bot: str
    """The bot's address."""
    catalog: Catalog
    issuer: SimulatedIssuer
    github: SimulatedGitHub

    async def hand_in(self, reports: Iterable[HandedIn]) -> None:
        """Hand reports in, one after another. Raises DemoError where the bot refuses one."""
        async with aiohttp.ClientSession() as session:
            for one in reports:
                async with session.post(
                    f"{self.bot}/evidence/{one.service}/{one.version}",
                    params={"kind": one.kind, **({"format": one.writer} if one.writer else {})},
                    data=one.text.encode(),
                    headers={"Authorization": f"Bearer {self._token(one)}"},
                ) as answer:
                    if answer.status not in (200, 201):
                        said = await answer.text()
                        raise DemoError(f"{one.kind} of {one.service} {one.version}: {said}")

    def _token(self, one: HandedIn) -> str:
        tag = self.catalog.services[one.service].tag.format(version=one.version)
        repository = self.github.repository(REPOSITORY)
        commit = repository.commit_of(tag)
        ref = f"refs/tags/{tag}"
        return self.issuer.token(
            repository=REPOSITORY,
            repository_id=str(repository.number),
            ref=ref,
            sha=commit.sha if commit else "",
            job_workflow_ref=f"{REPOSITORY}/.github/workflows/{one.workflow}@{ref}",
            run_id=str(3000 + 100 * len(one.service) + len(one.workflow)),
            run_attempt="1",
        )


def at_the_beginning() -> tuple[HandedIn, ...]:
    """All that was handed in before the demo begins."""
    clean = [one for version in ORDINARY.items() for one in _for_production(*version)]
    unproven = [one for one in _for_production(*UNPROVEN) if one.kind != "compliance"]
    image = trivy(VULNERABLE[0], "CRITICAL")
    vulnerable = [
        HandedIn(*VULNERABLE, "container", image) if one.kind == "container" else one
        for one in _for_production(*VULNERABLE)
    ]
    return (*_trading_decision(), *clean, *unproven, *vulnerable)


def the_last_one() -> HandedIn:
    """The report that the unproven version lacks."""
    return HandedIn(*UNPROVEN, "compliance", compliance())


def _trading_decision() -> list[HandedIn]:
    name, live, new = "trading-decision", "v2.0.5", "v2.1.0"
    texts = {
        "compliance": compliance(),
        "dast": zap(name),
        "performance": k6(284),
        "e2e": junit(name, 1250),
        "integration": junit(name, 318),
        "container": trivy(name, "MEDIUM", "MEDIUM"),
        "dependencies": trivy(name),
        "sast": sarif(name, *KNOWN, NEW),
        "unit": junit(name, 2140),
    }
    before = HandedIn(name, live, "sast", sarif(name, *KNOWN, GONE))
    secrets = HandedIn(name, new, "secrets", gitleaks(), writer="gitleaks")
    return [before, *(HandedIn(name, new, *one) for one in texts.items()), secrets]


def _for_production(service: str, version: str) -> list[HandedIn]:
    """Give clean reports of each kind that the catalogue's policy for production names."""
    texts = {
        "e2e": junit(service, 86),
        "sast": sarif(service),
        "container": trivy(service, "LOW"),
        "dast": zap(service),
        "compliance": compliance(),
    }
    return [HandedIn(service, version, *one) for one in texts.items()]
