"""Evidence comes in over HTTP, by a run's token or a service's, once; and what it sets going."""

import asyncio
import json
from datetime import timedelta

import pytest

from bot.domain.evidence import Kind
from bot.domain.reasons import Reason
from bot.domain.severities import Severity
from bot.engine import catalogs
from bot.store import events
from tests.scenarios.submitting import (
    NUMBER,
    TOKEN,
    WORKFLOW,
    Sender,
    compliance,
    finding,
    k6,
    sarif,
    trivy,
    with_sources,
)
from tests.tester import BEN, CATALOG, REPO, parsed

CLEAN = sarif()


async def test_a_run_at_the_tag_submits(sender: Sender) -> None:
    report = sarif(finding("a"), finding("b", "note"))
    answer = await sender.submits(report, digest=f"sha256:{'0' * 64}", part="1 of 2")
    assert answer.status == 201
    assert answer.body["counts"] == {"high": 1, "low": 1}
    (held,) = await sender.held()
    assert answer.body["id"] == held.id
    assert (held.version, held.commit, held.kind) == ("v2.1.0", sender.commit, Kind.SAST)
    assert (held.tool, held.tool_version, held.clean) == ("CodeQL", "2.1", False)
    assert (held.image_digest, held.part) == (f"sha256:{'0' * 64}", "1 of 2")
    assert (held.sender.repository, held.sender.by) == (REPO, "oidc")
    assert held.sender.workflow == f"{WORKFLOW}@refs/tags/v2.1.0"
    assert held.sender.run == f"{sender.issuer.url}/{REPO}/actions/runs/1/attempts/1"
    assert await sender.rows() == (1, 1, 2)
    ((tag, data),) = await sender.record()
    assert tag == "sender:evidence:taken"
    assert (data["commit"], data["kind"], data["clean"]) == (sender.commit, "sast", False)


@pytest.mark.parametrize("version", ["2.1.0", "v2.1.0"])
async def test_a_version_may_be_spelled_either_way(sender: Sender, version: str) -> None:
    answer = await sender.submits(CLEAN, version=version)
    assert (answer.status, answer.body["version"]) == (201, "v2.1.0")


async def test_a_build_of_the_branch_at_the_same_commit_will_do(sender: Sender) -> None:
    ref = "refs/heads/main"
    token = sender.token(ref=ref, job_workflow_ref=f"{WORKFLOW}@{ref}")
    assert (await sender.submits(CLEAN, token=token)).status == 201


async def test_the_service_s_own_token(sender: Sender) -> None:
    answer = await sender.submits(CLEAN, token=TOKEN, url="https://ci.example.com/run/7")
    assert answer.status == 201
    (held,) = await sender.held()
    assert (held.sender.by, held.sender.run) == ("token", "https://ci.example.com/run/7")


async def test_the_same_report_again_is_the_one_that_is_there(sender: Sender) -> None:
    first = await sender.submits(CLEAN)
    again = await sender.submits(CLEAN)
    assert (first.status, again.status) == (201, 200)
    assert first.body["id"] == again.body["id"]
    assert again.body["repeated"] is True
    assert len(await sender.record()) == 1


async def test_the_same_report_twice_at_once(sender: Sender) -> None:
    answers = await asyncio.gather(*(sender.submits(CLEAN) for _ in range(4)))
    assert sorted(one.status for one in answers) == [200, 200, 200, 201]
    assert len({one.body["id"] for one in answers}) == 1
    assert await sender.rows() == (1, 1, 0)
    assert len(await sender.record()) == 1


async def test_one_report_may_prove_two_kinds(sender: Sender) -> None:
    both = sarif(finding("a"), tool="Semgrep OSS")
    assert (await sender.submits(both, "sast")).status == 201
    assert (await sender.submits(both, "secrets")).status == 201
    assert {one.kind for one in await sender.held()} == {Kind.SAST, Kind.SECRETS}


async def test_packed_reports_are_unpacked(sender: Sender) -> None:
    assert (await sender.packed(sarif(finding("a")))).status == 201
    (held,) = await sender.held()
    assert held.counts == {Severity.HIGH: 1}


async def test_a_large_report_is_read_in_a_process_of_its_own(sender: Sender) -> None:
    many = sarif(*(finding(f"rule-{number}") for number in range(1200)))
    answer = await sender.submits(many)
    assert (answer.status, answer.body["counts"]) == (201, {"high": 1200})
    assert await sender.rows() == (1, 1, 1200)


async def test_a_later_run_takes_the_place_of_an_earlier_one(sender: Sender) -> None:
    await sender.submits(sarif(finding("a")), token=sender.token(run=1))
    await sender.submits(CLEAN, token=sender.token(run=2))
    (held,) = await sender.held()
    assert held.clean


async def test_a_killed_bot_has_stored_all_or_nothing(sender: Sender) -> None:
    """The connection is cut and the process dropped while the report is being stored."""
    many = sarif(*(finding(f"rule-{number}") for number in range(3000)))
    submitting = asyncio.create_task(sender.submits(many))
    while not sender.bot.app.evidence.held:  # noqa: ASYNC110 - no bell
        await asyncio.sleep(0.01)
    submitting.cancel()
    await asyncio.gather(submitting, return_exceptions=True)
    await sender.bot.crashes_and_restarts()
    assert await sender.rows() in ((0, 0, 0), (1, 1, 3000))
    answer = await sender.submits(many)
    assert answer.status in (200, 201)
    assert await sender.rows() == (1, 1, 3000)


