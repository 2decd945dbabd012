"""The reports that real tools wrote, with the counts that the samples' README states.

They lie beside the repository (`../shared/samples`) or where RELEASE_BOT_SAMPLES says; where
neither is, these tests are skipped. The project's own small reports are in `reports`.
"""

import os
from pathlib import Path

import pytest

from bot.domain.evidence import Format, Report, by_their_words
from bot.errors import UserError
from integrations.evidence import read

SAMPLES = Path(
    os.environ.get("RELEASE_BOT_SAMPLES", Path(__file__).parents[4] / "shared" / "samples")
)

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"no samples of real tools in {SAMPLES}; set RELEASE_BOT_SAMPLES"
)


def sample(name: str, declared: Format | None = None) -> Report:
    return read((SAMPLES / name).read_bytes(), declared)


def counts(report: Report) -> dict[str, int]:
    return {severity.value: number for severity, number in report.counts.items() if number}


@pytest.mark.parametrize(
    ("name", "tool", "levels", "severities"),
    [
        ("bandit-1.9.3", ("Bandit", ""), {"warning": 1}, {"medium": 1}),
        (
            "codeql-2.24.1",
            ("CodeQL", "2.24.1"),
            {"warning": 13, "note": 22},
            {"medium": 13, "low": 22},
        ),
        (
            "codeql-toolchain-2.0.0",
            ("LGTM.com, CodeQL command-line toolchain", "1.24.0-SNAPSHOT, 2.0.0"),
            {"note": 3},
            {"low": 3},
        ),
        ("gitleaks-7.4.0", ("Gitleaks", "v7.4.0"), {"warning": 8}, {"high": 8}),
        ("gitleaks-8-clean", ("gitleaks", "v8.0.0"), {}, {}),
        ("semgrep-oss-1.66.2-clean", ("Semgrep OSS", "1.66.2"), {}, {}),
        (
            "semgrep-oss-1.69.0",
            ("Semgrep OSS", "1.69.0"),
            {"error": 35, "warning": 42},
            {"critical": 34, "high": 1, "medium": 42},
        ),
        ("trivy-0.37.1-clean", ("Trivy", "0.37.1"), {}, {}),
        (
            "trivy-0.37.1-image",
            ("Trivy", "0.37.1"),
            {"error": 28, "warning": 14},
            {"critical": 5, "high": 23, "medium": 14},
        ),
    ],
)
def test_sarif(
    name: str, tool: tuple[str, str], levels: dict[str, int], severities: dict[str, int]
) -> None:
    report = sample(f"sarif/{name}.sarif")
    assert report.format is Format.SARIF
    assert (report.tool, report.tool_version) == tool
    assert by_their_words(report) == levels
    assert counts(report) == severities
    assert report.clean is not bool(levels)


@pytest.mark.parametrize(
    ("name", "format_", "version", "severities"),
    [
        ("trivy/fs-0.69.1-cvss4.json", Format.TRIVY, "0.69.1", {"medium": 1, "low": 2}),
        (
            "trivy/fs-misconfig-and-secrets.json",
            Format.TRIVY,
            "",
            {"critical": 2, "high": 2, "medium": 1},
        ),
        ("trivy/image-alpine-310.json", Format.TRIVY, "dev", {"medium": 4}),
        ("trivy/image-clean.json", Format.TRIVY, "", {}),
        ("trivy/image-many-vulns.json", Format.TRIVY, "", {"critical": 1, "high": 1, "medium": 3}),
        ("grype/dir-0.24.0.json", Format.GRYPE, "0.24.0", {"critical": 2, "high": 2, "medium": 5}),
        ("grype/image-0.7.0-clean.json", Format.GRYPE, "0.7.0", {}),
        (
            "grype/image-0.94.0-epss.json",
            Format.GRYPE,
            "0.94.0",
            {"critical": 1, "high": 10, "medium": 2, "low": 2},
        ),
        ("trufflehog/v3-verified-excerpt.jsonl", Format.TRUFFLEHOG, "", {"critical": 4}),
        ("gitleaks/v8-many.json", Format.GITLEAKS, "", {"high": 4}),
        ("zap/traditional-2.16.0.json", Format.ZAP, "2.16.0", {"low": 1, "info": 1}),
        ("zap/xml-2.9.0-clean.xml", Format.ZAP, "2.9.0", {}),
        ("zap/xml-plus-2.16.1.xml", Format.ZAP, "2.16.1", {"info": 4}),
        ("dependencies/npm-audit-v2-clean.json", Format.NPM_AUDIT, "", {}),
        ("dependencies/npm-audit-v2-many.json", Format.NPM_AUDIT, "", {"medium": 4, "low": 2}),
        ("dependencies/pip-audit-clean.json", Format.PIP_AUDIT, "", {}),
        ("dependencies/pip-audit-findings.json", Format.PIP_AUDIT, "", {"unknown": 11}),
        ("github-rest/dependabot-alerts.json", Format.DEPENDABOT, "", {"medium": 1}),
    ],
)
def test_scanners(name: str, format_: Format, version: str, severities: dict[str, int]) -> None:
    report = sample(name)
    assert (report.format, report.tool_version) == (format_, version)
    assert counts(report) == severities
    assert report.clean is not bool(severities)


