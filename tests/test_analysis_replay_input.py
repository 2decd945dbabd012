"""What `release-bot analysis replay` reads, and what it says of files that are no recording."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.__main__ import cli
from bot.replay_files import LARGEST
from tests.recorded import BEGUN, STEPS, Run, case, guard, guarded, row, values


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_json_lines_and_single_cases(run: Run) -> None:
    one, two = json.dumps(case("a")), json.dumps(case("b", new=0.05))
    listed = run(f"[{one}, {two}]").stdout
    assert run(f"{one}\n\n{two}\n").stdout == listed
    assert run(f"{one}\n{two}", name="cases.jsonl").stdout == listed
    assert run(json.dumps(case("a"), indent=2)).stdout.startswith("a (orders in production): ")
    assert run(one).stdout.startswith("a (orders in production): ")
    assert run("\ufeff" + one).exit_code == 0
    assert run("[]").stdout == "0 cases.\n"


def test_the_catalogue_of_the_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run([case()])
    monkeypatch.setenv("RELEASE_BOT_CATALOG", str(run.folder / "rules.yaml"))
    words = ["analysis", "replay", str(run.folder / "cases.json")]
    assert CliRunner().invoke(cli, words).exit_code == 0
    monkeypatch.setenv("PORT", "many")
    assert CliRunner().invoke(cli, words).exit_code == 2
    gone = CliRunner().invoke(cli, [*words, "--catalog", "nowhere.yaml"])
    assert (gone.exit_code, "nowhere.yaml:1:1: it can't be read" in gone.stderr) == (1, True)
    assert CliRunner().invoke(cli, ["analysis", "replay"]).exit_code == 2
    assert CliRunner().invoke(cli, [*words, "--nonsense"]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        ("", "c.json", "c.json: it holds no case."),
        ('[\n{"name": }]', "c.json", "c.json:2:10: this is not JSON: expecting value."),
        ('\n\n{"name": }', "c.json", "c.json:3:10: this is not JSON: expecting value."),
        ('{"name": ', "c.jsonl", "c.jsonl:1:10: this is not JSON: expecting value."),
        ("[" * 100_000, "c.json", "c.json:1: this can't be read: it is nested too deep."),
        (f"[{'1' * 5000}]", "c.json", "c.json:1: this can't be read: a number is too long."),
        ("7", "c.json", "c.json: case 1: it must be an object."),
        ("[7]", "c.json", "c.json: case 1: it must be an object."),
        ("{}", "c.json", "c.json:1: the case: name is missing."),
    ],
)
def test_what_is_no_file_of_cases(run: Run, text: str, name: str, sentence: str) -> None:
    assert run.wrong(text, name=name) == sentence


def test_a_later_line_is_named(run: Run) -> None:
    good = json.dumps(case())
    broken = f'{good}\n\n{{"name": "b", }}\n'
    assert run.wrong(broken).startswith("cases.json:3:15: this is not JSON: ")
    other = json.dumps(case("b", service="ordrs"))
    assert run.wrong(f"{good}\n{other}") == (
        'cases.json:2: case "b": There is no service "ordrs". Did you mean orders?'
    )


def test_files_that_are_not_there_or_no_text_or_too_big(run: Run) -> None:
    run([case()])
    words = ["--catalog", str(run.folder / "rules.yaml")]
    path = run.folder / "cases.json"

    def said() -> str:
        done = CliRunner().invoke(cli, ["analysis", "replay", str(path), *words])
        assert (done.exit_code, done.stdout) == (1, "")
        return done.stderr.replace(f"{run.folder}/", "").strip()

    path.write_bytes(b"\xff\xfe{")
    assert said() == "cases.json: it is no JSON in UTF-8."
    path.write_bytes(b"[")
    os.truncate(path, LARGEST + 1)
    assert said() == "cases.json: the file is over 200 MB; split it into several."
    path.unlink()
    assert said() == "cases.json: No such file or directory."


def without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda given: given.pop(key)


def setting(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda given: given.update(changes)


def step(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda given: given["steps"][0].update(changes)


def entry(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda given: given["series"][0].update(changes)


def sample(at: float, value: str) -> Callable[[dict[str, Any]], None]:
    return lambda given: given["series"][0]["result"][0]["values"].append([at, value])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (without("steps"), "steps is missing."),
        (without("series"), "series is missing."),
        (setting(expect="bad"), "there is no key expect."),
        (setting(steps=7), "steps must be a list."),
        (setting(expected="fine"), "expected: it should be 'good' or 'bad' (it is \"fine\")."),
        (step(weight=500), "steps[0].weight: it should be less than or equal to 100 (it is 500)."),
        (step(since="yesterday"), "steps[0].since: it should be a valid datetime"),
        (step(since="2025-10-09T08:53:20"), "steps[0].since: it should have timezone info"),
        (setting(steps=[STEPS[1], STEPS[0]]), "steps[1] begins before steps[0] is over."),
        (entry(slot="red"), "series[0].slot: it should be 'blue' or 'green' (it is \"red\")."),
        (
            sample(BEGUN + 2000, "many"),
            "series[0].result[0].values[125][1]: it should be a valid number, unable to parse",
        ),
        (
            sample(BEGUN, "5"),
            "errors, requests on green: the samples are out of order at 1760000000",
        ),
        (setting(service="ordrs"), 'There is no service "ordrs". Did you mean orders?'),
        (setting(environment="produktion"), 'There is no environment "produktion". Did you mean'),
        (setting(service="payments"), "the catalogue gives payments no metrics."),
        (entry(indicator="erors"), 'the service has no indicator "erors": did you mean errors.'),
        (entry(indicator="zzz"), 'the service has no indicator "zzz": there is errors.'),
        (
            lambda given: given["series"].append({"guard": "failing", "values": []}),
            'the service has no guard "failing": there is none.',
        ),
        (
            lambda given: given["series"].pop(0),
            "errors, requests on green: nothing is recorded; where Prometheus had no series say",
        ),
        (entry(part="good"), "errors, requests on green: nothing is recorded; where Prometheus"),
        (
            lambda given: given["series"].append(given["series"][0]),
            "errors, requests on green is there twice.",
        ),
        (
            lambda given: given["series"][0]["result"].append(row([])),
            "errors, requests on green: one series is there twice, and would count twice.",
        ),
        (
            lambda given: [one.update(result=[]) for one in given["series"]],
            "errors: no sample of requests lies in the time of the steps.",
        ),
        (
            step(since=BEGUN + 86400),
            "errors: no sample of requests lies in the time of the steps.",
        ),
        (
            lambda given: given["series"][2].update(result=[row(values([(30, 9)], 660, 15))]),
            "errors, requests on blue: the samples begin after the first traffic, so its counters",
        ),
    ],
)
def test_what_is_no_case(
    run: Run, spoil: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    given = case("r7")
    spoil(given)
    said = run.wrong([given])
    assert said.startswith(f'cases.json: case "r7": {sentence}')


def test_guards_must_be_recorded_once(run: Run) -> None:
    start = 'cases.json: case "r1": '
    assert run.wrong([case()], rules=guarded()) == (
        f'{start}of the guard "failing" nothing is recorded.'
    )
    twice = case()
    twice["series"] += [guard(0.1), guard(0.1)]
    assert run.wrong([twice], rules=guarded()) == f'{start}the guard "failing" is there twice.'
    late = case()
    late["series"].append({"guard": "failing", "values": [[BEGUN, "1"], [BEGUN, "1"]]})
    assert run.wrong([late], rules=guarded()) == (
        f'{start}guard "failing": the samples are out of order at {BEGUN}.'
    )
