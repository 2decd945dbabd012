"""What the files of the command line share: the settings, and how a command runs and ends.

Exit status 0: good; 1: something was found wrong; 2: misused.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import typer
from pydantic import ValidationError

from bot.engine.signing import KeyFault
from bot.errors import StoreError
from bot.settings import Settings


class RefusedError(Exception):
    """It can't be done; the sentence is printed as it is written, and the status is 1."""


def read_settings() -> Settings:
    """Read the settings from the environment; those that are wrong are named, with status 2."""
    try:
        return Settings()
    except (ValidationError, OSError) as error:
        for line in _problems(error):
            typer.echo(line, err=True)
        raise typer.Exit(2) from error


def _problems(error: ValidationError | OSError) -> list[str]:
    if isinstance(error, OSError):
        return [f"{error.filename}: {error.strerror}"]
    return [f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]


def run(work: Coroutine[Any, Any, int]) -> None:
    """Run a command to its end; its result is the exit status."""
    try:
        status = asyncio.run(work)
    except (StoreError, KeyFault, RefusedError, OSError) as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    raise typer.Exit(status)
