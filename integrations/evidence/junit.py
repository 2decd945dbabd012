"""JUnit XML, as pytest, Surefire, Jest, gotestsum, Playwright and many others write it.

`integrations.junit` counts, for artifacts of workflow runs too. Names and messages of tests are not
kept.
"""

from bot.domain.evidence import CaseCounts, Format, Report
from integrations.evidence.parts import moment
from integrations.evidence.reading import Content
from integrations.junit import ROOTS, counted

FORMAT = Format.JUNIT
EMPTY = Report(format=FORMAT, tool="JUnit", tests=CaseCounts(run=0, passed=0, failed=0, skipped=0))
"""No test was run, which is not the same as passed."""


def recognise(content: Content) -> bool:
    """Tell by the root."""
    return content.root is not None and content.root.tag in ROOTS


def read(content: Content) -> Report:
    """Read it. What wrote it stands nowhere in it."""
    root = content.root
    if root is None:
        raise AssertionError
    first = next((suite.get("timestamp") for suite in root.iter("testsuite")), None)
    return Report(
        format=FORMAT,
        tool="JUnit",
        written_at=moment(root.get("timestamp") or first),
        tests=counted(root),
    )
