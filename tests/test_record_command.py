"""`release-bot audit …`: what it says, what it leaves in a folder, and with which exit status."""

import asyncio
import csv
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import cli
from bot.domain.audit import AuditTag
from bot.domain.catalog import Catalog
from bot.store import audit, catalogs
from bot.store.migrate import migrate
from bot.store.session import Store
from integrations.catalog_file import parse_catalog
from tests.store import records
from tests.tester import CATALOG

RUN = CliRunner()
SLACK_ID = re.compile(r"U0[A-Z]{2,3}")


@pytest.fixture(autouse=True)
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of 40 entries, an hour apart from 2 March 2026, 09:00 UTC on; with a signing key."""
    monkeypatch.chdir(tmp_path)
    for name in ("RELEASE_BOT_CATALOG", "AUDIT_SIGNING_KEY", "AUDIT_CHECKPOINT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/bot.db")
    asyncio.run(_fill(parse_catalog(CATALOG).catalog))
    Path("key.pem").write_text(records.PEM)
    Path("key.pub").write_text(records.PUBLIC + "\n")


async def _fill(catalog: Catalog) -> None:
    store = Store("sqlite:///bot.db")
    await migrate(store)
    async with store.write() as session:
        await catalogs.insert(session, catalog, catalog.fingerprint(), records.START)
    await records.fill(store, 40)
    await store.close()


def say(*words: str) -> Result:
    return RUN.invoke(cli, ["audit", *words])


def tamper(*statements: str) -> None:
    async def run() -> None:
        store = Store("sqlite:///bot.db")
        async with store.write() as session:
            await records.unguarded(session)
            for statement in statements:
                await records.run(session, statement)
        await store.close()

    asyncio.run(run())


def signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_SIGNING_KEY_FILE", "key.pem")
    monkeypatch.setenv("AUDIT_CHECKPOINT_FILE", "kept.txt")


def test_a_new_key_pair_signs_and_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    made = say("keygen").output
    private, public = made[: made.index("release-bot/record+")], made.splitlines()[-1]
    assert "BEGIN PRIVATE KEY" in private
    monkeypatch.setenv("AUDIT_SIGNING_KEY", private)
    note = say("checkpoint")
    assert note.exit_code == 0
    Path("kept.txt").write_text(note.output)
    Path("new.pub").write_text(public)
    monkeypatch.delenv("AUDIT_SIGNING_KEY")
    good = say("verify", "--checkpoints", "kept.txt", "--public-key", "new.pub")
    assert good.exit_code == 0, good.output
    assert "2 checkpoints agree (1 in the database, 1 kept elsewhere)" in good.output
    assert "their signatures hold" in good.output
    assert "no key to check signatures by" in say("verify").output


def test_checkpoints_go_to_the_file_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    signs(monkeypatch)
    assert say("checkpoint").exit_code == 0
    again = say("checkpoint")
    assert again.output == "The newest checkpoint has every entry already.\n"
    kept = Path("kept.txt").read_text()
    assert kept.count("release-bot/record\n40\n") == 1
    # A crash between database and file: the next one brings what is missing.
    Path("kept.txt").unlink()
    say("checkpoint")
    assert Path("kept.txt").read_text() == kept
    assert say("verify").exit_code == 0


def test_verify_names_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    signs(monkeypatch)
    say("checkpoint")
    tamper("DELETE FROM audit_texts WHERE seq > 30", "DELETE FROM audit WHERE seq > 30",
           "UPDATE audit_head SET seq = 30, hash = (SELECT hash FROM audit WHERE seq = 30)",
           "DELETE FROM audit_checkpoints")  # fmt: skip
    cut = say("verify")
    assert cut.exit_code == 1
    assert "the record was truncated after entry 30: the checkpoint in kept.txt covers 40" in (
        cut.output
    )
    with Path("kept.txt").open("a") as file:
        file.write("and more\n")
    assert "kept.txt: line 8 belongs to no checkpoint." in say("verify").output
    tamper("UPDATE audit SET body = replace(body, 'weight', 'height') WHERE seq = 12")
    assert "Entry 12 is bad: its content was changed" in say("verify").output


def test_a_text_that_was_changed_or_taken_is_found() -> None:
    tamper("UPDATE audit_texts SET text = 'no' WHERE seq = 4")
    assert "Entry 4 is bad: its text reason was changed" in say("verify").output
    tamper("DELETE FROM audit_texts WHERE seq = 4")
    said = say("verify").output
    assert "Entry 4 is bad: its text reason is gone, and no erasure is on record." in said


WRONG = {
    ("export", "--from", "soon"): (2, '--from "soon" is no date such as 2026-03-04'),
    ("export", "--from", "2026-03-05", "--to", "2026-03-04"): (2, "is not before --to"),
    ("export", "--format", "pdf"): (2, "there is no format pdf; there are jsonl, csv and html"),
    ("export", "--from", "2027-01-01", "--out", "e"): (1, "has no entries in that period."),
    ("export", "--release", "rel-9999"): (1, "The record has nothing on rel-9999."),
    ("export", "--out", "."): (1, ". is not empty. Name an empty folder, or a new one."),
    ("export", "--out", "key.pem"): (1, "key.pem is no folder."),
    ("verify", "--public-key", "gone.pub"): (1, "gone.pub: No such file or directory."),
    ("verify", "--public-key", "key.pem"): (1, "key.pem: line 1 is no public key"),
    ("verify", "--checkpoints", "key.pub"): (1, "key.pub: line 1 belongs to no checkpoint."),
    ("checkpoint",): (1, "AUDIT_SIGNING_KEY is not set. `release-bot audit keygen` makes a key."),
    ("erase", "ana"): (1, '"ana" is no Slack id of a person, such as U024BE7LH.'),
}


@pytest.mark.parametrize("words", WRONG)
def test_what_can_not_be_done_is_one_sentence(words: tuple[str, ...]) -> None:
    found = say(*words)
    status, said = WRONG[words]
    plain = re.sub(r"[\s│]+", " ", found.output)
    assert (found.exit_code, said in plain) == (status, True), found.output


def test_a_key_of_another_kind_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_SIGNING_KEY", "s3cret")
    found = say("checkpoint")
    assert found.exit_code == 1
    assert found.output == "AUDIT_SIGNING_KEY holds no private key in PEM without a password.\n"


def exported(*words: str, form: str = "jsonl") -> dict[str, Any]:
    done = say("export", *words, "--format", form, "--out", "export")
    assert done.exit_code == 0, done.output
    digest = re.search(r"SHA-256 ([0-9a-f]{64})", done.output)
    assert digest
    manifest: dict[str, Any] = json.loads(Path("export/manifest.json").read_text())
    return manifest


def verified(*words: str) -> tuple[int, str]:
    """Run the verifier as an auditor does: another Python, without anything of ours."""
    done = subprocess.run(  # noqa: S603 - our own file
        [sys.executable, "-I", "-S", "export/verify_export.py", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_period_is_exported_with_all_that_proves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    signs(monkeypatch)
    say("checkpoint")
    manifest = exported("--from", "2026-03-03", "--to", "2026-03-04T00:00:00Z")
    # 15 hours after 09:00 is the 16th entry: from, inclusive; to, exclusive.
    assert (manifest["first"]["seq"], manifest["last"]["seq"], manifest["count"]) == (16, 39, 24)
    assert verified()[0] == 0
    lines = [json.loads(line) for line in Path("export/entries.jsonl").read_text().splitlines()]
    one = next(line for line in lines if line["entry"]["actor"])
    assert one["who"][one["entry"]["actor"]]["github"] == "ana"
    assert not any(SLACK_ID.search(json.dumps(line["entry"])) for line in lines)


def test_the_verifier_confirms_checkpoints_and_finds_each_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signs(monkeypatch)
    say("checkpoint")
    exported()
    status, said = verified("--public-key", "key.pub", "--checkpoints", "kept.txt")
    assert (status, "All holds: 40 entries, 1 to 40." in said) == (0, True), said
    assert "2 of their hashes are confirmed by signed checkpoints." in said
    assert "Compare it with the one that you kept" in verified()[1]
    entries = Path("export/entries.jsonl")
    before, manifest = entries.read_text(), Path("export/manifest.json").read_text()
    lines = before.splitlines(keepends=True)
    swapped = [*lines[:5], lines[6], lines[5], *lines[7:]]
    for after, what in (
        (before.replace('"weight":7', '"weight":8'), "entry 8 is bad: its content was changed"),
        ("".join(swapped), "entry 6 is missing or out of order: 7 stands in its place"),
        ("".join(lines[:-1]), "there are 39 entries, not 40"),
        ("".join([*lines[:9], *lines[10:]]), "entry 10 is missing"),
        (before.replace('"slack":"U0ANA"', '"slack":"U0BEN"'), "who did it was changed"),
        (before.replace('"text":"because"', '"text":"why"'), "its text reason was changed"),
    ):
        entries.write_text(after)
        assert verified()[1].startswith("Not whole: entries.jsonl was changed")
        _believed(entries, manifest)
        status, said = verified()
        assert (status, what in said) == (1, True), said
    entries.write_text(before)
    Path("export/manifest.json").write_text(manifest)
    Path("other.pub").write_text(say("keygen").output.splitlines()[-1])
    assert "is by an unknown key" in verified("--public-key", "other.pub")[1]
    assert verified("--public-key", "gone.pub")[0] == 1


def _believed(entries: Path, manifest: str) -> None:
    """Let the manifest have the changed file's digest, as a forger would."""
    import hashlib

    data = json.loads(manifest)
    data["files"]["entries.jsonl"]["sha256"] = hashlib.sha256(entries.read_bytes()).hexdigest()
    Path("export/manifest.json").write_text(json.dumps(data))


