"""`release-bot analysis replay`: what the rules of a service would have made of the past.

Used by the command line. Reads recorded cases and the catalogue, and prints; asks no Prometheus,
and needs no database. What is looked at and decided is `domain.replaying`.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from bot.app import CatalogError, load_catalog
from bot.domain.catalog import Catalog
from bot.domain.indicators import Watching
from bot.domain.recordings import Case, Recording, RecordingError, recording_of
from bot.domain.replaying import Replayed, Ways, summary_of
from bot.domain.replaying import replay as replayed
from bot.domain.rules import rules_for
from bot.engine.world import Limits
from bot.errors import UserError
from bot.replay_files import cases
from bot.settings import Settings
from bot.views import replay_lines
from commands._grammar import closest, place


def replay(
    file: Annotated[Path, typer.Argument(help="Recorded cases: JSON, or JSON Lines.")],
    *,
    catalog: Annotated[
        Path | None, typer.Option(help="The catalogue; by default RELEASE_BOT_CATALOG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what the bot would have done in recorded releases and incidents, and when."""
    path = catalog or _usual_catalog()
    texts: list[str] = []
    data: list[dict[str, Any]] = []
    found: list[tuple[str | None, Replayed]] = []
    try:
        known = load_catalog(path).catalog
        for called, case in cases(file):
            ways, one = _one(called, case, known)
            texts.append(replay_lines.paragraph(case, one, ways.watching))
            data.append(replay_lines.data(case, one, ways.watching))
            found.append((case.expected, one))
    except (CatalogError, RecordingError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    summary = summary_of(found)
    if as_json:
        typer.echo(json.dumps(replay_lines.whole(data, summary), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n\n".join([*texts, replay_lines.summary(summary)]))


def _usual_catalog() -> Path:
    try:
        return Settings().release_bot_catalog
    except (ValidationError, OSError) as error:
        raise typer.BadParameter(
            "the settings can't be read (`release-bot catalog check` names what is wrong); "
            "give --catalog"
        ) from error


def _one(called: str, case: Case, catalog: Catalog) -> tuple[Ways, Replayed]:
    """Replay one case. Raises RecordingError, with where the case stands in it."""
    try:
        service, environment = place(catalog, case.service, case.environment)
        rules = rules_for(catalog, service, environment)
        recording = _recorded(case, rules.watching)
    except UserError as error:
        raise RecordingError(f"{called}: {error.sentence}") from error
    except RecordingError as error:
        raise RecordingError(f"{called}: {error}.") from error
    ways = Ways(
        watching=rules.watching,
        doubt=rules.doubt,
        hold_at=rules.strategy.hold_at,
        pause=Limits().bake_resync,
    )
    return ways, replayed(case, recording, ways)


def _recorded(case: Case, watching: Watching) -> Recording:
    """Match what was recorded with what the catalogue watches. Raises RecordingError."""
    if not (watching.indicators or watching.guards):
        raise RecordingError(f"the catalogue gives {case.service} no metrics")
    _named("indicator", [entry.indicator for entry in case.counted], watching.indicators)
    _named("guard", [entry.guard for entry in case.guarded], watching.guards)
    return recording_of(case, watching)


def _named(kind: str, given: Collection[str], known: Collection[str]) -> None:
    """Refuse a name that the catalogue doesn't have."""
    for name in given:
        if name not in known:
            guess = closest(known, name)
            mean = f"did you mean {guess}" if guess else f"there is {', '.join(known) or 'none'}"
            raise RecordingError(f'the service has no {kind} "{name}": {mean}')
