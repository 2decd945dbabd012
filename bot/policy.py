"""`release-bot policy …`: what applies and who says so, who may do what, and cases tried on it.

Used by the command line. Reads the catalogue and, for `test`, a file of cases; needs no database.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from bot.app import CatalogError, host_time, load_catalog, read_mapping
from bot.domain.applying import applied
from bot.domain.catalog import Catalog
from bot.domain.permissions import permissions
from bot.domain.policy_cases import Answer, Cases, tried, unknown_gates
from bot.domain.rules import runs_in
from bot.settings import Settings
from bot.views import policy_lines

cli = typer.Typer(help="What policy says, who may do what, and cases to try.", no_args_is_help=True)

CatalogOption = Annotated[
    Path | None, typer.Option("--catalog", help="By default RELEASE_BOT_CATALOG.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class NamesError(Exception):
    """A name that the catalogue doesn't have; the sentence says which."""


def _catalog(path: Path | None) -> Catalog:
    try:
        return load_catalog(path or Settings().release_bot_catalog).catalog
    except CatalogError as error:
        raise _stopped(str(error)) from error


def _stopped(sentence: str) -> typer.Exit:
    typer.echo(sentence, err=True)
    return typer.Exit(1)


def _named(catalog: Catalog, service: str, environment: str) -> str:
    """Give the environment's own name. Raises NamesError for names that aren't there."""
    if service not in catalog.services:
        raise NamesError(f"The catalogue has no service {service}.")
    found = catalog.environment_named(environment)
    if found is None:
        known = ", ".join(catalog.environments)
        raise NamesError(f"There is no environment {environment}. There are {known}.")
    if not runs_in(catalog.services[service], found):
        raise NamesError(f"{service} is not meant to run in {found}.")
    return found


@cli.command()
def explain(
    service: str, environment: str, *, catalog: CatalogOption = None, as_json: AsJson = False
) -> None:
    """Print what applies to a service in an environment, and which policy says so."""
    found = _catalog(catalog)
    try:
        name = _named(found, service, environment)
    except NamesError as error:
        raise _stopped(str(error)) from error
    rules = applied(found, service, name)
    if as_json:
        typer.echo(json.dumps([rule.model_dump(mode="json") for rule in rules], indent=2))
    else:
        typer.echo(policy_lines.explained(service, name, rules))


@cli.command()
def rights(
    *,
    service: Annotated[str | None, typer.Option(help="As it is for this service.")] = None,
    catalog: CatalogOption = None,
    as_json: AsJson = False,
) -> None:
    """Print who may do what where: every verb, environment and role."""
    found = _catalog(catalog)
    if service is not None and service not in found.services:
        raise _stopped(f"The catalogue has no service {service}.")
    table = permissions(found, service)
    if as_json:
        typer.echo(json.dumps([row.model_dump(mode="json") for row in table], indent=2))
    else:
        typer.echo(policy_lines.rights(table))


@cli.command("test")
def try_cases(
    file: Annotated[Path, typer.Argument(help="YAML with `cases`; docs/policy.md.")],
    *,
    catalog: CatalogOption = None,
    as_json: AsJson = False,
) -> None:
    """Try cases on the policy. Status 1 if any comes out otherwise than it expects."""
    found = _catalog(catalog)
    cases = _cases(file)
    answers: list[Answer] = []
    for case in cases.cases:
        try:
            name = _named(found, case.service, case.environment)
        except NamesError as error:
            raise _stopped(f"{file}: {case.name}: {error}") from error
        wrong = unknown_gates(case)
        if wrong:
            raise _stopped(f"{file}: {case.name}: there is no gate {wrong[0]}.")
        case_there = case.model_copy(update={"environment": name})
        answers.extend(tried(case_there, found, host_time()))
    if as_json:
        typer.echo(json.dumps([_data(answer) for answer in answers], indent=2))
    else:
        typer.echo(policy_lines.tried(answers))
    raise typer.Exit(0 if all(answer.good for answer in answers) else 1)


def _data(answer: Answer) -> dict[str, Any]:
    return {**answer.model_dump(), "good": answer.good}


def _cases(file: Path) -> Cases:
    try:
        return Cases.model_validate(read_mapping(file))
    except CatalogError as error:
        raise _stopped(str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _stopped(f"{file}: {where}: {first['msg']}.") from error