def test_one_release_and_a_table_that_runs_nothing() -> None:
    store_formula()
    manifest = exported("--release", "rel-1", form="csv")
    assert (manifest["contiguous"], manifest["count"]) == (False, 8)
    rows = list(csv.DictReader(Path("export/entries.csv").read_text().splitlines()))
    assert {row["subject"] for row in rows} == {"rel-1"}
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert "ana" in {row["github"] for row in rows}
    assert verified()[0] == 0
    everything = say("export", "--format", "csv").output
    assert "'=cmd" in everything


def store_formula() -> None:
    async def run() -> None:
        store = Store("sqlite:///bot.db")
        async with store.write() as session:
            await audit.append(
                session,
                AuditTag.RELEASE_REFUSED,
                "=cmd|' /C calc'!A0",
                datetime(2026, 3, 9, tzinfo=UTC),
                asked=audit.written("<script>alert(1)</script>"),
            )
        await store.close()

    asyncio.run(run())


def test_the_page_holds_no_script_and_names_people() -> None:
    store_formula()
    exported("--from", "2026-03-02", form="html")
    page = Path("export/record.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<td>@ana</td>" in page
    assert "held by @dan since" in page
    assert "http" not in page
    assert verified()[0] == 0


def test_without_options_it_is_what_it_always_was() -> None:
    lines = say("export").output.splitlines()
    assert len(lines) == 40
    assert list(json.loads(lines[0])) == ["entry", "hash"]


def test_a_broken_record_is_not_exported() -> None:
    tamper("UPDATE audit SET body = replace(body, 'weight', 'height') WHERE seq = 12")
    broken = say("export", "--out", "export")
    assert broken.exit_code == 1
    assert "Entry 12 is bad" in broken.output
    assert not Path("export/manifest.json").exists()


def test_erasing_leaves_a_record_that_verifies_and_an_export_without_them() -> None:
    named = say("erase", "U0ANA", "--yes")
    assert named.exit_code == 1
    assert "The catalogue in force names U0ANA." in named.output
    asyncio.run(_fill_catalog_without_people())
    would = say("erase", "U0ANA")
    assert would.exit_code == 0
    assert "Would erase or make anonymous: 1 salt, " in would.output
    done = say("erase", "U0ANA", "--yes")
    assert (done.exit_code, done.output.startswith("Erased")) == (0, True), done.output
    whole = say("verify")
    assert whole.exit_code == 0, whole.output
    assert "texts of people who were erased are gone." in whole.output
    exported(form="html")
    text = Path("export/entries.jsonl").read_text() + Path("export/record.html").read_text()
    assert "U0ANA" not in text
    assert "(erased)" in text
    assert verified()[0] == 0
    assert b"U0ANA" not in _dump()
    assert say("erase", "U0ANA", "--yes").output == "Nothing about U0ANA is stored.\n"


async def _fill_catalog_without_people() -> None:
    text = CATALOG.replace("  U0ANA: {github: ana}\n", "").replace("U0ANA, ", "")
    catalog = parse_catalog(text).catalog
    store = Store("sqlite:///bot.db")
    async with store.write() as session:
        await catalogs.insert(session, catalog, catalog.fingerprint(), records.START)
    await store.close()


def _dump() -> bytes:
    import sqlite3

    with sqlite3.connect("bot.db") as connection:
        return "\n".join(connection.iterdump()).encode()
