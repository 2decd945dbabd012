"""`make setup` on a machine whose Python does not do: it says which package to install."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRETENDED = """#!/bin/sh
# A Python that is {version}{without}, whatever runs it.
[ "$1" = -V ] && {{ echo "Python {version}.2"; exit 0; }}
exec {python} -c "
import sys
sys.version_info = ({major}, {minor}, 2)
if {no_venv}:
    sys.modules['venv'] = None
exec(sys.argv[1])
" "$2"
"""


def pretended(folder: Path, version: str, *, venv: bool = True) -> Path:
    path, (major, minor) = folder / "python3", version.split(".")
    without = "" if venv else " without venv"
    path.write_text(
        PRETENDED.format(
            version=version,
            without=without,
            python=sys.executable,
            major=major,
            minor=minor,
            no_venv=not venv,
        )
    )
    path.chmod(0o755)
    return path


def asked(python: Path | str) -> tuple[int, str]:
    command = ["/bin/sh", str(ROOT / ".ci" / "python.sh"), str(python)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return done.returncode, done.stderr


def test_one_that_fits_is_taken(tmp_path: Path) -> None:
    assert asked(pretended(tmp_path, "3.11")) == (0, "")


def test_one_that_is_too_old_is_named_with_what_to_install(tmp_path: Path) -> None:
    status, said = asked(pretended(tmp_path, "3.9"))
    assert status == 1
    assert "is Python 3.9.2, and 3.11 or newer is needed." in said
    assert "apt-get install python3.12 python3.12-venv" in said


def test_one_without_venv_is_told_its_package(tmp_path: Path) -> None:
    status, said = asked(pretended(tmp_path, "3.12", venv=False))
    assert status == 1
    assert "has no venv module. Install it: apt-get install python3.12-venv" in said


@pytest.mark.parametrize("python", ["", "/no/such/python3"])
def test_where_there_is_none_it_says_how_to_get_one(python: str) -> None:
    status, said = asked(python)
    assert status == 1
    assert "There is no python3. Install one: apt-get install python3 python3-venv" in said


def test_make_stops_there(tmp_path: Path) -> None:
    """In a folder without an environment, before anything is installed."""
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    for folder in (".ci", "deploy"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    command = ["make", "setup", f"PYTHON={pretended(tmp_path, '3.9')}"]
    done = subprocess.run(  # noqa: S603 - ours
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "3.11 or newer is needed" in done.stderr
    assert not (tmp_path / ".venv").exists()
