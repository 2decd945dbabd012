"""The catalogue as the store keeps it: what was written is read again as it was."""

import pytest

from bot.domain.catalog import Catalog
from integrations.catalog_file import parse_catalog
from tests.scenarios.test_analysis import GUARDED
from tests.scenarios.test_canary import NAMED
from tests.scenarios.test_in_place import IN_PLACE
from tests.scenarios.test_pausing import HOLDING
from tests.test_command_line import EXAMPLE
from tests.tester import CATALOG


@pytest.mark.parametrize("text", [CATALOG, GUARDED, NAMED, HOLDING, IN_PLACE, EXAMPLE.read_text()])
def test_it_is_the_same_after_it_was_stored(text: str) -> None:
    catalog = parse_catalog(text).catalog
    assert Catalog.model_validate_json(catalog.model_dump_json(by_alias=True)) == catalog
