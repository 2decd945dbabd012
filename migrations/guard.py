"""The guards that keep the record append-only for whoever speaks SQL, the bot itself too.

`env` puts them up after each run of migrations, so that no migration can forget them.
"""

from sqlalchemy import Connection, inspect, text

_FUNCTIONS = """
CREATE OR REPLACE FUNCTION release_bot_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the record only grows: % on % is refused', TG_OP, TG_TABLE_NAME;
END $$;
CREATE OR REPLACE FUNCTION release_bot_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id <> OLD.id OR NEW.seq <= OLD.seq THEN
    RAISE EXCEPTION 'the head of the record only moves forward: % to % is refused', OLD.seq, NEW.seq;
  END IF;
  RETURN NEW;
END $$
"""

_REFUSALS = {
    "audit": ("UPDATE", "DELETE", "TRUNCATE"),
    "audit_checkpoints": ("UPDATE", "DELETE", "TRUNCATE"),
    "audit_head": ("DELETE", "TRUNCATE"),
    "audit_texts": ("UPDATE", "TRUNCATE"),
}
"""What is refused on each table. Texts may be deleted: that is how people are erased."""


_KEYS = {
    "audit": "seq = NEW.seq OR previous = NEW.previous",
    "audit_checkpoints": "seq = NEW.seq",
    "audit_head": "id = NEW.id",
    "audit_texts": "seq = NEW.seq AND field = NEW.field",
}
"""Which row an INSERT OR REPLACE would put itself in the place of: on SQLite it deletes that row
and asks no trigger for DELETE."""


def names(dialect: str) -> frozenset[str]:
    """List the triggers that must be there."""
    postgres = dialect == "postgresql"
    refusing = {
        _name(table, verb)
        for table, verbs in _REFUSALS.items()
        for verb in verbs
        if postgres or verb != "TRUNCATE"
    }
    new = set() if postgres else {_name(table, "REPLACE") for table in _KEYS}
    return frozenset({*refusing, *new, "audit_head_forward"})


def put_up(connection: Connection) -> None:
    """Put the guards up where they are missing, once the record's tables are of this version."""
    if not inspect(connection).has_table("audit_checkpoints"):
        return
    statements = _postgres() if connection.dialect.name == "postgresql" else _sqlite()
    for statement in statements:
        connection.execute(text(statement))


def take_down(connection: Connection) -> None:
    """Take them all down, before the tables themselves go."""
    postgres = connection.dialect.name == "postgresql"
    for name in sorted(names(connection.dialect.name)):
        table = next(table for table in sorted(_KEYS, key=len, reverse=True) if table in name)
        _run(connection, f"DROP TRIGGER IF EXISTS {name}{f' ON {table}' if postgres else ''}")
    if postgres:
        _run(connection, "DROP FUNCTION IF EXISTS release_bot_refuse")
        _run(connection, "DROP FUNCTION IF EXISTS release_bot_forward")


def _run(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))


def _name(table: str, verb: str) -> str:
    return f"{table}_no_{verb.lower()}"


def _postgres() -> list[str]:
    found = [part for part in _FUNCTIONS.split(";\nCREATE OR") if part.strip()]
    found = [found[0], *(f"CREATE OR{part}" for part in found[1:])]
    for table, verbs in _REFUSALS.items():
        for verb in verbs:
            each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
            found.append(
                f"CREATE OR REPLACE TRIGGER {_name(table, verb)} BEFORE {verb} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION release_bot_refuse()"
            )
    found.append(
        "CREATE OR REPLACE TRIGGER audit_head_forward BEFORE UPDATE ON audit_head "
        "FOR EACH ROW EXECUTE FUNCTION release_bot_forward()"
    )
    return found


def _sqlite() -> list[str]:
    found = [
        f"CREATE TRIGGER IF NOT EXISTS {_name(table, verb)} BEFORE {verb} ON {table} BEGIN "
        f"SELECT RAISE(ABORT, 'the record only grows: {verb} on {table} is refused'); END"
        for table, verbs in _REFUSALS.items()
        for verb in verbs
        if verb != "TRUNCATE"
    ]
    found += [
        f"CREATE TRIGGER IF NOT EXISTS {_name(table, 'REPLACE')} BEFORE INSERT ON {table} "  # noqa: S608 - names from this file
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key}) BEGIN "
        f"SELECT RAISE(ABORT, 'the record only grows: the row is there in {table}'); END"
        for table, key in _KEYS.items()
    ]
    found.append(
        "CREATE TRIGGER IF NOT EXISTS audit_head_forward BEFORE UPDATE ON audit_head "
        "WHEN NEW.id <> OLD.id OR NEW.seq <= OLD.seq BEGIN "
        "SELECT RAISE(ABORT, 'the head of the record only moves forward'); END"
    )
    return found
