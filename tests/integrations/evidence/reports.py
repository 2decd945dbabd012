"""Small reports, made by hand: one of each format, as its tool would write it."""

import json
from typing import Any

from bot.domain.evidence import Format

SECRET = "hunter2-and-more-of-it"
"""Stands wherever a tool writes the secret that it found. No report that was read may hold it."""


def sarif(*results: dict[str, Any], tool: str = "CodeQL", **run: Any) -> dict[str, Any]:
    rules = [
        {"id": "scored", "properties": {"security-severity": "9.8"}},
        {"id": "worded", "properties": {"security-severity": "MEDIUM"}},
        {"id": "noted", "name": "Noted", "defaultConfiguration": {"level": "note"}},
        {"id": "bare", "shortDescription": {"text": "Bare rule"}},
    ]
    driver = {"name": tool, "semanticVersion": "2.1.3", "rules": rules}
    ran = {"tool": {"driver": driver}, "results": list(results)} | run
    return {"version": "2.1.0", "runs": [ran]}


def result(rule: str = "bare", /, **more: Any) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 7}}
    made = {"ruleId": rule, "message": {"text": f"About {rule}"}}
    return made | {"locations": [{"physicalLocation": place}]} | more


TRIVY: dict[str, Any] = {
    "SchemaVersion": 2,
    "Trivy": {"Version": "0.69.1"},
    "CreatedAt": "2026-02-24T07:07:53.487381123Z",
    "ArtifactName": "payments:2.1.0",
    "Results": [
        {"Target": "nothing here", "Class": "os-pkgs"},
        {
            "Target": "payments (alpine 3.20)",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-1",
                    "PkgName": "libssl3",
                    "InstalledVersion": "3.3.1",
                    "Severity": "CRITICAL",
                    "Title": "openssl: a hole",
                },
                {"VulnerabilityID": "CVE-2026-2", "PkgName": "zlib", "Severity": "UNKNOWN"},
            ],
        },
        {
            "Target": "Dockerfile",
            "Misconfigurations": [
                {"ID": "DS002", "Title": "root", "Severity": "HIGH", "Status": "FAIL"},
                {"ID": "DS001", "Title": "latest", "Severity": "HIGH", "Status": "PASS"},
            ],
        },
        {
            "Target": "app.env",
            "Vulnerabilities": None,
            "Secrets": [
                {"RuleID": "stripe", "Severity": "CRITICAL", "StartLine": 3, "Match": SECRET}
            ],
        },
        {"Target": "js", "Licenses": [{"Name": "AGPL-3.0", "PkgName": "x", "Severity": "LOW"}]},
    ],
}

GRYPE: dict[str, Any] = {
    "matches": [
        {
            "vulnerability": {"id": f"CVE-2026-{n}", "severity": severity},
            "artifact": {
                "name": "busybox",
                "version": "1.36",
                "type": "apk",
                "locations": [{"path": "/lib/apk/db/installed"}],
            },
        }
        for n, severity in enumerate(("Critical", "High", "Negligible", "Unknown"))
    ],
    "ignoredMatches": [{"vulnerability": {"id": "CVE-2020-1"}}],
    "descriptor": {"name": "grype", "version": "0.94.0", "timestamp": "2026-03-01T10:00:00Z"},
}

GITLEAKS: list[dict[str, Any]] = [
    {
        "RuleID": "aws-access-token",
        "Description": "AWS",
        "StartLine": 2,
        "Match": f"key={SECRET}",
        "Secret": SECRET,
        "File": "conf/aws.tf",
        "Commit": "74d5328",
        "Author": "A. Person",
        "Email": "a.person@example.com",
        "Message": SECRET,
    }
]

TRUFFLEHOG: list[dict[str, Any]] = [
    {
        "SourceMetadata": {"Data": {"Git": {"commit": "77b2", "file": "keys", "line": line}}},
        "DetectorName": "URI",
        "Verified": verified,
        "VerificationError": error,
        "Raw": SECRET,
        "RawV2": SECRET,
        "Redacted": SECRET[:8],
        "ExtraData": {"token": SECRET},
    }
    for line, verified, error in ((1, True, ""), (2, False, ""), (3, False, "no such host"))
]

