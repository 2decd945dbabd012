"""Where evidence may come from: patterns, claims, and what the catalogue may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.claims import Claims, is_elsewhere, unfit
from bot.domain.sources import Evidence, Sources, is_workflow, matches

WORKFLOW = "o/r/.github/workflows/ci.yml"
SOURCES = Sources(repository_id="7", workflows=(f"{WORKFLOW}@refs/tags/*",))


def claims(**more: str) -> Claims:
    given = {
        "issuer": "https://token.actions.githubusercontent.com",
        "repository": "o/r",
        "repository_id": "7",
        "ref": "refs/tags/v1",
        "sha": "a" * 40,
        "job_workflow_ref": f"{WORKFLOW}@refs/tags/v1",
        "run_id": "12",
        "run_attempt": "3",
    }
    return Claims.model_validate(given | more)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("refs/tags/*", "refs/tags/v1", True),
        ("refs/tags/*", "refs/tags/a/v1", False),
        ("refs/tags/**", "refs/tags/a/v1", True),
        ("refs/tags/a/*", "refs/tags/a/v1", True),
        ("refs/tags/v1.0", "refs/tags/v1x0", False),
        ("refs/tags/*", "refs/tags/v1\n", False),
        ("refs/tags/v*", "refs/tags/v1\nrefs/tags/x", False),
        ("refs/heads/main", "refs/heads/main", True),
        ("refs/heads/main", "refs/heads/main2", False),
    ],
)
def test_patterns(pattern: str, text: str, *, fits: bool) -> None:
    assert matches(pattern, text) is fits


@given(st.text(), st.text())
def test_a_pattern_without_stars_is_only_itself(pattern: str, text: str) -> None:
    if "*" not in pattern:
        assert matches(pattern, text) is (pattern == text)


def test_workflows_by_owner_and_name_in_any_case_and_path_as_it_is() -> None:
    pattern = f"{WORKFLOW}@refs/tags/*"
    assert is_workflow(pattern, "O/R/.github/workflows/ci.yml@refs/tags/v1")
    assert not is_workflow(pattern, "o/r/.github/workflows/CI.yml@refs/tags/v1")
    assert not is_workflow(pattern, "o/r2/.github/workflows/ci.yml@refs/tags/v1")
    assert not is_workflow(pattern, "o/r/.github/workflows/ci.yml@refs/heads/main")
    assert not is_workflow(pattern, "")


def test_a_workflow_that_is_called_by_its_commit() -> None:
    pattern = f"{WORKFLOW}@{'c' * 40}"
    assert Sources(repository_id="7", workflows=(pattern,)).workflows == (pattern,)
    assert is_workflow(pattern, pattern)
    assert not is_workflow(pattern, f"{WORKFLOW}@{'d' * 40}")


def test_a_run_that_fits() -> None:
    assert unfit(claims(), "o/r", SOURCES) is None
    assert unfit(claims(repository="O/R"), "o/r", SOURCES) is None


def test_no_workflow_is_nobody() -> None:
    assert "names no workflow" in (unfit(claims(), "o/r", Sources()) or "")


def test_a_run_is_for_its_own_tag_only() -> None:
    commit = "a" * 40
    assert is_elsewhere(claims(), commit, "v1") is None
    assert is_elsewhere(claims(ref="refs/heads/main"), commit, "v1") is None
    assert "orders/v1" in (is_elsewhere(claims(ref="refs/tags/orders/v1"), commit, "v1") or "")
    assert "was at aaaaaaaaaaaa" in (is_elsewhere(claims(), "b" * 40, "v1") or "")


def test_the_address_of_a_run() -> None:
    assert claims().run == "https://github.com/o/r/actions/runs/12/attempts/3"
    own = claims(issuer="https://ghes.example.com/_services/token")
    assert own.run == "https://ghes.example.com/o/r/actions/runs/12/attempts/3"
    assert claims(run_id="../x").run is None
    assert claims(run_attempt="x").run == "https://github.com/o/r/actions/runs/12/attempts/1"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workflows": [f"{WORKFLOW}@refs/tags/*"]}, "workflows need repository_id"),
        ({"workflows": ["ci.yml"], "repository_id": 7}, "is no workflow such as"),
        ({"workflows": [WORKFLOW], "repository_id": 7}, "is no workflow such as"),
        ({"workflows": [f"*/{WORKFLOW}@refs/tags/*"], "repository_id": 7}, "no workflow"),
        ({"refs": ["main"]}, "is no ref such as"),
        ({"refs": []}, "at least 1"),
        ({"repository_id": "o/r"}, "match pattern"),
        ({"repository_id": True}, "valid string"),
        ({"tokens": ["s3cret-value"]}, "names an environment variable"),
        ({"budgets": {"p95": 0}}, "greater than 0"),
        ({"budgets": {"p95": float("nan")}}, "finite"),
        ({"alerts": ["code"]}, "secrets"),
        ({"workflow": []}, "Extra inputs"),
    ],
)
def test_what_the_catalogue_can_not_say(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as error:
        Sources.model_validate(given)
    assert words in str(error.value)
    assert "s3cret-value" not in str(error.value)


def test_an_issuer_by_http_is_only_this_machine() -> None:
    assert Evidence(issuer="http://127.0.0.1:1").audience == "release-bot"
    with pytest.raises(ValidationError, match="https"):
        Evidence(issuer="http://issuer.example.com")


def test_numbers_and_nothing_else_survive_a_round_trip() -> None:
    for one in (SOURCES, Sources(), Sources(repository_id=7)):  # type: ignore[arg-type]
        assert Sources.model_validate(one.model_dump(mode="json")) == one
