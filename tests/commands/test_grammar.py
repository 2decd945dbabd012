"""The grammar: what people's phones make of words; nothing but a sentence ever comes back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.requests import Asker, PlanRequest, ReleaseRequest
from bot.errors import UserError
from commands import release as release_verb
from commands._context import Context
from commands._grammar import Words, take_apart
from commands._router import discover
from tests.domain.facts import catalog
from tests.tester import ANA, CHANNEL
from tests.virtual import START

CATALOG = catalog()
NOBODY: Any = None
"""Reading words needs nobody who would act on them."""

CONTEXT = Context(
    asker=Asker(user=ANA, channel=CHANNEL),
    catalog=CATALOG,
    decisions=NOBODY,
    lending=NOBODY,
    stops=NOBODY,
    locking=NOBODY,
    halting=NOBODY,
    reviewing=NOBODY,
    queries=NOBODY,
    pod_lines=NOBODY,
    environments=NOBODY,
    surveyor=NOBODY,
    now=START,
    verbs={},
)
DASHES = st.sampled_from(["--", "—", "–", "‐‐", "−−", "-"])
QUOTES = st.sampled_from([('"', '"'), ("“", "”"), ("„", "“"), ("«", "»")])
REASONS = st.text(
    st.characters(categories=["L", "N", "Zs"], exclude_characters="\u00a0"), min_size=1
)
SPELLINGS = [
    name for env in CATALOG.environments for name in (env, *CATALOG.environments[env].aliases)
]


@given(
    st.sampled_from(sorted(CATALOG.services)),
    st.tuples(*[st.integers(0, 99)] * 3),
    st.sampled_from(SPELLINGS),
    DASHES,
    QUOTES,
    REASONS.filter(lambda text: text.strip() == text),
)
def test_a_request_reads_the_same_however_it_is_typed(
    service: str, numbers: Any, environment: str, dash: str, quotes: Any, reason: str
) -> None:
    version = "v" + ".".join(map(str, numbers))
    opening, closing = quotes
    typed = f" {service.upper()}  {version} *{environment}* {dash}reason {opening}{reason}{closing}"
    read = release_verb.parse(take_apart(typed), CONTEXT)
    assert read == ReleaseRequest(
        service=service,
        version=version,
        environment=CATALOG.environment_named(environment) or "",
        reason=reason,
    )
    planned = release_verb.parse(take_apart(f"{typed} {dash}dry-run"), CONTEXT)
    assert planned == PlanRequest(release=read)


def refusals(text: str) -> list[str]:
    """What each verb says against these words; a verb that takes them says nothing."""
    said = []
    for module in discover().values():
        try:
            module.parse(take_apart(text), CONTEXT)
        except UserError as refused:
            said.append(refused.sentence)
    return said


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    assert all(sentence.endswith((".", "?")) for sentence in refusals(text))


@given(
    st.lists(st.sampled_from(["payments", "v2.1.0", "prod", "rel-7k3f", "--x", "--reason", "3"]))
)
def test_words_in_any_order_are_read_or_refused(parts: list[str]) -> None:
    assert all(sentence.endswith((".", "?")) for sentence in refusals(" ".join(parts)))


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("paymnts v2.1.0 prod", 'There is no service "paymnts". Did you mean payments?'),
        ("payments v2.1.0 prodd", 'There is no environment "prodd". Did you mean prod?'),
        ("payments latest prod", '"latest" is not a version such as v2.1.0.'),
        ("payments v2.1.0", "Some words are missing."),
        ("payments v2.1.0 prod now", "That has too many words."),
        ("payments v2.1.0 prod --reason", "--reason needs a value."),
        (
            "payments v2.1.0 prod --resaon x",
            "There is no option --resaon here. Did you mean --reason?",
        ),
        ("payments v2.1.0 prod --reason a --reason b", "--reason is there twice."),
        ("payments v2.1.0 prod --dry-run=yes", "--dry-run takes no value."),
        ("payments v2.1.0 prod --emergency=yes", "--emergency takes no value."),
        (
            "payments v2.1.0 prod --strategy canari",
            'There is no strategy "canari". Did you mean canary?',
        ),
        ('payments v2.1.0 prod --reason "open', "A quote was opened and not closed."),
        ("x" * 2001, "That is 2001 characters long; 2000 are enough."),
    ],
)
def test_a_slip_gets_one_clear_sentence(typed: str, says: str) -> None:
    with pytest.raises(UserError) as refused:
        release_verb.parse(take_apart(typed), CONTEXT)
    assert refused.value.sentence.startswith(says)


def test_an_apostrophe_is_no_quote() -> None:
    assert take_apart("payments don't") == Words(("payments", "don't"), {})
