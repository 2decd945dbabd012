"""What a run's title tells, and what somebody who fills in its inputs can't make it tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.titles import bears, named_release, version_in_title, words_of

TITLE = "deploy payments v2.1.0 green (rel-7k3f)"


def test_the_documented_title_tells_whose_run_it_is() -> None:
    assert bears(TITLE, "rel-7k3f")
    assert named_release(TITLE) == "rel-7k3f"
    assert words_of(TITLE) == ["deploy", "payments", "v2.1.0", "green"]
    assert version_in_title(TITLE) == "v2.1.0"


@pytest.mark.parametrize(
    "title",
    [
        "deploy rel-7k3f green (by-hand)",
        "deploy payments (rel-7k3f) green (by-hand)",
        "deploy payments v2.1.0 green (rel-7k3f-back)",
        "deploy payments v2.1.0 green (rel-7k3fa)",
        "deploy payments v2.1.0 (see rel-7k3f)",
        "deploy payments v2.1.0 green xrel-7k3f",
    ],
)
def test_another_run_is_not_the_releases(title: str) -> None:
    assert not bears(title, "rel-7k3f")


@pytest.mark.parametrize(
    "title", ["rel-7k3f", "deploy rel-7k3f to production", "deploy (rel-7k3f) again"]
)
def test_a_title_that_holds_the_id_in_another_place_is_found_too(title: str) -> None:
    assert bears(title, "rel-7k3f")
    assert named_release(title) == "rel-7k3f"


def test_the_run_that_leads_back_is_its_releases_and_another_one() -> None:
    back = "deploy payments v2.0.5 green (rel-7k3f-back)"
    assert bears(back, "rel-7k3f-back")
    assert named_release(back) == "rel-7k3f"


@pytest.mark.parametrize(
    "title",
    [
        "deploy payments latest green (1.2.3)",
        "deploy payments latest green (x) 1.2.3 (y)",
        "deploy payments 1.2.3 green ( blue (y)",
        "deploy payments ) 1.2.3 (y)",
        "deploy payments 1.2.3 (",
        "deploy payments 1.2.3 2.0.0 (y)",
    ],
)
def test_an_input_can_not_name_a_version_of_its_own(title: str) -> None:
    assert version_in_title(title) is None


@given(st.text(alphabet="()v12.3 ,-abcgreenblue"))
def test_whatever_the_release_id_is_it_adds_no_word_to_the_title(written: str) -> None:
    words = words_of(f"deploy payments latest green ({written})")
    assert words in ([], ["deploy", "payments", "latest", "green"])


@given(st.text(), st.text())
def test_any_title_can_be_read(title: str, name: str) -> None:
    bears(title, name)
    words_of(title)
