"""The demo's evidence: runs of QuantiVista's workflows hand in what their scanners found.

By HTTP and with tokens of a simulated issuer, as GitHub Actions would. Used by `demo`.
"""

import json
from typing import Any

import aiohttp

from bot.app import host_time
from bot.domain.catalog import Catalog
from integrations.simulated.github import SimulatedGitHub
from integrations.simulated.issuer import SimulatedIssuer

SERVICE, BEFORE, NOW = "trading-decision", "v2.0.5", "v2.1.0"
REPOSITORY, NUMBER = "quantivista/platform", 4711
WORKFLOWS = f"{REPOSITORY}/.github/workflows"

SOURCE, IMAGE = "security-scanning.yml", "build-and-push.yml"

OLD = ("py/clear-text-logging", "py/weak-hash")
NEW = ("py/weak-hash", "py/path-injection")
"""What CodeQL finds in the version that is live, and in the next one."""


class DemoError(Exception):
    """A report of the demo was not taken."""


def issued_by(issuer: SimulatedIssuer, catalog: Catalog) -> Catalog:
    """Let the simulated issuer be the one whose tokens are believed."""
    evidence = catalog.evidence.model_copy(update={"issuer": issuer.url})
    return catalog.model_copy(update={"evidence": evidence})


async def hand_in(bot: str, issuer: SimulatedIssuer, github: SimulatedGitHub) -> None:
    """Hand in what is known of two versions. Raises DemoError where the bot refuses one."""
    github.repository(REPOSITORY).number = NUMBER
    github.watching.enable(REPOSITORY)
    reports = (
        (BEFORE, "sast", SOURCE, _sarif(*OLD)),
        (NOW, "sast", SOURCE, _sarif(*NEW)),
        (NOW, "container", IMAGE, _trivy("MEDIUM", "MEDIUM")),
        (NOW, "compliance", "compliance.yml", _compliance()),
        (NOW, "performance", "performance.yml", _k6(210.0)),
    )
    async with aiohttp.ClientSession() as session:
        for version, kind, workflow, report in reports:
            token = _token(issuer, github, version, workflow)
            async with session.post(
                f"{bot}/evidence/{SERVICE}/{version}",
                params={"kind": kind},
                data=json.dumps(report),
                headers={"Authorization": f"Bearer {token}"},
            ) as answer:
                if answer.status not in (200, 201):
                    raise DemoError(f"{kind} of {version}: {await answer.text()}")


def _token(issuer: SimulatedIssuer, github: SimulatedGitHub, version: str, workflow: str) -> str:
    commit = github.repository(REPOSITORY).commit_of(version)
    ref = f"refs/tags/{version}"
    return issuer.token(
        repository=REPOSITORY,
        repository_id=str(NUMBER),
        ref=ref,
        sha=commit.sha if commit else "",
        job_workflow_ref=f"{WORKFLOWS}/{workflow}@{ref}",
        run_id=str(4700 + len(workflow)),
        run_attempt="1",
    )


def _sarif(*rules: str) -> dict[str, Any]:
    results = [
        {
            "ruleId": rule,
            "level": "warning",
            "message": {"text": f"Found by {rule}"},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": f"services/{SERVICE}/app.py"}}}
            ],
        }
        for rule in rules
    ]
    driver = {"name": "CodeQL", "semanticVersion": "2.24.1"}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _trivy(*severities: str) -> dict[str, Any]:
    found = [
        {"VulnerabilityID": f"CVE-2026-{1000 + n}", "PkgName": "zlib", "Severity": severity}
        for n, severity in enumerate(severities)
    ]
    target = {"Target": SERVICE, "Vulnerabilities": found}
    return {"SchemaVersion": 2, "ArtifactName": SERVICE, "Results": [target]}


def _compliance() -> dict[str, Any]:
    controls = [
        {"framework": name, "id": "CM-1", "status": "COMPLIANT"}
        for name in ("sox", "pci_dss", "gdpr")
    ]
    return {
        "schema": "release-bot/compliance/v1",
        "assessed_at": host_time().replace(microsecond=0).isoformat(),
        "assessed_by": "internal audit",
        "controls": controls,
    }


def _k6(p95: float) -> dict[str, Any]:
    trend = {"type": "trend", "contains": "time", "values": {"p(95)": p95}}
    return {"metrics": {"http_req_duration": trend}, "root_group": {}}
