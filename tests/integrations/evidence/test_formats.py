"""Every format: what counts, what does not, and the traps in it."""

import json
from datetime import UTC, datetime

import pytest

from bot.domain.evidence import KINDS, Format, Report, by_their_words, kinds_of
from bot.domain.severities import Severity
from bot.errors import UserError
from bot.views import evidence_lines
from integrations.evidence import FORMATS, read
from tests.integrations.evidence import reports
from tests.integrations.evidence.reports import raw, result, sarif


def counts(report: Report) -> dict[str, int]:
    return {severity.value: number for severity, number in report.counts.items() if number}


def of(data: object) -> Report:
    return read(raw(data))


@pytest.mark.parametrize(("format_", "report"), reports.ALL)
def test_each_is_recognised_given_or_not_and_by_one_reader_only(
    format_: Format, report: bytes
) -> None:
    assert read(report).format is format_
    assert read(report, format_) == read(report)
    for other in set(FORMATS) - {format_}:
        with pytest.raises(UserError, match=f"no {other} report: it looks like {format_}") as no:
            read(report, other)
        assert no.value.code == "evidence_mislabelled"


def test_every_format_has_a_reader() -> None:
    assert set(FORMATS) == set(Format)


@pytest.mark.parametrize(("_format", "report"), reports.ALL)
def test_no_secret_and_no_person_is_kept(_format: Format, report: bytes) -> None:
    kept = read(report).model_dump_json()
    assert reports.SECRET[:8] not in kept
    assert "Person" not in kept
    assert "a.person" not in kept


def test_the_same_bytes_are_the_same_report() -> None:
    one = raw(reports.GRYPE)
    assert read(one).digest == read(one).digest != read(one + b"\n").digest


# --- SARIF


@pytest.mark.parametrize(
    ("one", "severity"),
    [
        (result("scored"), "critical"),
        (result("worded"), "medium"),
        (result("noted"), "low"),
        (result("bare"), "medium"),
        (result("unknown to the tool"), "medium"),
        (result("noted", level="error"), "high"),
        (result("noted", level="none"), "info"),
        (result("bare", level="not in the standard"), "unknown"),
        (result("bare", properties={"security-severity": "6.9"}), "medium"),
        (result("scored", properties={"security-severity": 0.1}), "low"),
        (result("bare", level="error", properties={"security-severity": "0.0"}), "high"),
        (result("bare", level="error", properties={"security-severity": "11"}), "high"),
        (result("bare", level="error", properties={"security-severity": "NaN"}), "high"),
        (result("bare", level="error", properties={"security-severity": "bad"}), "high"),
        (result("bare", properties={"issue_severity": "LOW"}), "low"),
        (result("bare", properties={"issue_severity": "UNDEFINED"}), "unknown"),
        (result("bare", kind="review"), "unknown"),
        (result("bare", kind="open"), "unknown"),
        (result("noted/1"), "low"),
        ({"ruleIndex": 0, "message": {"text": "by index alone"}}, "critical"),
        ({"rule": {"id": "noted"}, "message": {"text": "the longer way"}}, "low"),
        ({"ruleId": "noted", "ruleIndex": 0, "message": {}}, "low"),
    ],
)
def test_sarif_severity(one: dict[str, object], severity: str) -> None:
    assert counts(of(sarif(one))) == {severity: 1}


def test_sarif_rules_of_extensions() -> None:
    data = sarif(
        result("ext", rule={"index": 0, "toolComponent": {"index": 0}}),
        result("ext"),
        result("elsewhere", rule={"index": 5, "toolComponent": {"index": 9}}),
    )
    rules = [{"id": "ext", "defaultConfiguration": {"level": "error"}}]
    data["runs"][0]["tool"]["extensions"] = [{"name": "pack", "rules": rules}]
    assert counts(of(data)) == {"high": 2, "medium": 1}


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "pass"},
        {"kind": "notApplicable"},
        {"kind": "informational"},
        {"baselineState": "absent"},
    ],
)
def test_sarif_results_that_are_no_findings(more: dict[str, str]) -> None:
    report = of(sarif(result("scored", **more)))
    assert report.clean
    assert report.suppressed == 0


@pytest.mark.parametrize("state", ["new", "unchanged", "updated"])
def test_sarif_an_old_finding_is_a_finding(state: str) -> None:
    assert counts(of(sarif(result("scored", baselineState=state)))) == {"critical": 1}


@pytest.mark.parametrize(
    ("suppressions", "suppressed"),
    [
        ([{"kind": "inSource"}], 1),
        ([{"kind": "external", "status": "accepted"}], 1),
        ([{"kind": "external", "status": "underReview"}], 0),
        ([{"status": "accepted"}, {"status": "rejected"}], 0),
        ([], 0),
        (None, 0),
    ],
)
def test_sarif_suppressions(suppressions: object, suppressed: int) -> None:
    report = of(sarif(result("scored", suppressions=suppressions)))
    assert (report.suppressed, len(report.findings)) == (suppressed, 1 - suppressed)


