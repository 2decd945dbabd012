"""HTTP checks, judged: one answer after another, whose turn it is, and what is said of it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.checks import Answer, Checked, next_turn, passed, title, verdict, wrong
from bot.domain.durations import parse_brief, write_brief
from bot.domain.smoke import (
    CheckList,
    HttpCheck,
    Smoke,
    filled_url,
    host_of,
    is_allowed,
    is_listed,
)
from tests.virtual import START

URL = "http://payments-preview.production.svc/health"
JSON = '{"status": "ok", "count": 7, "share": 0.50, "up": true, "none": null, "a/b": {"c": ["x"]}}'


def check(**special: Any) -> HttpCheck:
    return HttpCheck(url=URL, **special)


def answer(**special: Any) -> Answer:
    return Answer(**({"status": 200, "milliseconds": 40, "body": "all is ok"} | special))


def test_what_is_as_wanted_passes() -> None:
    assert wrong(check(), answer()) is None
    assert wrong(check(status=403), answer(status=403)) is None
    assert wrong(check(contains="is ok", within="40ms"), answer()) is None


@pytest.mark.parametrize(
    ("wanted", "given", "said"),
    [
        ({}, {"status": 503}, "answered 503; 200 is wanted"),
        ({}, {"status": 302}, "answered 302, a redirect, which is not followed; 200 is wanted"),
        ({}, {"body": None}, "has a body of more than 1 MB"),
        ({"contains": "OK"}, {}, "lacks what its body must contain"),
        ({"within": "500ms"}, {"milliseconds": 812}, "took 812 ms, 500 allowed"),
        ({"within": "2s"}, {"milliseconds": 2001}, "took 2001 ms, 2000 allowed"),
        ({"equals": {"/a": "x"}}, {}, "has a body that is not JSON"),
        ({"equals": {"/a": "x"}}, {"body": "[" * 500_000}, "has a body that is not JSON"),
        ({"equals": {"/a": "x"}}, {"body": "[1]"}, "has no value at /a"),
    ],
)
def test_what_is_not_is_said(wanted: dict[str, Any], given: dict[str, Any], said: str) -> None:
    assert wrong(check(**wanted), answer(**given)) == said


@pytest.mark.parametrize(
    ("pointer", "value", "said"),
    [
        ("/status", "ok", None),
        ("/count", "7", None),
        ("/share", "0.50", None),
        ("/up", "true", None),
        ("/none", "null", None),
        ("/a~1b/c/0", "x", None),
        ("/status", "down", "has another value at /status"),
        ("/up", "True", "has another value at /up"),
        ("/a~1b", "x", "has no value at /a~1b"),
        ("/missing", "x", "has no value at /missing"),
        ("/a~1b/c/9", "x", "has no value at /a~1b/c/9"),
    ],
)
def test_values_of_a_json_body(pointer: str, value: str, said: str | None) -> None:
    assert wrong(check(equals={pointer: value}), answer(body=JSON)) == said


def test_nothing_of_a_body_is_ever_said() -> None:
    secret = '{"status": "hunter2"}'
    for wanted in ({"contains": "ok"}, {"equals": {"/status": "ok"}}, {"equals": {"/no": "ok"}}):
        said = wrong(check(**wanted), answer(body=secret))
        assert said
        assert "hunter2" not in said


def test_a_title_leaves_out_what_is_asked_with() -> None:
    assert title(check(method="HEAD"), "http://h.example.com/a/b?token=x") == "HEAD /a/b"
    assert title(check(), "http://h.example.com") == "GET /"


LIST = CheckList(checks=(check(),) * 3, tries=2, pause=timedelta(seconds=5), hosts=())


def test_each_is_asked_once_before_any_is_asked_again() -> None:
    failed = Checked(tries=1, at=START, said="GET / answered 503; 200 is wanted")
    good = Checked(tries=1, at=START, passed=True)
    assert next_turn([failed, good, Checked()], LIST) == (2, None)
    later = failed.model_copy(update={"at": START + timedelta(seconds=1)})
    assert next_turn([later, good, failed], LIST) == (2, START + timedelta(seconds=5))


def test_it_is_over_when_each_has_passed_or_had_its_tries() -> None:
    good = Checked(tries=1, at=START, passed=True)
    bad = Checked(tries=2, at=START, said="GET /health took 812 ms, 500 allowed")
    never = Checked(tries=1, at=START, refused=True, said="GET / was not asked: why")
    assert next_turn([good, bad, never], LIST) is None
    assert passed([good, bad, never]) == 1
    assert verdict([good, good, good, bad]) == (
        "Smoke: 3 of 4 passed: GET /health took 812 ms, 500 allowed."
    )
    assert verdict([bad] * 5).endswith("500 allowed; and 2 more.")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h.example.com/", "//h.example.com/", "http://", "http://h:0/", "http://h:99999/",
        "http://h.example.com/a b", "http://h.example.com\\@evil.example.com/", "http://-h/",
        "http://127.1/", "http://2130706433/", "http://h.example.com./", "http://[::1/",
        "http://h\t.example.com/", "http://exämple.com/",
    ],
)  # fmt: skip
def test_what_is_no_address_has_no_host(url: str) -> None:
    assert host_of(url) is None


def test_hosts_are_read_as_they_are_connected_to() -> None:
    assert host_of("https://H.Example.com:8443/x?y") == "h.example.com"
    assert host_of("http://127.0.0.1:9/") == "127.0.0.1"
    assert host_of("http://[::1]/") == "::1"


def test_a_star_lets_what_is_below_be_asked_and_nothing_beside() -> None:
    hosts = ("*.preview.example.com", "payments-preview.production.svc")
    for good in ("a.preview.example.com", "a.b.preview.example.com", hosts[1]):
        assert is_allowed(good, hosts)
    for bad in ("preview.example.com", "evilpreview.example.com", "a.example.com", "svc"):
        assert not is_allowed(bad, hosts)
    assert is_listed(hosts[1], hosts)
    assert not is_listed("a.preview.example.com", hosts)


def test_a_version_can_not_leave_its_part_of_the_path() -> None:
    url = filled_url(
        "http://{service}-preview.{namespace}.svc/{slot}/{version}",
        service="payments",
        namespace="production",
        slot="green",
        version="v1/../../admin?x=1#y",
    )
    assert url == "http://payments-preview.production.svc/green/v1%2F..%2F..%2Fadmin%3Fx%3D1%23y"


@pytest.mark.parametrize(
    ("text", "written"), [("500ms", "500ms"), ("2s", "2000ms"), (" 7 ms", "7ms")]
)
def test_brief_times(text: str, written: str) -> None:
    assert write_brief(parse_brief(text)) == written
    assert parse_brief(parse_brief(text)) == parse_brief(text)


@pytest.mark.parametrize("text", ["2", "2m", "0.5s", "1s500ms", "9999999999s", None])
def test_what_is_no_brief_time(text: Any) -> None:
    with pytest.raises(ValueError, match="is not a time such as 500ms or 2s"):
        parse_brief(text)


@pytest.mark.parametrize("ways", [{}, {"workflow": "w", "cronjob": "c"}, {"tries": 2}])
def test_one_way_and_no_other(ways: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="say one of workflow: FILE, cronjob: NAME and http"):
        Smoke(**ways)
