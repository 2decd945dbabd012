"""Words of the tests about evidence: a run that submits, what the bot answers, what it holds."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from sqlmodel import func, select

from bot.domain.submitted import Submitted
from bot.store import audit, evidence
from bot.store.evidence_tables import EVIDENCE, EVIDENCE_RAW, FINDINGS
from integrations.simulated.issuer import SimulatedIssuer
from tests.tester import CATALOG, REPO, Bot, World

WORKFLOW = f"{REPO}/.github/workflows/ci.yml"
NUMBER = "4711"
TOKEN = "a-token-of-payments-0123456789"
SOURCES = f"""    evidence:
      repository_id: {NUMBER}
      workflows: ["{WORKFLOW}@refs/tags/*", "{WORKFLOW}@refs/heads/main"]
      tokens: [PAYMENTS_EVIDENCE_TOKEN]
      budgets: {{"http_req_duration.p(95)": 250}}
"""


def with_sources(issuer: SimulatedIssuer, more: str = "") -> str:
    """The tests' catalogue, where payments takes evidence from its workflow."""
    return f"{CATALOG}{SOURCES}evidence: {{issuer: '{issuer.url}'}}\n{more}"


def finding(rule: str, level: str = "error") -> dict[str, Any]:
    place = {"physicalLocation": {"artifactLocation": {"uri": f"src/{rule}.py"}}}
    return {"ruleId": rule, "level": level, "message": {"text": rule}, "locations": [place]}


def sarif(*findings: dict[str, Any], tool: str = "CodeQL") -> bytes:
    ran = {"tool": {"driver": {"name": tool, "version": "2.1"}}, "results": list(findings)}
    return json.dumps({"version": "2.1.0", "runs": [ran]}).encode()


def trivy(*severities: str) -> bytes:
    found = [
        {"VulnerabilityID": f"CVE-2026-{n}", "PkgName": "zlib", "Severity": severity}
        for n, severity in enumerate(severities)
    ]
    whole = {
        "SchemaVersion": 2,
        "ArtifactName": "payments",
        "Results": [{"Target": "os", "Vulnerabilities": found}],
    }
    return json.dumps(whole).encode()


def compliance(status: str = "COMPLIANT") -> bytes:
    controls = [
        {"framework": name, "id": "C-1", "status": status} for name in ("sox", "pci_dss", "gdpr")
    ]
    whole = {"schema": "release-bot/compliance/v1", "assessed_at": "2026-03-01T09:00:00Z"}
    return json.dumps({**whole, "assessed_by": "audit", "controls": controls}).encode()


def k6(p95: float) -> bytes:
    trend = {"type": "trend", "contains": "time", "values": {"p(95)": p95}}
    return json.dumps({"metrics": {"http_req_duration": trend}, "root_group": {}}).encode()


@dataclass(frozen=True)
class Answer:
    """What the bot answered."""

    status: int
    body: dict[str, Any]

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.body["reason"]


@dataclass
class Sender:
    """A workflow's run at payments 2.1.0, and the HTTP client that it has."""

    world: World
    issuer: SimulatedIssuer
    http: aiohttp.ClientSession
    bot: Bot = field(init=False)

    @property
    def commit(self) -> str:
        return self.commit_of("v2.1.0")

    def commit_of(self, tag: str) -> str:
        found = self.world.github.repository(REPO).commit_of(tag)
        assert found is not None
        return found.sha

    def claims(self, tag: str = "v2.1.0", run: int = 1, attempt: int = 1) -> dict[str, Any]:
        return {
            "repository": REPO,
            "repository_id": NUMBER,
            "ref": f"refs/tags/{tag}",
            "sha": self.commit_of(tag),
            "job_workflow_ref": f"{WORKFLOW}@refs/tags/{tag}",
            "run_id": str(run),
            "run_attempt": str(attempt),
        }

    def token(self, tag: str = "v2.1.0", run: int = 1, **more: Any) -> str:
        return self.issuer.token(**{**self.claims(tag, run), **more})

    async def submits(
        self,
        report: bytes,
        kind: str | None = "sast",
        *,
        version: str = "2.1.0",
        service: str = "payments",
        token: str | None = None,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> Answer:
        """Post a report; by default with the token of a good run."""
        given = {"Authorization": f"Bearer {token or self.token()}", **(headers or {})}
        asked = {**({"kind": kind} if kind else {}), **query}
        url = f"{self.bot.app.url}/evidence/{service}/{version}"
        async with self.http.post(
            url,
            params=asked,
            data=report,
            headers={name: value for name, value in given.items() if value},
            skip_auto_headers=("Content-Type",),
        ) as answer:
            return Answer(answer.status, await answer.json())

    async def packed(self, report: bytes) -> Answer:
        headers = {"Content-Encoding": "gzip"}
        return await self.submits(gzip.compress(report), headers=headers)

    async def held(self, tag: str = "v2.1.0") -> tuple[Submitted, ...]:
        """What stands of payments at that tag."""
        async with self.bot.app.store.read() as session:
            return await evidence.of_commit(session, "payments", self.commit_of(tag))

    async def rows(self) -> tuple[int, int, int]:
        """Reports, reports as they came, findings: what is stored at all."""
        async with self.bot.app.store.read() as session:
            found = [
                (await session.exec(select(func.count()).select_from(table))).one()
                for table in (EVIDENCE, EVIDENCE_RAW, FINDINGS)
            ]
        return found[0], found[1], found[2]

    async def record(self) -> list[tuple[str, dict[str, Any]]]:
        """What the record says of payments 2.1.0's evidence."""
        async with self.bot.app.store.read() as session:
            found = await audit.of_subject(session, "payments@v2.1.0")
        return [(entry.tag, dict(entry.data)) for entry in found]


async def sending(world: World) -> AsyncIterator[Sender]:
    """An issuer and a client, on a world."""
    # Tokens are good for real minutes, whatever the virtual clock says.
    issuer = SimulatedIssuer(world.clock.real, world.clock.sleep)
    await issuer.start()
    async with aiohttp.ClientSession() as http:
        yield Sender(world, issuer, http)
    await issuer.stop()
