"""Counts tests in a JUnit artifact. The file is somebody else's: limits on everything.

Counts cases, not the suites' own attributes, which tools fill in differently or wrongly.
"""

import io
import zipfile
import zlib

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from junitparser import JUnitXml, TestCase, TestSuite
from junitparser.junitparser import Error, Failure, JUnitXmlError, Skipped

from bot.domain.runs import TestCounts
from bot.errors import PermanentError

LARGEST = 20 * 2**20
"""Bytes of an artifact, packed or unpacked, that are read at the most."""


def count(packed: bytes) -> TestCounts | None:
    """Count over every XML file in the zip; None where it holds none.

    Raises PermanentError for what is too large, broken, or tries to be an entity bomb.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            found = [i for i in archive.infolist() if i.filename.lower().endswith(".xml")]
            if sum(info.file_size for info in found) > LARGEST:
                raise PermanentError("the junit artifact is over 20 MB unpacked")
            texts = [_read(archive, info) for info in found]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise PermanentError(f"the junit artifact is no good zip: {error}") from error
    if not texts:
        return None
    return _add([_count_text(text) for text in texts])


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        # The sizes in a zip's directory are what its maker says; this is what there is.
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise PermanentError("the junit artifact is over 20 MB unpacked")
    return text


def _count_text(text: bytes) -> TestCounts:
    try:
        fromstring(text, forbid_dtd=True)
        report = JUnitXml.fromstring(text)
    except (ParseError, DefusedXmlException, JUnitXmlError, ValueError) as error:
        raise PermanentError(f"the junit report can't be read: {error}") from error
    suites = [report] if isinstance(report, TestSuite) else list(report)
    # Iterating over a suite gives the cases of the suites inside it too.
    return _add([_of_case(case) for suite in suites for case in suite])


def _of_case(case: TestCase) -> TestCounts:
    bad = any(isinstance(result, Failure | Error) for result in case.result)
    skipped = not bad and any(isinstance(result, Skipped) for result in case.result)
    good = not bad and not skipped
    return TestCounts(run=1, passed=int(good), failed=int(bad), skipped=int(skipped))


def _add(counts: list[TestCounts]) -> TestCounts:
    return TestCounts(
        run=sum(c.run for c in counts),
        passed=sum(c.passed for c in counts),
        failed=sum(c.failed for c in counts),
        skipped=sum(c.skipped for c in counts),
    )
