"""`release-bot evidence read`: what the bot sees in a file, as JSON and in words."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import cli
from integrations.evidence import LARGEST
from tests.integrations.evidence import reports
from tests.integrations.evidence.reports import raw


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Run":
    monkeypatch.chdir(tmp_path)
    return Run()


class Run:
    """Read a file with these bytes in it."""

    def __call__(self, data: object, *words: str) -> Result:
        # The name says nothing: recognition looks inside.
        Path("report.txt").write_bytes(data if isinstance(data, bytes) else raw(data))
        return CliRunner().invoke(cli, ["evidence", "read", "report.txt", *words])


def test_json_of_a_scan(run: Run) -> None:
    done = run(reports.GRYPE, "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert list(found) == [
        *("format", "tool", "version", "sha256", "written_at", "clean", "complete", "counts"),
        *("suppressed", "said", "tests", "measures", "thresholds", "checks", "controls"),
        *("frameworks", "findings"),
    ]
    assert (found["format"], found["tool"], found["version"]) == ("grype", "Grype", "0.94.0")
    assert found["counts"] == {
        "critical": 1,
        "high": 1,
        "medium": 0,
        "low": 0,
        "info": 1,
        "unknown": 1,
    }
    assert found["clean"] is False
    assert found["tests"] is None
    assert len(found["findings"]) == 4
    assert len(found["sha256"]) == 64


def test_json_of_tests_and_of_controls(run: Run) -> None:
    tests = json.loads(run(reports.JUNIT, "--json").stdout)["tests"]
    assert (tests["run"], tests["passed"], tests["failed"], tests["skipped"]) == (7, 3, 3, 1)
    found = json.loads(run(reports.COMPLIANCE, "--json").stdout)
    assert found["frameworks"] == {
        "sox": "COMPLIANT",
        "pci_dss": "NON_COMPLIANT",
        "gdpr": "NOT_APPLICABLE",
    }
    assert [one["assessed_by"] for one in found["controls"]] == [
        *("internal audit", "qsa", "internal audit", "internal audit"),
    ]


def test_in_words(run: Run) -> None:
    done = run(reports.JUNIT)
    assert done.exit_code == 0
    assert "7 tests: 3 passed, 3 failed, 1 skipped, 1 flaky." in done.stdout


def test_standard_input() -> None:
    done = CliRunner().invoke(cli, ["evidence", "read", "-"], input=raw(reports.TRIVY))
    assert done.exit_code == 0
    assert done.stdout.startswith("Trivy 0.69.1 (trivy)")
    done = CliRunner().invoke(cli, ["evidence", "read", "-"], input=b"{}")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("standard input: The format is not recognised.")


@pytest.mark.parametrize(
    ("data", "words", "said"),
    [
        (b"", [], "report.txt: The report is empty"),
        (b"[]", [], "Name the format with --format, and it is one that found nothing: compliance"),
        (b"{", ["--json"], "The JSON is broken at line 1"),
        (b" " * (LARGEST + 1), [], "over 20 MB"),
        (raw(reports.GRYPE), ["--format", "trivy"], "no trivy report: it looks like grype"),
    ],
)
def test_refused_with_a_sentence_and_status_1(
    run: Run, data: bytes, words: list[str], said: str
) -> None:
    done = run(data, *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("data", "format_"), [(b"", "trufflehog"), (b"[]", "grype")])
def test_an_empty_report_of_a_tool_that_is_named(run: Run, data: bytes, format_: str) -> None:
    done = run(data, "--format", format_, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["clean"] is True


@pytest.mark.usefixtures("run")
def test_a_file_that_is_not_there() -> None:
    done = CliRunner().invoke(cli, ["evidence", "read", "missing.json"])
    assert (done.exit_code, done.stderr) == (1, "missing.json: No such file or directory.\n")
    done = CliRunner().invoke(cli, ["evidence", "read", "."])
    assert (done.exit_code, done.stderr) == (1, ".: Is a directory.\n")


def test_misused(run: Run) -> None:
    assert run(reports.GRYPE, "--format", "word").exit_code == 2
    assert CliRunner().invoke(cli, ["evidence", "read"]).exit_code == 2
