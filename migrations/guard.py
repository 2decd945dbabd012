"""The guards that keep the record append-only for whoever speaks SQL, the bot itself too.

`env` puts them up after each run of migrations, so that no migration can forget them.

One narrow way leads past them: an entry may be deleted that an anchor in `audit_anchors` covers. An
anchor can only be added, by the owner of the tables (on PostgreSQL), to where a checkpoint is, and
each lies behind the one before. What proves it afterwards is its signature: `bot/domain/anchors.py`.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, inspect, text

ANCHORS = "audit_anchors"

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

_REMOVAL_FUNCTIONS = """
CREATE OR REPLACE FUNCTION release_bot_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.seq <= (SELECT max(seq) FROM {schema}.audit_anchors) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'the record only grows: % on % is refused', TG_OP, TG_TABLE_NAME;
END $$;
CREATE OR REPLACE FUNCTION release_bot_anchor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
    RAISE EXCEPTION 'only the owner of the record removes entries from it';
  END IF;
  IF {wrong} THEN
    RAISE EXCEPTION 'the record begins after a checkpoint, and only ever later: % is refused', NEW.seq;
  END IF;
  RETURN NEW;
END $$
"""

_WRONG = (
    "NEW.first <> COALESCE((SELECT max(seq) FROM {schema}.audit_anchors), 0) + 1 "
    "OR NEW.seq < NEW.first "
    "OR NOT EXISTS (SELECT 1 FROM {schema}.audit WHERE seq = NEW.seq) "
    "OR NOT EXISTS (SELECT 1 FROM {schema}.audit_checkpoints WHERE seq = NEW.seq)"
)
"""When an anchor is refused."""

_REFUSALS = {
    "audit": ("UPDATE", "TRUNCATE"),
    "audit_anchors": ("UPDATE", "DELETE", "TRUNCATE"),
    "audit_checkpoints": ("UPDATE", "DELETE", "TRUNCATE"),
    "audit_head": ("DELETE", "TRUNCATE"),
    "audit_texts": ("UPDATE", "TRUNCATE"),
}
"""What is refused on each table, whichever row. Texts may be deleted: that is how people are
erased. On `audit` DELETE is refused for all that no anchor covers."""


_KEYS = {
    "audit": "seq = NEW.seq OR previous = NEW.previous",
    "audit_anchors": "seq = NEW.seq OR first = NEW.first",
    "audit_checkpoints": "seq = NEW.seq",
    "audit_head": "id = NEW.id",
    "audit_texts": "seq = NEW.seq AND field = NEW.field",
}
"""Which row an INSERT OR REPLACE would put itself in the place of: on SQLite it deletes that row
and asks no trigger for DELETE."""

_REMOVAL = "audit_no_delete"
_FORWARD = "audit_head_forward"
_LATER = "audit_anchors_only_later"


def names(dialect: str) -> frozenset[str]:
    """List the triggers that must be there."""
    postgres = dialect == "postgresql"
    refusing = {_name(table, verb) for table, verb in _refusals(_REFUSALS, postgres=postgres)}
    new = set() if postgres else {_name(table, "REPLACE") for table in _KEYS}
    return frozenset({*refusing, *new, _REMOVAL, _FORWARD, _LATER})


def put_up(connection: Connection) -> None:
    """Put the guards up where they are missing, once the record's tables are of this version."""
    there = set(inspect(connection).get_table_names()) & set(_REFUSALS)
    if "audit_checkpoints" not in there:
        return
    postgres = connection.dialect.name == "postgresql"
    for statement in _postgres(connection, there) if postgres else _sqlite(there):
        _run(connection, statement)


def take_down(connection: Connection) -> None:
    """Take them all down, before the tables themselves go."""
    postgres = connection.dialect.name == "postgresql"
    for name in sorted(names(connection.dialect.name)):
        table = next(table for table in sorted(_KEYS, key=len, reverse=True) if table in name)
        _run(connection, f"DROP TRIGGER IF EXISTS {name}{f' ON {table}' if postgres else ''}")
    if postgres:
        for function in ("refuse", "forward", "removed", "anchor"):
            _run(connection, f"DROP FUNCTION IF EXISTS release_bot_{function}")


def _run(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))


def _name(table: str, verb: str) -> str:
    return f"{table}_no_{verb.lower()}"


def _refusals(tables: Iterable[str], *, postgres: bool) -> Iterator[tuple[str, str]]:
    for table in sorted(tables):
        for verb in _REFUSALS[table]:
            if postgres or verb != "TRUNCATE":
                yield table, verb


def _postgres(connection: Connection, there: set[str]) -> Iterator[str]:
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    yield from _functions(_FUNCTIONS)
    for table, verb in _refusals(there, postgres=True):
        yield _trigger(_name(table, verb), verb, table, "release_bot_refuse")
    yield _trigger(_FORWARD, "UPDATE", "audit_head", "release_bot_forward")
    if ANCHORS not in there:
        yield _trigger(_REMOVAL, "DELETE", "audit", "release_bot_refuse")
        return
    wrong = _WRONG.format(schema=schema)
    yield from _functions(_REMOVAL_FUNCTIONS.format(schema=schema, wrong=wrong))
    yield _trigger(_REMOVAL, "DELETE", "audit", "release_bot_removed")
    yield _trigger(_LATER, "INSERT", ANCHORS, "release_bot_anchor")


def _functions(text_: str) -> list[str]:
    """Tell statements apart: a function's body has semicolons of its own."""
    return [f"CREATE OR{part}" for part in text_.split("CREATE OR") if part.strip()]


def _trigger(name: str, verb: str, table: str, function: str) -> str:
    each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
    return (
        f"CREATE OR REPLACE TRIGGER {name} BEFORE {verb} ON {table} "
        f"FOR EACH {each} EXECUTE FUNCTION {function}()"
    )


def _sqlite(there: set[str]) -> Iterator[str]:
    for table, verb in _refusals(there, postgres=False):
        yield _refusing(_name(table, verb), verb, table, f"{verb} on {table} is refused")
    for table in sorted(there):
        where = f"EXISTS (SELECT 1 FROM {table} WHERE {_KEYS[table]})"  # noqa: S608 - names from this file
        said = f"the row is there in {table}"
        yield _refusing(_name(table, "REPLACE"), "INSERT", table, said, where)
    yield (
        f"CREATE TRIGGER IF NOT EXISTS {_FORWARD} BEFORE UPDATE ON audit_head "
        "WHEN NEW.id <> OLD.id OR NEW.seq <= OLD.seq BEGIN "
        "SELECT RAISE(ABORT, 'the head of the record only moves forward'); END"
    )
    refused = "DELETE on audit is refused"
    if ANCHORS not in there:
        yield _refusing(_REMOVAL, "DELETE", "audit", refused)
        return
    kept = f"OLD.seq > COALESCE((SELECT max(seq) FROM {ANCHORS}), 0)"  # noqa: S608 - likewise
    yield _refusing(_REMOVAL, "DELETE", "audit", refused, kept)
    later = "it begins after a checkpoint, and only ever later"
    yield _refusing(_LATER, "INSERT", ANCHORS, later, _WRONG.format(schema="main"))


def _refusing(name: str, verb: str, table: str, said: str, when: str | None = None) -> str:
    condition = f"WHEN {when} " if when else ""
    return (
        f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table} {condition}BEGIN "
        f"SELECT RAISE(ABORT, 'the record only grows: {said}'); END"
    )