async def test_a_scan_is_complete_once(sender: Sender) -> None:
    """The platform's own example: one high, three medium, five low, two in the image: 0.95."""
    levels = ["error"] + ["warning"] * 3 + ["note"] * 5
    found = sarif(*(finding(f"r{n}", level) for n, level in enumerate(levels)))
    await sender.submits(found, "sast")
    await sender.submits(trivy("MEDIUM", "MEDIUM"), "container")
    assert await told(sender) == []
    await sender.submits(compliance(), "compliance")
    await sender.submits(trivy("LOW"), "container", token=sender.token(run=2))
    (data,) = await told(sender)
    assert data["scan"]["overallScore"] == 0.95
    assert data["scan"]["serviceName"] == "payments"
    assert data["scan"]["version"] == "v2.1.0"
    assert data["results"] == {
        "sastResults": {"criticalIssues": 0, "highIssues": 1, "mediumIssues": 3, "lowIssues": 5},
        "containerResults": {"vulnerabilities": 2, "highestSeverity": "MEDIUM"},
        "complianceResults": {"sox": "COMPLIANT", "pci_dss": "COMPLIANT", "gdpr": "COMPLIANT"},
    }


async def test_two_that_complete_a_scan_at_once_tell_of_it_once(sender: Sender) -> None:
    await sender.submits(CLEAN, "sast")
    await asyncio.gather(
        sender.submits(trivy(), "container"), sender.submits(compliance(), "compliance")
    )
    assert len(await told(sender)) == 1


async def told(sender: Sender) -> list[dict[str, dict[str, object]]]:
    async with sender.bot.app.store.read() as session:
        rows = await events.listed(session, "all", 100)
    found = [row.event for row in rows if row.event.type == "SecurityScanCompletedEvent"]
    return [json.loads(json.dumps(dict(event.data))) for event in found]


async def test_scores_are_in_the_event_of_a_release(sender: Sender) -> None:
    await sender.submits(sarif(finding("a")), "sast")
    await sender.submits(trivy("MEDIUM"), "container")
    await sender.submits(k6(500), "performance")
    bot = sender.bot
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by="U0BEN")
    await bot.until("succeeded")
    async with bot.app.store.read() as session:
        rows = await events.listed(session, "all", 100)
    (event,) = [r.event for r in rows if r.event.type == "DeploymentCompletedEvent"]
    results = event.data["results"]
    # One high and one medium finding; a budget of 250 ms, of which 500 were measured.
    assert (results["securityScore"], results["performanceScore"]) == (0.97, 0.5)


async def test_evidence_wakes_what_waits_for_it(sender: Sender) -> None:
    """A blocked release of that commit asks its gates again as soon as something comes in."""
    bot = sender.bot
    sender.world.github.repository(REPO).scanning = False
    await bot.says("/release payments v2.1.0 prod")
    blocked = await bot.until("blocked")
    sender.world.github.repository(REPO).scanning = True
    answer = await sender.submits(CLEAN)
    assert answer.status == 201
    await bot.works()
    assert (await bot.release(blocked.id)).state == "awaiting_approval"
    assert bot.world.clock.now() - blocked.created_at < timedelta(seconds=5)


async def test_what_is_empty_found_nothing_and_tested_nothing(sender: Sender) -> None:
    """Clean scans let a release through; no test at all is none that passed."""
    bot = sender.bot
    wanted = "required: [sast, secrets, unit, performance]"
    text = bot.catalog.replace("high: 0}}}", f"high: 0}}, evidence: {{{wanted}}}}}}}", 1)
    bot.app.catalog = parsed(text).catalog
    await catalogs.take_over(bot.app.world, bot.app.catalog)
    sent = (("sast", "sarif"), ("secrets", "gitleaks"), ("secrets", "trufflehog"),
            ("unit", "junit"), ("performance", "k6"))  # fmt: skip
    for kind, format_ in sent:
        assert (await sender.submits(b"", kind)).status == 422
        assert (await sender.submits(b"", kind, format=format_)).status == 201
    assert {(one.tool, one.clean) for one in await sender.held()} == {
        *{("SARIF", True), ("Gitleaks", True), ("TruffleHog", True)},
        *{("JUnit", False), ("k6", False)},
    }
    await bot.says("/scan payments v2.1.0", by=BEN)
    assert "No test was run." in bot.told(BEN)
    await bot.says("/release payments v2.1.0 prod")
    blocked = await bot.until("blocked")
    assert blocked.reason is Reason.EVIDENCE_FAILED
    [gate] = [one for one in blocked.gates if one.gate == "evidence"]
    assert "unit (JUnit): no test was run." in gate.sentence
    assert "performance (k6) did not get through, by its own word." in gate.sentence
    assert "sast" not in gate.sentence
    assert "secrets" not in gate.sentence


async def test_a_service_that_names_no_source_takes_nothing(sender: Sender) -> None:
    answer = await sender.submits(CLEAN, service="orders")
    assert answer.refusal == (403, "evidence_sender_refused")
    assert "orders" in answer.body["error"]
    assert await sender.rows() == (0, 0, 0)


async def test_a_number_in_the_catalogue_may_be_one(sender: Sender) -> None:
    assert f"repository_id: {NUMBER}" in with_sources(sender.issuer)
    assert CATALOG in with_sources(sender.issuer)
    sources = sender.bot.app.catalog.services["payments"].evidence
    assert sources.repository_id == NUMBER