def test_sarif_of_gitleaks_weighs_as_its_json_does() -> None:
    report = of(sarif(result("bare", properties={"offender": reports.SECRET}), tool="gitleaks"))
    assert counts(report) == counts(of(reports.GITLEAKS)) == {"high": 1}
    assert reports.SECRET not in report.model_dump_json()


def test_sarif_several_runs_are_added_up() -> None:
    one, other = sarif(result()), sarif(result("scored"), tool="Semgrep OSS")
    report = of(one | {"runs": one["runs"] + other["runs"]})
    assert counts(report) == {"critical": 1, "medium": 1}
    assert (report.tool, report.tool_version) == ("CodeQL, Semgrep OSS", "2.1.3")


@pytest.mark.parametrize(
    "run",
    [
        {"invocations": [{"executionSuccessful": False}]},
        {"results": None},
        {"externalPropertyFileReferences": {"results": [{"location": {"uri": "x"}}]}},
    ],
)
def test_sarif_of_a_run_that_broke_is_not_clean(run: dict[str, object]) -> None:
    report = of(sarif(**run))
    assert not report.findings
    assert not report.complete
    assert not report.clean


def test_sarif_without_runs_proves_nothing() -> None:
    assert not of({"version": "2.1.0", "runs": []}).clean


def test_sarif_tells_when_it_ended() -> None:
    ends = [{"executionSuccessful": True, "endTimeUtc": "2026-02-13T22:50:08Z"}]
    report = of(sarif(invocations=ends))
    assert report.written_at == datetime(2026, 2, 13, 22, 50, 8, tzinfo=UTC)
    assert report.clean


# --- Images, packages, secrets


def test_trivy() -> None:
    report = of(reports.TRIVY)
    assert counts(report) == {"critical": 2, "high": 1, "low": 1, "unknown": 1}
    assert (report.tool, report.tool_version) == ("Trivy", "0.69.1")
    assert report.written_at == datetime(2026, 2, 24, 7, 7, 53, 487381, tzinfo=UTC)
    first = report.findings[0]
    assert (first.rule, first.package, first.version) == ("CVE-2026-1", "libssl3", "3.3.1")


def test_trivy_without_results_is_clean() -> None:
    assert of({"SchemaVersion": 2, "ArtifactName": "x"}).clean


def test_grype() -> None:
    report = of(reports.GRYPE)
    assert counts(report) == {"critical": 1, "high": 1, "info": 1, "unknown": 1}
    assert by_their_words(report) == dict.fromkeys(("Critical", "High", "Negligible", "Unknown"), 1)
    assert report.suppressed == 1


def test_trufflehog_tells_the_verified_the_untried_and_the_rest_apart() -> None:
    report = read(reports.lines(reports.TRUFFLEHOG))
    assert [f.severity for f in report.findings] == [
        *(Severity.CRITICAL, Severity.MEDIUM, Severity.HIGH),
    ]
    assert [f.said for f in report.findings] == ["verified", "unverified", "could not verify"]
    one = read(reports.lines(reports.TRUFFLEHOG[:1]))
    assert one.format is Format.TRUFFLEHOG
    assert len(one.findings) == 1


def test_trufflehogs_log_among_its_findings_is_no_finding() -> None:
    log = {"level": "info-0", "logger": "trufflehog", "msg": "finished scanning"}
    assert len(read(reports.lines([*reports.TRUFFLEHOG, log])).findings) == 3
    assert read(reports.lines([log])).clean
    assert not read(reports.lines([log, log | {"level": "error"}])).clean


def test_zap_counts_alerts_and_not_false_positives() -> None:
    report = of(reports.ZAP)
    assert counts(report) == {"high": 1, "medium": 1, "low": 1, "info": 1}
    assert report.suppressed == 1
    assert report.findings[0].path == "https://shop.example.com/find"
    alone = reports.ZAP | {"site": reports.ZAP["site"][0]}
    assert counts(of(alone)) == counts(report)


def test_zap_xml() -> None:
    report = of(reports.ZAP_XML)
    assert counts(report) == {"medium": 1}
    assert report.findings[0].said == "Medium (Low)"
    assert report.written_at == datetime(2025, 6, 22, 4, 4, 14, tzinfo=UTC)


def test_zap_that_reached_no_site_proves_nothing() -> None:
    assert not of(reports.ZAP | {"site": []}).clean


def test_pip_audit_names_no_severity_and_tells_what_it_left_out() -> None:
    report = of(reports.PIP_AUDIT)
    assert counts(report) == {"unknown": 2}
    assert {m.name: m.value for m in report.measures} == {
        "dependencies": 3,
        "dependencies_vulnerable": 1,
        "dependencies_not_audited": 1,
    }
    assert counts(of(reports.PIP_AUDIT["dependencies"])) == {"unknown": 2}


def test_npm_audit_counts_entries_and_not_its_own_summary() -> None:
    report = of(reports.NPM_AUDIT)
    assert counts(report) == {"medium": 1, "low": 1}
    assert [f.rule for f in report.findings] == ["GHSA-gxpj", "app"]
    assert counts(of(reports.NPM_AUDIT_1)) == {"high": 1}


