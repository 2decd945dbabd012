"""What is broken, too large, hostile or not what it says: one sentence with a code, or harmless."""

import json
import time

import pytest

from bot.domain.evidence import Format
from bot.errors import UserError
from integrations.evidence import LARGEST, read
from integrations.evidence.parts import MOST_FINDINGS, gathered
from integrations.evidence.reading import DEEPEST
from tests.integrations.evidence import reports
from tests.integrations.evidence.reports import raw, result, sarif

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    '<testsuite><testcase name="&b;"/></testsuite>'
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite name="&a;"/>'
TYPED = '<!DOCTYPE html><html lang="en"></html>'


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"x" * (LARGEST + 1), "evidence_too_large", "over 20 MB"),
        (b"[" * 200_000 + b"]" * 200_000, "evidence_too_large", "nested more than 100 deep"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "evidence_too_large", "nested more than 100 deep"),
        (b"<testsuite>" * 101 + b"</testsuite>" * 101, "evidence_too_large", "more than 100 deep"),
        (b"[" + b"{}," * 3_000_001 + b"{}]", "evidence_too_large", "more than 3,000,000 parts"),
        (b"<a>" + b"<b/>" * 3_000_000, "evidence_too_large", "more than 3,000,000 parts"),
        (b"<a>" * 1_000_000, "evidence_too_large", "nested more than 100 deep"),
        (BOMB.encode(), "evidence_unreadable", "declares entities or a document type"),
        (OUTSIDE.encode(), "evidence_unreadable", "declares entities or a document type"),
        (TYPED.encode(), "evidence_unreadable", "declares entities or a document type"),
        (b"<oops", "evidence_unreadable", "XML is broken at line 1, column 1"),
        (b'<?xml version="1.0" encoding="utf-99"?><a/>', "evidence_unreadable", "XML"),
        (b"{", "evidence_unreadable", "looks cut off"),
        (b'{"a": 1, "a": 2}', "evidence_unreadable", 'The key "a" stands twice'),
        (b'{"a": NaN}', "evidence_unreadable", "NaN"),
        (b'{"a": -Infinity}', "evidence_unreadable", "-Infinity"),
        (b'{"a": 1e999}', "evidence_unreadable", "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "evidence_unreadable", "5000 digits"),
        (b'{"a": 1}\n{"b": 2', "evidence_unreadable", "Line 2 is not JSON"),
        (b"PK\x03\x04", "evidence_unreadable", "neither JSON nor XML"),
        (b"\x89PNG\xff\xfe", "evidence_unreadable", "no text in UTF-8"),
        (b"no report", "evidence_unreadable", "neither JSON nor XML"),
        (b"{}", "evidence_unknown_format", "is none of compliance, dependabot"),
        (b"[1, 2]", "evidence_unknown_format", "is none of"),
        (b"<a/>", "evidence_unknown_format", "is none of"),
        (b'{"kind": "Pod"}', "evidence_unknown_format", "is none of"),
    ],
)  # fmt: skip
def test_refused_in_one_sentence(data: bytes, code: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        read(data)
    assert refused.value.code == code
    assert said in refused.value.sentence
    assert len(refused.value.sentence) < 300
    assert "\n" not in refused.value.sentence


@pytest.mark.parametrize(("format_", "report"), reports.ALL)
def test_cut_off_anywhere_it_is_refused(format_: Format, report: bytes) -> None:
    whole = report.rstrip()
    for at in range(1, len(whole), max(1, len(whole) // 40)):
        if format_ is Format.TRUFFLEHOG and whole[at - 1 : at + 1].strip() in {b"}", b"{"}:
            continue  # between two lines it can't be told
        with pytest.raises(UserError):
            read(whole[:at])
        with pytest.raises(UserError):
            read(whole[:at], format_)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (reports.TRIVY | {"Results": {}}, "Results is not as Trivy writes it"),
        (reports.TRIVY | {"Results": [{"Vulnerabilities": ["x"]}]}, "Vulnerabilities[0]"),
        (reports.TRIVY | {"SchemaVersion": 3}, "schema 3 is not known"),
        (reports.GRYPE | {"matches": "none"}, "matches is not as Grype writes it"),
        (reports.GRYPE | {"matches": [{}]}, "matches[0].vulnerability"),
        (sarif(result()) | {"version": "1.0.0"}, "SARIF 1.0.0 is not known"),
        (sarif("a result"), "runs[0].results[0]"),
        (reports.NPM_AUDIT | {"auditReportVersion": 3}, "version of npm audit"),
        (reports.NPM_AUDIT | {"vulnerabilities": []}, "vulnerabilities"),
        (reports.ZAP | {"site": [{"alerts": [{}]}]}, "riskcode"),
        (reports.COMPLIANCE | {"schema": "release-bot/compliance/v9"}, "schema"),
        (reports.COMPLIANCE | {"more": 1}, "more"),
        (reports.COMPLIANCE | {"controls": []}, "controls"),
        (reports.COMPLIANCE | {"controls": reports.COMPLIANCE["controls"][:1] * 2}, "twice"),
        (reports.COMPLIANCE | {"assessed_at": "2026-03-01T09:00:00"}, "assessed_at"),
        (reports.COMPLIANCE | {"assessed_at": 1_700_000_000}, "assessed_at"),
    ],
)
def test_a_part_of_another_shape_is_named_and_never_passed_over(report: object, said: str) -> None:
    with pytest.raises(UserError) as refused:
        read(raw(report))
    assert refused.value.code == "evidence_unreadable"
    assert said in refused.value.sentence


def test_alerts_of_zap_that_are_none() -> None:
    text = '<OWASPZAPReport version="2"><site><alerts><other/></alerts></site></OWASPZAPReport>'
    with pytest.raises(UserError, match="something else than alerts"):
        read(text.encode())


def test_too_many_findings() -> None:
    [one] = read(raw(sarif(result()))).findings
    assert len(gathered([one] * MOST_FINDINGS)) == MOST_FINDINGS
    with pytest.raises(UserError, match="more than 25,000 findings") as refused:
        gathered([one] * (MOST_FINDINGS + 1))
    assert refused.value.code == "evidence_too_large"


def test_as_deep_as_is_allowed() -> None:
    def nested(levels: int) -> bytes:
        return b"<testsuite>" * levels + b"<testcase/>" + b"</testsuite>" * levels

    assert read(nested(DEEPEST - 1)).clean
    with pytest.raises(UserError, match="nested"):
        read(nested(DEEPEST))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(("format_", "report"), reports.ALL)
def test_encodings(encoding: str, format_: Format, report: bytes) -> None:
    text = report.decode().replace('encoding="UTF-8"', "")
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert read(mark + text.encode(encoding)).format is format_


def test_xml_that_names_its_encoding() -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><testsuite name="é"><testcase/></testsuite>'
    assert read(text.encode("latin-1")).clean


HOSTILE = "<!channel> *bold* <http://evil.example|click> \x1b[31mred\x1b[0m \u202eback \ud800 end"


def test_hostile_text_is_one_line_that_is_all_seen() -> None:
    report = read(json.dumps(sarif(result(message={"text": HOSTILE + "\nnext"}))).encode())
    # What goes to Slack is escaped by the views, as all that others wrote is.
    assert report.findings[0].title == (
        "<!channel> *bold* <http://evil.example|click> red back end next"
    )
    report.model_dump_json()


@pytest.mark.parametrize(
    "text", ["AKIAIOSFODNN7EXAMPLE", "password=correct-horse", "ghp_" + "a1B2" * 9]
)
@pytest.mark.parametrize("place", ["ruleId", "message", "uri", "tool", "version"])
def test_secrets_in_what_tools_say_are_masked(place: str, text: str) -> None:
    one = result()
    data = sarif(one)
    driver = data["runs"][0]["tool"]["driver"]
    match place:
        case "ruleId":
            one["ruleId"] = f"rule {text}"
        case "message":
            one["message"] = {"text": f"Found {text} here"}
        case "uri":
            one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] = f"a/{text}"
        case "tool":
            driver["name"] = text
        case "version":
            driver["semanticVersion"] = text
    kept = read(raw(data)).model_dump_json()
    assert text.removeprefix("password=") not in kept
    assert "[masked]" in kept


def test_half_characters_in_what_makes_a_fingerprint() -> None:
    row = reports.GITLEAKS[0] | {"File": "a\ud800", "RuleID": "\udfff"}
    assert read(raw([row])).findings[0].path == "a"


def test_a_refusal_does_not_quote_secrets() -> None:
    twice = '{"password=correct-horse": 1, "password=correct-horse": 2}'
    with pytest.raises(UserError) as refused:
        read(twice.encode())
    assert "correct-horse" not in refused.value.sentence


def test_texts_are_bounded() -> None:
    report = read(raw(sarif(result("r" * 100_000, message={"text": "m " * 100_000}))))
    finding = report.findings[0]
    assert finding.rule == "…"
    assert len(finding.title) == 200


def test_the_worst_that_fits_takes_a_bounded_time() -> None:
    # The bound is generous: what is excluded is work that grows with the square of the size.
    text = "x_" * (LARGEST // 16)
    began = time.process_time()
    read(raw(sarif(*[result(message={"text": text})] * 7)))
    assert time.process_time() - began < 20
