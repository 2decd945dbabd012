"""`release-bot analysis …`: what the judge says of counts in a file, so that anyone can check it.

Used by the command line. Reads a file and prints; needs no settings and no database. `replay` is in
a file of its own.
"""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from bot import replay
from bot.domain.judge import Evidence, Look, Margins, begin, look, verdict
from bot.views import verdict_lines

COLUMNS = ("dt", "n_c", "f_c", "n_s", "f_s")

cli = typer.Typer(help="What the judge of metrics says, and why.", no_args_is_help=True)
cli.command()(replay.replay)


class FileError(Exception):
    """The file can't be judged; the sentence says where and why."""


@dataclass(frozen=True)
class Row:
    """A row that can be used, or what is wrong with it. `dt`: its seconds pass in any case."""

    line: int
    dt: float
    look: Look | None
    wrong: str = ""


@cli.callback()
def analysis() -> None:
    """Group the commands, however few there are."""


@cli.command()
def judge(  # noqa: PLR0913 - each is one of the judge's parameters
    file: Annotated[Path, typer.Argument(help="CSV with the columns dt,n_c,f_c,n_s,f_s.")],
    *,
    rho: Annotated[float, typer.Option(help="Tolerated: so many times the live rate")] = 1.1,
    delta: Annotated[float, typer.Option(help="Tolerated besides: this rate.")] = 0.0001,
    rho_h: Annotated[
        float, typer.Option(help="Never healthy: so many times the live rate …")
    ] = 2.0,
    delta_h: Annotated[float, typer.Option(help="Not healthy: and this rate more.")] = 0.001,
    m: Annotated[float, typer.Option("--m", help="Failures that come in one clump.")] = 2.0,
    alpha: Annotated[float, typer.Option(help="Chance to roll a good release back.")] = 0.01,
    beta: Annotated[float, typer.Option(help="Chance to call a bad one healthy.")] = 0.05,
    k: Annotated[float, typer.Option("--k", help="Failures too many before a rollback.")] = 5.0,
    half: Annotated[float, typer.Option(help="Seconds until half of the reserve is bet.")] = 1200.0,
    min_bake: Annotated[float, typer.Option(help="Seconds before healthy is said.")] = 180.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, an object a look.")] = False,
) -> None:
    """Judge the rows one after the other, as a release would have seen them."""
    given = {
        "rho": rho, "delta": delta, "rho_h": rho_h, "delta_h": delta_h, "m": m, "alpha": alpha,
        "beta": beta, "k": k, "half": half, "min_bake": min_bake,
    }  # fmt: skip
    try:
        margins = Margins.model_validate(given)
    except ValidationError as error:
        raise typer.BadParameter(_problem(error)) from error
    try:
        seen = list(_judged(file, margins))
    except FileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps([_data(evidence, margins) for evidence in seen]))
    elif not seen:
        typer.echo(f"{file} has no look that can be judged.")
    else:
        for evidence in seen:
            at = f"{evidence.elapsed:,.0f} s"
            typer.echo(f"{at:>8}  {verdict_lines.sentence(evidence, margins)}")


def _problem(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]).replace("_", "-")
    return f"--{name} is {first['input']}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _data(evidence: Evidence, margins: Margins) -> dict[str, Any]:
    return {
        "E": evidence.of_harm,
        "X": evidence.excess,
        "R": evidence.reserve,
        "Hbar": evidence.of_health,
        "state": verdict(evidence, margins).value,
    }


def _judged(file: Path, margins: Margins) -> Iterator[Evidence]:
    """Give the evidence after each row that can be used; say which can't, and pass it over whole.

    The time of a row that was passed over counts for the next one: seconds since the last used.
    """
    evidence, waited = begin(margins), 0.0
    for row in _rows(file):
        waited += row.dt
        if row.look is None:
            typer.echo(f"{file}:{row.line}: {row.wrong}; the row is passed over.", err=True)
            continue
        evidence = look(evidence, row.look.model_copy(update={"dt": waited}), margins)
        waited = 0.0
        yield evidence


def _rows(file: Path) -> Iterator[Row]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream, skipinitialspace=True)
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise FileError(
                    f"{file}: the column {missing[0]} is missing; the first line must name "
                    f"{','.join(COLUMNS)}."
                )
            for cells in table:
                yield _row(file, table.line_num, cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no CSV in UTF-8"
        raise FileError(f"{file}: {why}.") from error


def _row(file: Path, line: int, cells: dict[str, Any]) -> Row:
    values = {name: _value(file, line, name, cells.get(name)) for name in COLUMNS}
    dt = values["dt"]
    if not math.isfinite(dt) or dt < 0:
        raise FileError(
            f"{file}:{line}: dt is {cells['dt'] or 'empty'}; it must be seconds, 0 or more."
        )
    silent = [name for name in COLUMNS if math.isnan(values[name])]
    if silent:
        return Row(line, dt, None, f"{silent[0]} is missing")
    try:
        return Row(line, dt, Look.model_validate(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{first['loc'][0]} is {first['input']:g}: " if first["loc"] else ""
        return Row(line, dt, None, where + first["msg"].removeprefix("Value error, "))


def _value(file: Path, line: int, name: str, cell: str | None) -> float:
    """Read a number; an empty cell is a series that was silent."""
    text = (cell or "").strip()
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError as error:
        raise FileError(f'{file}:{line}: {name} is "{text}", which is no number.') from error
