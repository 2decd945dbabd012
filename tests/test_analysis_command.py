"""`release-bot analysis judge`: anyone can check a verdict."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import cli

HEAD = "dt,n_c,f_c,n_s,f_s\n"
WORKED = (
    HEAD + "15,150,1,1350,2\n15,148,3,1362,1\n15,0,0,1340,1\n15,155,4,1340,3\n15,152,6,1351,2\n"
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Run":
    monkeypatch.chdir(tmp_path)
    return Run()


class Run:
    """Judge a file with this text in it."""

    def __call__(self, text: str, *words: str) -> Result:
        Path("looks.csv").write_text(text)
        return CliRunner().invoke(cli, ["analysis", "judge", "looks.csv", *words])


def test_a_list_with_an_object_a_look(run: Run) -> None:
    done = run(WORKED, "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert [set(look) for look in found] == [{"E", "X", "R", "Hbar", "state"}] * 5
    assert found[-1]["E"] == pytest.approx(494.852388, abs=1e-6)
    assert found[0]["R"] == pytest.approx(0.495687, abs=1e-6)
    assert [look["state"] for look in found] == [
        *("undecided", "undecided", "undecided", "marginal", "unhealthy"),
    ]


def test_the_parameters_are_options(run: Run) -> None:
    found = json.loads(run(WORKED, "--json", "--m", "1").stdout)
    assert found[3]["E"] == pytest.approx(444.485459, abs=1e-6)
    assert found[3]["state"] == "unhealthy"
    assert json.loads(run(WORKED, "--json", "--m=1", "--k=50").stdout)[3]["state"] == "marginal"
    other = ["--rho=1.25", "--delta=0", "--rho-h=3", "--delta-h=0.01", "--alpha=0.05"]
    more = ["--beta=0.1", "--half=600", "--min-bake=0"]
    assert run(WORKED, "--json", *other, *more).exit_code == 0


def test_rows_go_on_after_unhealthy(run: Run) -> None:
    found = json.loads(run(WORKED + "15,1500,0,13500,90\n" * 50, "--json", "--m=1").stdout)
    assert len(found) == 55
    assert {look["state"] for look in found[3:]} == {"unhealthy"}


def test_as_a_person_reads_it(run: Run) -> None:
    lines = run(WORKED).stdout.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("    15 s  too little traffic to judge yet: 150 requests on green")
    assert "75 s  unhealthy: errors 2.3 % (blue 0.13 %): 13 more failures" in lines[-1]


def test_a_row_that_says_nothing_is_passed_over_and_its_time_counts(run: Run) -> None:
    gap = HEAD + "15,150,1,1350,2\n15,150,,1350,2\n15,10,11,100,1\n15,NaN,0,1,0\n15,148,3,1362,1\n"
    done = run(gap, "--json")
    whole = run(HEAD + "15,150,1,1350,2\n60,148,3,1362,1\n", "--json")
    assert json.loads(done.stdout) == json.loads(whole.stdout)
    assert done.stderr.splitlines() == [
        "looks.csv:3: f_c is missing; the row is passed over.",
        "looks.csv:4: f_c is 11, and n_c only 10; the row is passed over.",
        "looks.csv:5: n_c is missing; the row is passed over.",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dt,n_c,f_c,n_s\n15,1,1,1\n", "looks.csv: the column f_s is missing; the first line must"),
        ("", "looks.csv: the column dt is missing"),
        (HEAD + "15,many,1,1,1\n", 'looks.csv:2: n_c is "many", which is no number.'),
        (HEAD + "-15,1,1,1,1\n", "looks.csv:2: dt is -15; it must be seconds, 0 or more."),
        (HEAD + ",1,1,1,1\n", "looks.csv:2: dt is empty; it must be seconds, 0 or more."),
        (HEAD + "inf,1,1,1,1\n", "looks.csv:2: dt is inf; it must be seconds, 0 or more."),
    ],
)
def test_what_is_no_table_of_looks(run: Run, text: str, sentence: str) -> None:
    done = run(text, "--json")
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert done.stdout == ""


def test_a_file_that_is_not_there_and_one_that_is_no_text(run: Run) -> None:
    missing = CliRunner().invoke(cli, ["analysis", "judge", "nowhere.csv"])
    assert (missing.exit_code, missing.stderr) == (1, "nowhere.csv: No such file or directory.\n")
    Path("binary.csv").write_bytes(b"\xff\xfe\x00")
    binary = CliRunner().invoke(cli, ["analysis", "judge", "binary.csv"])
    assert (binary.exit_code, binary.stderr) == (1, "binary.csv: it is no CSV in UTF-8.\n")
    assert run(HEAD).stdout == "looks.csv has no look that can be judged.\n"
    assert json.loads(run(HEAD, "--json").stdout) == []


@pytest.mark.parametrize("option", ["--m=0.5", "--alpha=0", "--alpha=2", "--rho=-1", "--half=0"])
def test_parameters_that_cannot_be(run: Run, option: str) -> None:
    done = run(WORKED, option)
    assert done.exit_code == 2
    assert option.split("=", maxsplit=1)[0] in done.stderr
