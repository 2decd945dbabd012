#!/bin/sh
# Checks that a Python fits: 3.11 or newer, with venv and pip. Says which package to install.
python="$1"
if [ -z "$python" ] || ! command -v "$python" >/dev/null 2>&1; then
  echo "There is no python3. Install one: apt-get install python3 python3-venv (Debian, Ubuntu)," >&2
  echo "dnf install python3.12 (Fedora, RHEL), brew install python@3.12 (macOS)." >&2
  exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "$python is $("$python" -V 2>&1), and 3.11 or newer is needed. Install one:" >&2
  echo "apt-get install python3.12 python3.12-venv, dnf install python3.12, brew install python@3.12;" >&2
  echo "or name one that is there: make setup PYTHON=/path/to/python3.12" >&2
  exit 1
fi
if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  echo "$python has no venv module. Install it: apt-get install python$version-venv" >&2
  exit 1
fi
