"""Counts test cases in JUnit XML: the one place that does, for artifacts and for evidence.

Counts cases, not the suites' own attributes, which tools fill in differently or wrongly. Takes an
element that was parsed with defusedxml already; knows no file and no zip.
"""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from junitparser.junitparser import Error, Failure, Skipped
from junitparser.xunit2 import JUnitXml, TestCase

from bot.domain.evidence import CaseCounts

ROOTS = ("testsuites", "testsuite")


def counted(root: Element) -> CaseCounts:
    """Count every case, in suites however nested. Raises JUnitXmlError for another root."""
    cases = added(_of_case(case) for case in _cases(root))
    return cases.model_copy(update={"unlisted": _unlisted(root)})


def added(counts: Iterable[CaseCounts]) -> CaseCounts:
    """Add counts up."""
    sums = dict.fromkeys(CaseCounts.model_fields, 0)
    for one in counts:
        for name in sums:
            sums[name] += getattr(one, name)
    return CaseCounts(**sums)


def _cases(root: Element) -> Iterator[TestCase]:
    report: JUnitXml = JUnitXml.fromroot(root)  # type: ignore[arg-type,assignment]
    # Some writers leave the suites out.
    yield from report.iterchildren(TestCase)
    for suite in report:
        # Iterating over a suite gives the cases of the suites inside it too.
        yield from suite  # type: ignore[misc]


def _of_case(case: TestCase) -> CaseCounts:
    results = case.result
    broken = any(isinstance(result, Error) for result in results)
    bad = broken or any(isinstance(result, Failure) for result in results)
    skipped = not bad and any(isinstance(result, Skipped) for result in results)
    good = not bad and not skipped
    return CaseCounts(
        run=1,
        passed=int(good),
        failed=int(bad),
        skipped=int(skipped),
        errors=int(broken),
        flaky=int(good and case.is_flaky),
    )


def _unlisted(root: Element) -> int:
    """Say how many failures and errors the outermost totals name beyond those that are there.

    gotestsum, for one, writes a package that did not build into the totals only.
    """
    tops = [root] if root.tag == "testsuite" else root.findall("testsuite")
    claimed = max(_claimed(root), sum(_claimed(top) for top in tops))
    there = sum(1 for _ in root.iter("failure")) + sum(1 for _ in root.iter("error"))
    return max(0, claimed - there)


def _claimed(suite: Element) -> int:
    return _number(suite.get("failures")) + _number(suite.get("errors"))


def _number(text: str | None) -> int:
    """Read a total; what is no number claims nothing."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - digits
