"""What a handler is given: who asks, the catalogue, decisions, queries, the list of verbs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.catalog import Catalog
from bot.domain.reasons import Reason
from bot.domain.requests import Asker
from bot.engine.decisions import Decisions
from bot.engine.environments import Environments
from bot.engine.halting import Halting
from bot.engine.lending import Lending
from bot.engine.locking import Locking
from bot.engine.pod_logs import PodLines
from bot.engine.queries import Queries
from bot.engine.reviewing import Reviewing
from bot.engine.stops import Stops
from bot.engine.surveys import Surveyor
from bot.errors import UserError


@dataclass(frozen=True)
class Context:
    """One command's surroundings. `verbs` maps each verb's use to what it does, for help."""

    asker: Asker
    catalog: Catalog
    decisions: Decisions
    lending: Lending
    stops: Stops
    locking: Locking
    halting: Halting
    reviewing: Reviewing
    queries: Queries
    pod_lines: PodLines
    environments: Environments
    surveyor: Surveyor
    now: datetime
    verbs: Mapping[str, str]
    here: str | None = None
    """The release in whose thread this was said."""


def this_release(words: tuple[str, ...], here: str | None, usage: str) -> str:
    """Take the release id from the words, else from the thread in which they were said."""
    if words:
        return words[0]
    if here is None:
        raise UserError(
            f"Which release? Say `/release {usage}`; `/release status` lists them.",
            Reason.NOT_UNDERSTOOD,
        )
    return here
