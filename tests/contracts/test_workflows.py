"""The example workflows keep the contract, pin what they use, and ask for the least rights."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "quantivista"
WORKFLOWS = {path.name: path for path in sorted((EXAMPLE / "workflows").glob("*.yml"))}
ACTIONS = {path.parent.name: path for path in sorted((EXAMPLE / "actions").glob("*/action.yml"))}
CONTRACT = ("release_id", "service", "version", "commit", "environment", "slot")
KINDS = {
    *("sast", "dast", "container", "secrets", "dependencies"),
    *("unit", "integration", "e2e", "performance", "compliance"),
}
SELF = "$/.github/"


def read(path: Path) -> dict[str, Any]:
    # YAML 1.2, as GitHub reads it: `on` is a word there, and no boolean.
    found: dict[str, Any] = YAML(typ="safe").load(path.read_text())
    return found


FILES = {name: read(path) for name, path in WORKFLOWS.items()}
COMPOSITES = {name: read(path) for name, path in ACTIONS.items()}
CATALOG = read(EXAMPLE / "catalog.yaml")
JOBS = [(name, job) for name, file in FILES.items() for job in file["jobs"]]
CALLS = [(name, job) for name, job in JOBS if "uses" in FILES[name]["jobs"][job]]
every_file = pytest.mark.parametrize("name", FILES)


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in FILES[name]["jobs"].values():
        yield from job.get("steps", [])


def dispatched() -> set[str]:
    entries = [CATALOG["defaults"]["services"], *CATALOG["services"].values()]
    ways = [entry.get(way, {}) for entry in entries for way in ("deploy", "smoke")]
    return {way["workflow"] for way in ways if "workflow" in way}


def test_each_workflow_that_the_catalogue_names_is_there() -> None:
    assert dispatched() == {"deploy.yml", "smoke.yml"}
    assert dispatched() <= FILES.keys()


@pytest.mark.parametrize("name", sorted(dispatched()))
def test_a_workflow_of_the_bot_takes_the_inputs_and_can_be_found_again(name: str) -> None:
    inputs = FILES[name]["on"]["workflow_dispatch"]["inputs"]
    assert tuple(inputs) == CONTRACT
    assert {one["type"] for one in inputs.values()} == {"string"}
    # A deployment that somebody starts by hand is of no release yet.
    by_hand = ["release_id"] if name == "deploy.yml" else []
    assert [key for key, one in inputs.items() if not one["required"]] == by_hand
    # once.yml compares the end of the title.
    assert FILES[name]["run-name"].endswith("(${{ inputs.release_id }})")
    assert FILES[name]["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize("name", sorted(dispatched()))
def test_it_begins_with_a_look_for_an_older_run(name: str) -> None:
    first, *others = FILES[name]["jobs"].values()
    assert first["uses"] == f"{SELF}workflows/once.yml"
    assert "needs" not in first
    assert others
    assert all(job["needs"] == "once" for job in others)


def test_the_deploying_one_sets_the_image_that_the_catalogue_expects() -> None:
    [script] = [step["run"] for step in steps("deploy.yml")]
    assert 'set image "$deployment" "$SERVICE=quantivista/$SERVICE:$VERSION"' in script
    assert 'deployment="deployment/$SERVICE-$SLOT"' in script
    assert "rollout status" in script
    names = CATALOG["defaults"]["services"]["kubernetes"]
    assert (names["deployment"], names["container"]) == ("{service}-{slot}", "{service}")
    images = {name: entry["image"] for name, entry in CATALOG["services"].items()}
    assert images == {name: f"quantivista/{name}:{{version}}" for name in images}
    namespaces = {name: one["namespace"] for name, one in CATALOG["environments"].items()}
    assert namespaces == {name: name for name in namespaces}


def test_the_smoke_test_leaves_its_counts_and_makes_no_deployment() -> None:
    assert all("environment" not in job for job in FILES["smoke.yml"]["jobs"].values())
    [kept] = [s for s in steps("smoke.yml") if "upload-artifact" in s.get("uses", "")]
    assert kept["with"]["name"] == "junit"
    assert kept["if"] == "${{ !cancelled() }}"


def test_each_check_that_an_environment_wants_is_a_job() -> None:
    wanted = {check for one in CATALOG["environments"].values() for check in one["checks"]}
    callers = ("ci.yml", "tests.yml")
    made = {
        job["name"] for name in callers for job in FILES[name]["jobs"].values() if "steps" in job
    }
    assert wanted == made


@every_file
def test_a_whole_file_has_no_rights_and_each_job_its_own(name: str) -> None:
    assert FILES[name]["name"] == name.removesuffix(".yml")
    assert FILES[name]["permissions"] == {}
    for job in FILES[name]["jobs"].values():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 90


@pytest.mark.parametrize(("name", "job"), CALLS)
def test_a_caller_grants_what_the_called_jobs_ask_for_and_no_more(name: str, job: str) -> None:
    call = FILES[name]["jobs"][job]
    called = FILES[call["uses"].removeprefix(f"{SELF}workflows/")]
    needed: dict[str, str] = {}
    for one in called["jobs"].values():
        needed |= one.get("permissions", {})
    assert call.get("permissions", {}) == needed


@pytest.mark.parametrize(("name", "job"), CALLS)
def test_a_caller_gives_the_inputs_that_the_called_file_takes(name: str, job: str) -> None:
    call = FILES[name]["jobs"][job]
    takes = FILES[call["uses"].removeprefix(f"{SELF}workflows/")]["on"]["workflow_call"] or {}
    for word, given in (("inputs", "with"), ("secrets", "secrets")):
        declared = takes.get(word, {})
        needed = {key for key, one in declared.items() if one.get("required")}
        assert needed <= call.get(given, {}).keys() <= declared.keys()


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_a_job_that_may_ask_for_a_token_runs_nothing_else(name: str, job: str) -> None:
    found = FILES[name]["jobs"][job]
    if "uses" in found or found.get("permissions", {}).get("id-token") != "write":
        return
    assert found["permissions"] == {"id-token": "write"}
    fetched, submitted = (step["uses"].partition("@")[0] for step in found["steps"])
    assert (fetched, submitted) == ("actions/download-artifact", f"{SELF}actions/submit-evidence")


def kinds_of(name: str, job: str) -> set[str]:
    found = FILES[name]["jobs"][job]
    said = {s["with"]["kind"] for s in found.get("steps", []) if "submit-evidence" in str(s)}
    if "${{ matrix.kind }}" in said:
        said = {row["kind"] for row in found["strategy"]["matrix"]["include"]}
    if "${{ inputs.level }}" in said:
        callers = [FILES[file]["jobs"][at] for file, at in CALLS]
        said = {one["with"]["level"] for one in callers if one["uses"].endswith(f"/{name}")}
    return said


def test_each_kind_of_evidence_is_submitted_by_one_job() -> None:
    submitted = [kind for name, job in JOBS for kind in sorted(kinds_of(name, job))]
    assert sorted(submitted) == sorted(KINDS)
    described = COMPOSITES["submit-evidence"]["inputs"]["kind"]["description"]
    assert set(re.findall(r"[a-z0-9]+", described)) - {"or"} == KINDS


def test_each_kind_that_policy_asks_for_is_handed_in_by_a_workflow_that_the_catalogue_lists() -> (
    None
):
    asked = {
        kind
        for policy in CATALOG["policies"].values()
        for kind in policy.get("evidence", {}).get("required", ())
    }
    sources = CATALOG["defaults"]["services"]["evidence"]["workflows"]
    listed = {re.sub(r"^quantivista/platform/\.github/workflows/|@.*$", "", one) for one in sources}
    assert asked == set().union(*(kinds_of(name, job) for name, job in JOBS if name in listed))
    assert listed <= FILES.keys()


@pytest.mark.parametrize("path", [*WORKFLOWS.values(), *ACTIONS.values()], ids=str)
def test_whatever_is_used_is_one_commit_or_ours(path: Path) -> None:
    used = re.findall(r"^ *(?:- )?uses: (.+)$", path.read_text(), re.MULTILINE)
    for one in used:
        if one.startswith(SELF):
            folder, _, name = one.removeprefix(SELF).partition("/")
            assert (EXAMPLE / folder / name).exists()
        else:
            assert re.fullmatch(r"[\w-]+(/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)


def test_one_action_has_one_commit_everywhere() -> None:
    text = "".join(path.read_text() for path in WORKFLOWS.values())
    pins = set(re.findall(r"uses: ([\w-]+/[\w-]+)\S*@([0-9a-f]{40})", text))
    assert sorted(repository for repository, _ in pins) == [
        "actions/checkout",
        "actions/download-artifact",
        "actions/upload-artifact",
        "github/codeql-action",
    ]


@every_file
def test_programs_and_images_from_elsewhere_are_pinned_by_their_content(name: str) -> None:
    for step in steps(name):
        if step.get("uses", "").endswith("/fetch-tool"):
            assert re.fullmatch(r"[0-9a-f]{64}", step["with"]["sha256"])
            assert re.search(r"/v\d+\.\d+\.\d+/", step["with"]["url"])
        for value in step.get("env", {}).values():
            if re.match(r"[a-z]+\.[a-z]+/", str(value)):
                assert re.fullmatch(r"[\w./-]+@sha256:[0-9a-f]{64}", value)


@every_file
def test_no_input_becomes_part_of_a_script_and_no_key_stays_in_the_checkout(name: str) -> None:
    for step in steps(name):
        assert "${{" not in step.get("run", "")
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False
    assert all("${{" not in s["run"] for one in COMPOSITES.values() for s in one["runs"]["steps"])


def test_the_docs_point_at_each_file_and_hold_no_copy() -> None:
    page = (ROOT / "docs" / "workflows.md").read_text()
    linked = re.findall(r"\]\(\.\./(examples/quantivista/[^)]+)\)", page)
    assert all((ROOT / one).exists() for one in linked)
    assert {Path(one).name for one in linked if one.endswith(".yml")} >= FILES.keys()
    assert "runs-on:" not in page
    assert all(f"`{kind}`" in page for kind in KINDS)
