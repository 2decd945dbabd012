"""`release-bot policy`: explain, rights and test, as an operator calls them."""

# ruff: noqa: E501 - snapshots are as long as what people read

import json
from pathlib import Path

import pytest
from inline_snapshot import snapshot
from typer.testing import CliRunner

from bot.domain.permissions import VERBS
from bot.policy import cli
from commands._router import discover
from tests.domain.test_applying import LAYERED
from tests.test_command_line import EXAMPLE

CASES = """\
cases:
  - name: what is tested and clean goes to production
    service: payments
    environment: prod
    evidence: [{kind: e2e, passed: 12}, {kind: sast}]
    dependencies: {config: 1.9.2}
    expect: {evidence: passed, release: allowed}
  - name: a failed test stops it
    service: payments
    environment: prod
    evidence: [{kind: e2e, passed: 11, failed: 1}, {kind: sast}]
    expect: {evidence: failed, release: refused}
  - name: it soaks for a day
    service: payments
    environment: prod
    soaked: 2h
    expect: {promoted: waiting}
  - name: a scanner that is silent is no yes
    service: payments
    environment: prod
    silent: [github]
    expect: {scans: failed, checks: failed}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    file = tmp_path / "catalog.yaml"
    file.write_text(LAYERED)
    return file


def ran(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, list(words))
    return result.exit_code, result.stdout, result.stderr


def test_what_applies_is_printed_with_who_says_so(catalog: Path) -> None:
    status, said, _ = ran("explain", "payments", "prod", "--catalog", str(catalog))
    assert status == 0
    assert "soak: policies.floor.soak (tier trading)\n  1d" in said
    assert "required: e2e, sast" in said
    status, said, _ = ran("explain", "payments", "prod", "--json", "--catalog", str(catalog))
    by_key = {rule["key"]: rule for rule in json.loads(said)}
    assert by_key["scans"]["value"]["high"] == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("explain", "paymints", "prod"), "The catalogue has no service paymints."),
        (("explain", "payments", "moon"), "There is no environment moon. There are staging, "),
        (("rights", "--service", "paymints"), "The catalogue has no service paymints."),
    ],
)
def test_a_name_that_is_not_there_is_refused(
    catalog: Path, words: tuple[str, ...], sentence: str
) -> None:
    status, _, wrong = ran(*words, "--catalog", str(catalog))
    assert (status, sentence in wrong) == (1, True)


def test_who_may_do_what_is_one_table(catalog: Path) -> None:
    status, said, _ = ran("rights", "--catalog", str(catalog))
    assert status == 0
    lines = {line.split()[0]: line for line in said.splitlines()}
    assert lines["verb"].split() == ["verb", "staging", "production"]
    assert lines["approve"].endswith("release-managers")
    assert "owners, responders" in lines["rollback"]
    rows = json.loads(ran("rights", "--json", "--catalog", str(catalog))[1])
    assert {row["verb"] for row in rows} == set(VERBS)


def test_every_verb_that_there_is_has_its_right() -> None:
    assert set(discover()) - {"env"} <= set(VERBS)


def test_cases_are_tried_on_the_gates_themselves(catalog: Path, tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(CASES)
    status, said, wrong = ran("test", str(file), "--catalog", str(catalog))
    assert (status, wrong) == (0, ""), said
    assert said.endswith("7 of 7 as expected.\n")


def test_a_case_that_comes_out_otherwise_is_told_with_what_the_gate_said(
    catalog: Path, tmp_path: Path
) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(CASES.replace("expect: {promoted: waiting}", "expect: {promoted: passed}"))
    status, said, _ = ran("test", str(file), "--catalog", str(catalog))
    assert status == 1
    assert "✗ it soaks for a day: promoted should be passed, and is waiting." in said
    assert "6 of 7 as expected." in said
    answers = json.loads(ran("test", str(file), "--json", "--catalog", str(catalog))[1])
    assert [answer["good"] for answer in answers].count(False) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cases: []\n", "cases: Tuple should have at least 1 item"),
        (CASES.replace("service: payments", "service: paymints", 1), "has no service paymints"),
        (CASES.replace("promoted:", "promotion:"), "there is no gate promotion"),
        (CASES.replace("soaked:", "soakt:"), "soakt: Extra inputs are not permitted"),
        ("cases: [1", "this is not YAML"),
    ],
)
def test_a_file_of_cases_that_cannot_be_used(
    catalog: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(text)
    status, _, wrong = ran("test", str(file), "--catalog", str(catalog))
    assert (status, sentence in wrong) == (1, True), wrong


def test_the_example_s_policy_is_what_its_cases_say() -> None:
    cases = EXAMPLE.with_name("policy-cases.yaml")
    status, said, wrong = ran("test", str(cases), "--catalog", str(EXAMPLE))
    assert (status, wrong) == (0, ""), said
    # The refusals are tried too.
    assert said.count(": evidence failed") >= 8
    assert ": window waiting" in said
    assert ": freeze waiting" in said


def test_the_example_explains_itself() -> None:
    _, said, _ = ran("explain", "trading-decision", "prod", "--catalog", str(EXAMPLE))
    assert said.partition("evidence: ")[2].partition("\nsoak: ")[0] == snapshot("""\
policies.production.evidence (environment production)
  required: e2e, sast, container, dast, compliance
  findings: critical 0, high 0, medium 10, low no limit, unknown 0
  new: critical 0, high 0, medium 3, low no limit, unknown 0
  fresh: 7d
  frameworks: sox, pci_dss, gdpr
  performance: no limit

waivers: policies.production.waivers (environment production)
  id: SEC-12 · severity: high · count: 1 · kinds: sast · rule: py/weak-hash · owner: security · reason: MD5 names files of a cache and guards nothing; it goes with cache 3 · until: 2027-03-31

windows: policies.production.windows (environment production)
  name: market closed · when: Mon-Sun 16:30-09:00 America/New_York · tiers: trading, execution
  name: weekend · when: Sat-Sun 00:00-24:00 America/New_York · tiers: trading, execution
""")
    assert "  needs: release-managers 1, security 1\n" in said
    _, staging, _ = ran("explain", "trading-decision", "stage", "--catalog", str(EXAMPLE))
    assert "  required: integration, performance\n" in staging
    assert "  performance: 0.8\n" in staging
    _, packaged, _ = ran("explain", "kafka", "prod", "--catalog", str(EXAMPLE))
    assert "policies.packaged.evidence (tier infrastructure)\n  required: container\n" in packaged
    _, books, _ = ran("explain", "reconciliation", "prod", "--catalog", str(EXAMPLE))
    assert "  checklist: No reconciliation is running, Finance knows when it begins\n" in books