ZAP: dict[str, Any] = {
    "@programName": "ZAP",
    "@version": "2.16.0",
    "@generated": "Wed, 8 Jul 2026 17:59:27",
    "created": "2026-07-08T17:59:27.581414233Z",
    "site": [
        {
            "@name": "https://shop.example.com",
            "alerts": [
                {
                    "pluginid": "40012",
                    "alertRef": "40012-1",
                    "name": "Cross Site Scripting",
                    "riskcode": str(risk),
                    "riskdesc": "as ZAP words it",
                    "confidence": confidence,
                    "instances": [
                        {
                            "uri": f"https://shop.example.com/find?q={SECRET}#x",
                            "evidence": SECRET,
                            "request-body": SECRET,
                        },
                        {"uri": "https://shop.example.com/other"},
                    ],
                }
                for risk, confidence in ((3, "2"), (2, "2"), (1, "2"), (0, "2"), (3, "0"))
            ],
        }
    ],
}

ZAP_XML = f"""<?xml version="1.0"?>
<OWASPZAPReport version="2.16.1" generated="Sun, 22 Jun 2025 04:04:14 +0000">
  <site name="https://shop.example.com"><alerts>
    <alertitem>
      <pluginid>10111</pluginid><name>Old cookies</name><riskcode>2</riskcode>
      <confidence>1</confidence><riskdesc>Medium (Low)</riskdesc>
      <instances><instance><uri>https://shop.example.com/a</uri><evidence>{SECRET}</evidence>
        <requestheader>authorization: Bearer {SECRET}</requestheader></instance></instances>
    </alertitem>
  </alerts></site>
  <site name="https://other.example.com"><alerts></alerts></site>
</OWASPZAPReport>"""

PIP_AUDIT: dict[str, Any] = {
    "dependencies": [
        {"name": "idna", "version": "3.4", "vulns": []},
        {
            "name": "starlette",
            "version": "0.46.1",
            "vulns": [
                {"id": "GHSA-2c2j-9gv5-cj73", "fix_versions": ["0.47.2"], "description": "Blocks."},
                {"id": "GHSA-7f5h-v6xp-fcq8", "fix_versions": []},
            ],
        },
        {"name": "inhouse", "skip_reason": "Dependency not found on PyPI"},
    ],
    "fixes": [],
}

NPM_AUDIT: dict[str, Any] = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "debug": {
            "name": "debug",
            "severity": "moderate",
            "range": "4.0.0 - 4.3.0",
            "via": [{"title": "ReDoS in debug", "url": "https://github.com/advisories/GHSA-gxpj"}],
        },
        "app": {"name": "app", "severity": "low", "range": "*", "via": ["debug"]},
    },
    "metadata": {"vulnerabilities": {"total": 99}},
}

NPM_AUDIT_1: dict[str, Any] = {
    "advisories": {
        "118": {
            "id": 118,
            "module_name": "minimatch",
            "severity": "high",
            "title": "ReDoS",
            "vulnerable_versions": "<=3.0.1",
        }
    },
    "metadata": {"vulnerabilities": {"high": 1}},
}

DEPENDABOT: list[dict[str, Any]] = [
    {
        "number": number,
        "state": state,
        "dependency": {
            "package": {"ecosystem": "pip", "name": "django"},
            "manifest_path": "requirements.txt",
        },
        "security_advisory": {"ghsa_id": "GHSA-rf4j", "summary": "A leak", "severity": "low"},
        "security_vulnerability": {"severity": severity},
    }
    for number, state, severity in (
        *((1, "open", "critical"), (2, "dismissed", "high"), (3, "fixed", "high")),
        *((4, "auto_dismissed", "low"), (5, "something new", "medium")),
    )
]

