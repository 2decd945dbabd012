"""What `release-bot evidence read` prints for a person."""

from inline_snapshot import snapshot

from bot.domain.evidence import Format, Kind, kinds_of
from bot.views import evidence_lines
from integrations.evidence import read
from tests.integrations.evidence import reports
from tests.integrations.evidence.reports import raw, result, sarif


def shown(data: object, declared: Format | None = None) -> str:
    return evidence_lines.summary(read(raw(data), declared))


def test_findings_worst_first() -> None:
    many = [result("noted")] * 9 + [result("scored"), result("worded"), result("bare")]
    assert shown(sarif(*many, result(suppressions=[{"kind": "inSource"}]))) == snapshot("""\
CodeQL 2.1.3 (sarif), sha256 7f529c7fc03c
Findings: 1 critical, 2 medium, 9 low, 1 suppressed.
  critical scored · src/a.py:7 · About scored
  medium   worded · src/a.py:7 · About worded
  medium   bare · src/a.py:7 · About bare
  low      noted · src/a.py:7 · About noted
  low      noted · src/a.py:7 · About noted
  low      noted · src/a.py:7 · About noted
  low      noted · src/a.py:7 · About noted
  low      noted · src/a.py:7 · About noted
  low      noted · src/a.py:7 · About noted
  low      noted · src/a.py:7 · About noted
  … and 2 more (--json)\
""")


def test_packages() -> None:
    assert shown(reports.TRIVY) == snapshot("""\
Trivy 0.69.1 (trivy), sha256 36ee8de5fb1f
Findings: 2 critical, 1 high, 1 low, 1 unknown.
  critical CVE-2026-1 · libssl3 3.3.1 · openssl: a hole
  critical stripe · app.env:3
  high     DS002 · Dockerfile · root
  low      AGPL-3.0 · x · Licence
  unknown  CVE-2026-2 · zlib\
""")


def test_clean() -> None:
    assert shown([], Format.GITLEAKS) == snapshot("""\
Gitleaks (gitleaks), sha256 b4f75bdf080a
✓ Clean.\
""")


def test_a_run_that_broke() -> None:
    assert shown(sarif(invocations=[{"executionSuccessful": False}])) == snapshot("""\
CodeQL 2.1.3 (sarif), sha256 e3881168d177
! The tool did not get through, or looked at nothing: this proves nothing.\
""")


def test_tests() -> None:
    assert shown(reports.JUNIT) == snapshot("""\
JUnit (junit), sha256 6a3eaf605381
7 tests: 3 passed, 3 failed, 1 skipped, 1 flaky. The totals name 1 failure that no case shows.\
""")


def test_thresholds_and_checks() -> None:
    assert shown(reports.K6_HANDLED) == snapshot("""\
k6 (k6), sha256 2e2492d2e6ed
✗ http_req_duration: p(95)<300
✓ http_req_duration: avg<2
2 checks: 9 passes, 1 fails (they judge nothing).\
""")


def test_controls() -> None:
    assert shown(reports.COMPLIANCE) == snapshot("""\
GRC 4 (compliance), sha256 ab9f45624d3e
sox: COMPLIANT
pci_dss: NON_COMPLIANT
gdpr: NOT_APPLICABLE
✗ pci_dss 6.3.2\
""")


def test_wrong_kind() -> None:
    tests = read(raw(reports.JUNIT))
    assert evidence_lines.wrong_kind(
        tests.format, tests.tool, Kind.SAST, kinds_of(tests)
    ) == snapshot(
        "A junit report can't be sast evidence; it can be e2e, integration, performance, unit. For sast: sarif."
    )
    leaks = read(raw(sarif(tool="gitleaks")))
    assert evidence_lines.wrong_kind(
        leaks.format, leaks.tool, Kind.SAST, kinds_of(leaks)
    ) == snapshot("A gitleaks report can't be sast evidence; it can be secrets. For sast: sarif.")
