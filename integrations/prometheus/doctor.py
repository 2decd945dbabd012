"""Looks at Prometheus for `release-bot doctor`: whether it answers, its version, each selector.

Called by `app`. Reads only, and never says the token.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.errors import ForbiddenError, MissingError, PermanentError, TemporaryError
from bot.ports import Checkup, Finding
from integrations.prometheus.client import Prometheus

SUBJECT = "Prometheus"

AT_ONCE = 4
"""Selectors that are looked at beside each other."""

REACH = timedelta(minutes=5)
"""How far back a selector's series are looked for: as far as Prometheus itself looks."""

OLD = timedelta(minutes=2)
"""Age of the newest sample that is worth a word: nobody scrapes that seldom."""

AGAIN = "Run this again in a minute."


async def examine(
    client: Prometheus, selectors: Iterable[tuple[str, tuple[str, ...]]], at: datetime
) -> Checkup:
    """Look whether it answers, then for each service whether its selectors find series.

    Of a tuple of selectors one must: a slot that is idle may have none. `at` is now. Raises
    nothing that the port may raise: each is a finding.
    """
    try:
        await client.number("vector(1)", at)
    except (TemporaryError, PermanentError) as error:
        return Checkup(findings=(_no_answer(error),))
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(service: str, slots: tuple[str, ...]) -> Finding:
        async with turns:
            each = [await _selector(client, service, selector, at) for selector in slots]
        return next((finding for finding in each if finding.good), each[0])

    found = await asyncio.gather(*(look(service, slots) for service, slots in selectors))
    return Checkup(findings=(await _version(client), *found))


def _no_answer(error: Exception) -> Finding:
    if isinstance(error, ForbiddenError):
        remedy = "Give the bot a token that may query, or mend the one that it has."
    elif isinstance(error, MissingError):
        remedy = "Mend the address of Prometheus: /api/v1/query must be right below it."
    else:
        remedy = "Check the address of Prometheus and the network."
    return _bad(SUBJECT, f"{error}.", remedy)


async def _version(client: Prometheus) -> Finding:
    try:
        version = await client.version()
    except (TemporaryError, PermanentError):
        # What speaks Prometheus' language need not tell it: queries are answered all the same.
        return _good(SUBJECT, "It answers queries, and doesn't tell its version.")
    return _good(SUBJECT, f"It answers queries, version {version}.")


async def _selector(client: Prometheus, service: str, selector: str, at: datetime) -> Finding:
    subject = f"Metrics of {service}"
    try:
        found = await client.counters(selector, at, REACH)
    except TemporaryError as error:
        return _bad(subject, f"{selector}: not known. {error}.", AGAIN)
    except PermanentError as error:
        return _bad(subject, f"{selector}: {error}.", "Mend the selector in the catalogue.")
    if not any(series.samples for series in found):
        minutes = REACH // timedelta(minutes=1)
        sentence = f"{selector} found no series in the last {minutes} minutes."
        remedy = "Mend the selector in the catalogue, or let Prometheus scrape the service."
        return _bad(subject, sentence, remedy)
    age = at - max(series.samples[-1].at for series in found if series.samples)
    if age > OLD:
        sentence = f"The newest sample of {selector} is {age.total_seconds():.0f} s old."
        remedy = "See whether the service is scraped, and compare Prometheus' clock with ours."
        return _bad(subject, sentence, remedy)
    many = "one series" if len(found) == 1 else f"{len(found)} series"
    return _good(subject, f"{selector} finds {many}.")


def _good(subject: str, sentence: str) -> Finding:
    return Finding(good=True, subject=subject, sentence=sentence)


def _bad(subject: str, sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject=subject, sentence=sentence, remedy=remedy)