def test_npm_audit_that_failed_is_no_report() -> None:
    with pytest.raises(UserError, match=r"npm audit failed \(ENOLOCK: .*\), so there is no report"):
        of({"error": {"code": "ENOLOCK", "summary": "This command requires a lockfile."}})


def test_dependabot_counts_what_is_open() -> None:
    report = of(reports.DEPENDABOT)
    assert counts(report) == {"critical": 1, "medium": 1}
    assert report.suppressed == 3


PROVES_NOTHING = {Format.JUNIT, Format.K6, Format.COMPLIANCE}
"""Formats that tell of something that was done: without it there is nothing to be clean."""


@pytest.mark.parametrize("text", [b"", b" \n", b"[]", b"\xef\xbb\xbf[ ]\n"])
@pytest.mark.parametrize("format_", Format)
def test_empty_is_a_report_that_found_nothing_where_somebody_says_whose(
    format_: Format, text: bytes
) -> None:
    with pytest.raises(UserError, match="Name the format with --format") as refused:
        read(text)
    assert refused.value.code == "evidence_empty"
    report = read(text, format_)
    assert (report.format, report.findings, report.controls) == (format_, (), ())
    assert report.clean is (format_ not in PROVES_NOTHING)
    assert kinds_of(report) == KINDS[format_]


def test_without_a_test_none_passed() -> None:
    for text in (b"", b"<testsuites/>"):
        report = read(text, Format.JUNIT)
        assert report.tests is not None
        assert (report.tests.run, report.tests.passed, report.clean) == (0, 0, False)
        said = evidence_lines.summary(report)
        assert "! No test was run: this proves nothing." in said
        assert "0 tests: 0 passed, 0 failed, 0 skipped." in said
    said = evidence_lines.summary(read(b"", Format.K6))
    assert "! The tool did not get through, or looked at nothing: this proves nothing." in said


def test_empty_reports_of_two_tools_are_two() -> None:
    digests = {read(text, format_).digest for format_ in Format for text in (b"", b"[]")}
    assert len(digests) == 2 * len(Format)
    assert read(b"", Format.TRIVY).digest == read(b"", Format.TRIVY).digest


# --- Tests and measures


def test_junit_counts_cases_wherever_they_are() -> None:
    tests = of(reports.JUNIT).tests
    assert tests is not None
    assert (tests.run, tests.passed, tests.failed, tests.skipped) == (7, 3, 3, 1)
    assert (tests.errors, tests.flaky, tests.unlisted) == (1, 1, 1)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<testsuite><testcase/></testsuite>", True),
        ("<testsuite><testcase><skipped/></testcase></testsuite>", True),
        ("<testsuites/>", False),
        ('<testsuite errors="1"><testcase/></testsuite>', False),
        ('<testsuites><testsuite failures="1"><testcase/></testsuite></testsuites>', False),
        ('<testsuite failures="many"><testcase/></testsuite>', True),
    ],
)
def test_junit_that_is_clean(text: str, clean: bool) -> None:  # noqa: FBT001 - a parameter
    assert of(text).clean is clean


def test_junit_without_a_zone_tells_no_time() -> None:
    text = '<testsuite timestamp="2026-03-01T10:00:00"><testcase/></testsuite>'
    assert of(text).written_at is None
    assert of(reports.JUNIT).written_at is not None


@pytest.mark.parametrize("data", [reports.K6_HANDLED, reports.K6_EXPORTED])
def test_k6_reads_false_as_each_of_its_formats_means_it(data: dict[str, object]) -> None:
    report = of(data)
    assert {t.expression: t.passed for t in report.thresholds} == {
        "p(95)<300": False,
        "avg<2": True,
    }
    assert not report.clean
    assert report.checks is not None
    assert report.checks.model_dump() == {"names": 2, "passes": 9, "fails": 1}
    found = {m.name: (m.value, m.unit) for m in report.measures}
    assert found["http_req_duration.p(95)"] == (480.0, "ms")
    assert found["data_sent.count"] == (12, "bytes")
    assert found["data_sent.rate"] == (3, "")


@pytest.mark.parametrize(
    "change",
    [
        ("handled", "http_req_duration", {"thresholds": {"p(95)<300": False}}),
        ("exported", "http_req_duration", {"thresholds": {"p(95)<300": {"ok": False}}}),
        ("exported", "http_req_duration", {"values": {"avg": 1}}),
        ("exported", "checks", {"passes": 1.5}),
    ],
)
def test_k6_formats_that_are_mixed_are_refused(change: tuple[str, str, dict[str, object]]) -> None:
    which, metric, parts = change
    data = json.loads(raw(reports.K6_HANDLED if which == "handled" else reports.K6_EXPORTED))
    data["metrics"][metric] |= parts
    with pytest.raises(UserError, match="k6 summary") as refused:
        of(data)
    assert refused.value.code == "evidence_unreadable"


def test_k6_checks_judge_nothing_as_in_k6_itself() -> None:
    data = json.loads(raw(reports.K6_EXPORTED))
    del data["metrics"]["http_req_duration"]
    assert of(data).clean
    assert not of(data | {"metrics": {}}).clean
