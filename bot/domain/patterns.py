"""Names with holes in the catalogue: `{service}-{slot}`. Which hole may stand where.

Used by the catalogue's models. Nothing is filled in here.
"""

from string import Formatter
from typing import Annotated

from pydantic import AfterValidator


def holes(*names: str) -> AfterValidator:
    """Refuse any hole but these."""

    def check(text: str) -> str:
        used = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        if used - set(names):
            wrong = ", ".join(sorted(f"{{{name}}}" for name in used - set(names)))
            allowed = ", ".join(f"{{{name}}}" for name in names)
            raise ValueError(f"{wrong} can't stand here; {allowed} can")
        return text

    return AfterValidator(check)


ServicePattern = Annotated[str, holes("service")]
SlotPattern = Annotated[str, holes("service", "slot")]
TagPattern = Annotated[str, holes("version")]
ImagePattern = Annotated[str, holes("version", "commit")]
