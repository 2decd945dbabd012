"""Counts tests in a JUnit artifact. The file is somebody else's: limits on everything.

Counts cases, not the suites' own attributes, which tools fill in differently or wrongly.
"""

import io
import zipfile
import zlib

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from junitparser.junitparser import JUnitXmlError

from bot.domain.evidence import CaseCounts
from bot.domain.runs import TestCounts
from bot.errors import PermanentError
from integrations import junit

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
    whole = junit.added(_counted(text) for text in texts)
    return TestCounts.model_validate(whole.model_dump())


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        # The sizes in a zip's directory are what its maker says; this is what there is.
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise PermanentError("the junit artifact is over 20 MB unpacked")
    return text


def _counted(text: bytes) -> CaseCounts:
    try:
        return junit.counted(fromstring(text, forbid_dtd=True))
    except (ParseError, DefusedXmlException, JUnitXmlError, ValueError, LookupError) as error:
        raise PermanentError(f"the junit report can't be read: {error}") from error
    except RecursionError as error:
        raise PermanentError("the junit report is nested too deep") from error