JUNIT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="all" tests="999" failures="2" errors="2">
  <testcase name="without a suite"/>
  <testsuite name="a" timestamp="2026-03-01T10:00:00+01:00">
    <testcase name="good"/>
    <testcase name="bad"><failure message="password=hunter2-and-more-of-it"/></testcase>
    <testcase name="off"><skipped/></testcase>
    <testsuite name="inside">
      <testcase name="broken"><error/><system-out>x</system-out></testcase>
      <testcase name="flaky"><flakyFailure message="once"/></testcase>
      <testcase name="rerun"><failure/><rerunFailure/></testcase>
    </testsuite>
  </testsuite>
</testsuites>"""

K6_HANDLED: dict[str, Any] = {
    "metrics": {
        "http_req_duration": {
            "type": "trend",
            "contains": "time",
            "values": {"avg": 1.5, "p(95)": 480.0},
            "thresholds": {"p(95)<300": {"ok": False}, "avg<2": {"ok": True}},
        },
        "data_sent": {"contains": "data", "values": {"count": 12, "rate": 3}},
        "checks": {"contains": "default", "values": {"rate": 0.9, "passes": 9, "fails": 1}},
    },
    "root_group": {
        "checks": [{"name": "is 200"}],
        "groups": [{"checks": [{"name": "is fast"}], "groups": []}],
    },
    "options": {},
    "state": {"testRunDurationMs": 1},
    "setup_data": {"token": SECRET},
}

K6_EXPORTED: dict[str, Any] = {
    "metrics": {
        "http_req_duration": {
            "avg": 1.5,
            "p(95)": 480.0,
            "thresholds": {"p(95)<300": True, "avg<2": False},
        },
        "http_req_failed": {"value": 0.1, "passes": 1, "fails": 9},
        "data_sent": {"count": 12, "rate": 3},
        "checks": {"value": 0.9, "passes": 9, "fails": 1},
    },
    "root_group": {
        "checks": {"is 200": {"name": "is 200"}},
        "groups": {"buy": {"checks": {"is fast": {}}, "groups": {}}},
    },
}

COMPLIANCE: dict[str, Any] = {
    "schema": "release-bot/compliance/v1",
    "tool": {"name": "GRC", "version": "4"},
    "assessed_at": "2026-03-01T09:00:00Z",
    "assessed_by": "internal audit",
    "controls": [
        {
            "framework": "sox",
            "id": "ITGC-CM-01",
            "title": "Changes are approved",
            "status": "COMPLIANT",
            "evidence": "https://grc.example.com/controls/1",
        },
        {
            "framework": "pci_dss",
            "id": "6.3.2",
            "status": "NON_COMPLIANT",
            "assessed_at": "2026-02-01T09:00:00+01:00",
            "assessed_by": "qsa",
        },
        {"framework": "pci_dss", "id": "6.4.1", "status": "COMPLIANT"},
        {"framework": "gdpr", "id": "Art. 32", "status": "NOT_APPLICABLE"},
    ],
}


def raw(data: Any) -> bytes:
    """Write a report as its tool would: JSON, or the text that it is already."""
    return data.encode() if isinstance(data, str) else json.dumps(data).encode()


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


ALL: list[tuple[Format, bytes]] = [
    (Format.SARIF, raw(sarif(result("scored"), result("noted")))),
    (Format.TRIVY, raw(TRIVY)),
    (Format.GRYPE, raw(GRYPE)),
    (Format.GITLEAKS, raw(GITLEAKS)),
    (Format.TRUFFLEHOG, lines(TRUFFLEHOG)),
    (Format.ZAP, raw(ZAP)),
    (Format.ZAP, raw(ZAP_XML)),
    (Format.PIP_AUDIT, raw(PIP_AUDIT)),
    (Format.NPM_AUDIT, raw(NPM_AUDIT)),
    (Format.NPM_AUDIT, raw(NPM_AUDIT_1)),
    (Format.DEPENDABOT, raw(DEPENDABOT)),
    (Format.JUNIT, raw(JUNIT)),
    (Format.K6, raw(K6_HANDLED)),
    (Format.K6, raw(K6_EXPORTED)),
    (Format.COMPLIANCE, raw(COMPLIANCE)),
]
"""One of each, and each shape of it."""