def test_trufflehog_unverified() -> None:
    report = sample("trufflehog/v3-unverified-excerpt.jsonl")
    assert len(report.findings) == 53
    assert not any(finding.said == "verified" for finding in report.findings)
    detectors = [finding.rule for finding in report.findings]
    assert {name: detectors.count(name) for name in set(detectors)} == {
        "URI": 35,
        "Postgres": 16,
        "FTP": 2,
    }


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("trufflehog/v3-clean-empty.jsonl", Format.TRUFFLEHOG),
        ("gitleaks/v8-clean.json", Format.GITLEAKS),
    ],
)
def test_empty(name: str, format_: Format) -> None:
    assert sample(name, format_).clean
    with pytest.raises(UserError):
        sample(name)


def test_pip_audit_measures() -> None:
    measures = {m.name: m.value for m in sample("dependencies/pip-audit-findings.json").measures}
    assert (measures["dependencies"], measures["dependencies_vulnerable"]) == (181, 7)
    measures = {m.name: m.value for m in sample("dependencies/pip-audit-clean.json").measures}
    assert (measures["dependencies"], measures["dependencies_not_audited"]) == (3, 1)


@pytest.mark.parametrize(
    ("name", "run", "failed", "skipped", "unlisted"),
    [
        ("gotestsum-13-failures-1-error", 60, 13, 5, 1),
        ("jest-junit-failures", 6, 4, 1, 0),
        ("nested-suites", 5, 3, 0, 0),
        ("playwright-39-failures", 49, 39, 0, 0),
        ("playwright-all-ok", 33, 0, 0, 0),
        ("pytest-2-failures-2-skipped", 10, 2, 2, 0),
        ("surefire-2-failures-1-skipped", 5, 2, 1, 0),
        ("surefire-all-ok", 1, 0, 0, 0),
        ("surefire-flaky", 1, 0, 0, 0),
    ],
)
def test_junit(name: str, run: int, failed: int, skipped: int, unlisted: int) -> None:
    report = sample(f"junit/{name}.xml")
    tests = report.tests
    assert tests is not None
    assert (tests.run, tests.failed, tests.skipped) == (run, failed, skipped)
    assert tests.passed == run - failed - skipped
    assert (tests.errors, tests.unlisted) == (0, unlisted)
    assert tests.flaky == (name == "surefire-flaky")
    assert report.clean is (failed == 0)


def test_k6_handle_summary() -> None:
    report = sample("k6/handle-summary-threshold-failed.json")
    assert {(t.metric, t.expression): t.passed for t in report.thresholds} == {
        ("http_req_duration", "p(95) < 5000"): False,
        ("http_req_failed", "rate < 0.05"): True,
        ("translation_errors", "rate < 0.05"): True,
    }
    assert report.checks is not None
    assert (report.checks.names, report.checks.fails) == (4, 509)
    assert not report.clean


def test_k6_summary_export() -> None:
    report = sample("k6/summary-export-groups.json")
    assert [t.passed for t in report.thresholds] == [True, True]
    assert report.checks is not None
    assert (report.checks.names, report.checks.fails) == (4, 95)
    assert report.clean


@pytest.mark.parametrize("folder", ["github-webhooks", "kubernetes", "prometheus", "schemas"])
def test_what_is_no_report_is_refused(folder: str) -> None:
    files = list((SAMPLES / folder).iterdir())
    assert files
    for file in files:
        with pytest.raises(UserError) as refused:
            read(file.read_bytes())
        assert refused.value.code == "evidence_unknown_format"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("gitleaks/v8-many.json", "dfjksdjfs3294dfjlsdaf213"),
        ("gitleaks/v8-many.json", "first.last@gmail.com"),
        ("trufflehog/v3-verified-excerpt.jsonl", "aHR0cHM6Ly9hZG1pbjphZG1pbkB0"),
        ("trufflehog/v3-unverified-excerpt.jsonl", "scott:tiger"),
        ("sarif/gitleaks-7.4.0.sarif", "AKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_no_secret_is_kept(name: str, secret: str) -> None:
    raw = (SAMPLES / name).read_text()
    assert secret in raw
    assert secret not in sample(name).model_dump_json()
