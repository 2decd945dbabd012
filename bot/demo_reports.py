"""The demo's reports, as QuantiVista's scanners and tests write them. Used by `demo_evidence`.

Each function gives the text of one file. What is in them is chosen, not computed: one high, three
medium and five low findings, and two in the image, are the platform's own example of 0.95.
"""

import json
from typing import Any

from bot.app import host_time

Found = tuple[str, str]
"""A rule, and the level at which SARIF has it: error, warning or note."""

KNOWN: tuple[Found, ...] = (
    ("py/weak-hash", "error"),
    ("py/bad-tag-filter", "warning"),
    ("py/overly-permissive-file", "warning"),
    ("py/unused-import", "note"),
    ("py/empty-except", "note"),
    ("py/redundant-else", "note"),
    ("py/commented-out-code", "note"),
    ("py/unreachable-statement", "note"),
)
"""What CodeQL finds in the version of trading-decision that is live, and in the next one."""

GONE: Found = ("py/clear-text-logging", "warning")
NEW: Found = ("py/path-injection", "warning")
"""One that the next version mends, and one that it brings."""


def sarif(service: str, *found: Found) -> str:
    """What CodeQL writes."""
    results = [
        {
            "ruleId": rule,
            "level": level,
            "message": {"text": f"Found by {rule}"},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": f"services/{service}/app.py"}}}
            ],
        }
        for rule, level in found
    ]
    driver = {"name": "CodeQL", "semanticVersion": "2.24.1"}
    run = {"tool": {"driver": driver}, "results": results}
    return json.dumps({"version": "2.1.0", "runs": [run]})


def trivy(service: str, *severities: str) -> str:
    """What Trivy writes of an image or of lock files, with one vulnerability of each severity."""
    found = [
        {
            "VulnerabilityID": f"CVE-2026-{1000 + n}",
            "PkgName": "zlib",
            "InstalledVersion": "1.3.1",
            "Severity": severity,
        }
        for n, severity in enumerate(severities)
    ]
    target = {"Target": service, "Vulnerabilities": found}
    return json.dumps({"SchemaVersion": 2, "ArtifactName": service, "Results": [target]})


def zap(service: str) -> str:
    """What ZAP writes of a service in staging: one thing of low risk."""
    alert = {
        "pluginid": "10021",
        "alert": "X-Content-Type-Options Header Missing",
        "riskcode": "1",
        "confidence": "2",
        "instances": [{"uri": f"http://{service}.staging/health"}],
    }
    site = {"@name": f"http://{service}.staging", "alerts": [alert]}
    # As ZAP writes it: local time, without a zone.
    made = f"{host_time():%a, %-d %b %Y %H:%M:%S}"
    return json.dumps({"@version": "2.17.0", "@generated": made, "site": [site]})


def junit(service: str, passed: int) -> str:
    """What a level of tests leaves: so many cases, each of which passed."""
    cases = "".join(f'<testcase name="t{n}"/>' for n in range(passed))
    return f'<testsuite name="{service}">{cases}</testsuite>'


def k6(p95: float) -> str:
    """What k6 exports: 95 of 100 requests took no more milliseconds than that."""
    latency = {"avg": p95 / 2, "p(95)": p95}
    return json.dumps({"metrics": {"http_req_duration": latency}, "root_group": {}})


def gitleaks() -> str:
    """What Gitleaks leaves where it finds no secret."""
    return "[]"


def compliance() -> str:
    """What the controls' owners say: all is as it must be."""
    controls: list[dict[str, Any]] = [
        {"framework": "sox", "id": "ITGC-CM-01", "status": "COMPLIANT"},
        {"framework": "pci_dss", "id": "6.5.1", "status": "COMPLIANT"},
        {"framework": "gdpr", "id": "Art. 32", "status": "COMPLIANT"},
    ]
    return json.dumps(
        {
            "schema": "release-bot/compliance/v1",
            "assessed_at": host_time().replace(microsecond=0).isoformat(),
            "assessed_by": "internal audit",
            "controls": controls,
        }
    )
