"""Ids for bugs: the user sees the id, the log has the id and the traceback."""

import secrets


def fault_id() -> str:
    """Make an id such as `err-2f81`."""
    return f"err-{secrets.token_hex(2)}"
