"""The file beside the bot that checkpoints of the record are added to, and only added.

`app` and the command line hand its functions to the engine. Whoever keeps the file elsewhere (a
volume of its own, a log shipper) can prove later what the record held.
"""

import os
from pathlib import Path


def append(path: Path, text: str) -> None:
    """Add text at the end, and return when the disk has it. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        left = text.encode()
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> str:
    """Read all of it; nothing where there is no file yet. Raises OSError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def problem(path: Path) -> str | None:
    """Say why it can't be added to, if it can't. Makes no file."""
    there = path.exists()
    if there and not path.is_file():
        return f"{path} is no file"
    if not os.access(path if there else path.parent, os.W_OK):
        return f"{path} can't be written to"
    return None
