"""`release-bot audit prune`: what it says and refuses, and what proves the record afterwards."""

import asyncio
import hashlib
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import cli
from bot.domain.anchors import read_anchor
from bot.record_prune import new_names
from bot.store.migrate import migrate
from bot.store.session import Store
from tests.store import records

RUN = CliRunner()
START = datetime(2012, 3, 2, 9, tzinfo=UTC)
"""Older than any law asks for, whatever day it is where this runs."""

OLD = ("--before", "2012-03-03T12:00")
ALL = (*OLD, "--export", "gone", "--by", "U0CY", "--yes")


@pytest.fixture(autouse=True)
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty entries, an hour apart; checkpoints of the first 20 and of all; a signing key."""
    monkeypatch.chdir(tmp_path)
    for name in ("RELEASE_BOT_CATALOG", "AUDIT_SIGNING_KEY", "AUDIT_RETENTION_DAYS"):
        monkeypatch.delenv(name, raising=False)
    Path("key.pem").write_text(records.PEM)
    Path("key.pub").write_text(records.PUBLIC + "\n")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/bot.db")
    monkeypatch.setenv("AUDIT_SIGNING_KEY_FILE", "key.pem")
    monkeypatch.setenv("AUDIT_CHECKPOINT_FILE", "kept.txt")
    asyncio.run(_fill())


async def _fill() -> None:
    store = Store("sqlite:///bot.db")
    await migrate(store)
    await records.fill(store, 20, start=START)
    await records.checkpointed(store, START)
    await records.fill(store, 20, begin=20, start=START)
    await records.checkpointed(store, START)
    await store.close()


def say(*words: str) -> Result:
    return RUN.invoke(cli, ["audit", *words])


def entries() -> int:
    return len(say("export").output.splitlines())


def test_without_yes_it_only_says_what_would_go() -> None:
    would = say("prune", *OLD)
    assert would.exit_code == 0, would.output
    assert would.output.startswith(
        "Would remove entries 1 to 20 (20 entries, 2012-03-02 to 2012-03-03), up to a signed "
        "checkpoint; 10 texts and "
    )
    assert (entries(), Path("gone").exists()) == (40, False)


def refusals() -> list[tuple[tuple[str, ...], str]]:
    return [
        (("--before", "2990-01-01"), "Entries are kept for 2557 days (AUDIT_RETENTION_DAYS), so"),
        (("--before", "2012-03-01"), "There are no entries from before 2012-03-01 00:00 UTC."),
        (("--before", "2012-03-02T12:00"), "no signed checkpoint is among them: nothing can be"),
        ((*OLD, "--yes", "--by", "U0CY"), "Name a folder for what is removed: --export FOLDER."),
        ((*OLD, "--yes", "--export", "gone"), "Say who removes it, with a Slack id: --by U024BE"),
        ((*OLD, "--yes", "--export", "gone", "--by", "cy"), "Say who removes it, with a Slack id"),
        ((*ALL[:2], "--export", ".", *ALL[4:]), ". is not empty. Name an empty folder"),
    ]


@pytest.mark.parametrize(("words", "said"), refusals())
def test_what_can_not_be_done_is_one_sentence(words: tuple[str, ...], said: str) -> None:
    refused = say("prune", *words)
    assert (refused.exit_code, said in refused.output) == (1, True), refused.output
    assert len(refused.output.splitlines()) == 1
    assert entries() == 40


def test_the_retention_is_a_setting_and_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_RETENTION_DAYS", "36500")
    assert "Entries are kept for 36500 days" in say("prune", *ALL).output
    monkeypatch.setenv("AUDIT_RETENTION_DAYS", "0")
    assert say("prune", *ALL).exit_code == 2
    monkeypatch.setenv("AUDIT_RETENTION_DAYS", "1")
    assert entries() == 40
    assert say("prune", *ALL).exit_code == 0


def test_without_a_key_nothing_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDIT_SIGNING_KEY_FILE")
    refused = say("prune", *ALL)
    assert "AUDIT_SIGNING_KEY is not set: what is removed has to be signed for." in refused.output
    assert (refused.exit_code, entries()) == (1, 40)


def test_a_record_that_was_changed_loses_nothing() -> None:
    async def tamper() -> None:
        store = Store("sqlite:///bot.db")
        async with store.write() as session:
            await records.unguarded(session)
            await records.run(session, "UPDATE audit SET tag = 'x' WHERE seq = 30")
        await store.close()

    asyncio.run(tamper())
    refused = say("prune", *ALL)
    assert refused.exit_code == 1
    assert "Entry 30 is bad: its content was changed after it was written." in refused.output
    assert "Nothing was removed: the record has to be whole." in refused.output
    assert not Path("gone").exists()


def pruned() -> str:
    done = say("prune", *ALL)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_new_folder_is_waited_for_with_its_name_and_the_names_above_it() -> None:
    """A folder that the disk has, under a name that it hasn't, is lost with the power."""
    assert new_names(Path("deep/er/gone")) == [Path("deep/er"), Path("deep"), Path()]
    Path("deep").mkdir()
    assert new_names(Path("deep/er/gone")) == [Path("deep/er"), Path("deep")]
    assert new_names(Path("deep")) == []
    done = say("prune", *OLD, "--export", "deep/er/gone", "--by", "U0CY", "--yes")
    assert done.exit_code == 0, done.output
    assert verified(by="deep/er/gone")[0] == 0


def test_afterwards_the_record_says_what_was_removed() -> None:
    said = pruned()
    assert said.startswith("Removed entries 1 to 20 (20 entries, 2012-03-02 to 2012-03-03)")
    assert "Keep gone: nothing else has them now." in said
    digest = hashlib.sha256(Path("gone/manifest.json").read_bytes()).hexdigest()
    assert f"manifest.json has SHA-256 {digest}." in said
    whole = say("verify", "--public-key", "key.pub")
    assert whole.exit_code == 0, whole.output
    assert re.search(
        rf"Entries 1 to 20 were removed on \d{{4}}-\d\d-\d\d; the manifest of the export has "
        rf"SHA-256 {digest}\.\nThe chain goes on from there with entry 21\.",
        whole.output,
    )
    assert "2 checkpoints agree (2 in the database, 0 kept elsewhere)" in whole.output
    assert entries() == 21
    lines = [json.loads(line) for line in say("export").output.splitlines()]
    assert lines[-1]["entry"]["tag"] == "operator:record:pruned"
    assert lines[-1]["entry"]["data"]["export"] == digest
    assert say("prune", *OLD).exit_code == 1


def test_without_a_key_nobody_can_say_that_its_beginning_was_rightly_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AUDIT_SIGNING_KEY_FILE")
    assert "no key to check signatures by" in say("verify").output
    monkeypatch.setenv("AUDIT_SIGNING_KEY_FILE", "key.pem")
    pruned()
    assert say("verify").exit_code == 0
    monkeypatch.delenv("AUDIT_SIGNING_KEY_FILE")
    refused = say("verify")
    assert refused.exit_code == 1
    assert refused.output == (
        "Entry 20 is bad: the record's beginning up to it is missing, and the anchor that says it "
        "was removed can't be checked without its public key; pass --public-key FILE, or set "
        "AUDIT_SIGNING_KEY.\n"
    )
    assert say("verify", "--public-key", "key.pub").exit_code == 0
    # An export that brings no key proves no more than the record does without one.
    say("export", "--out", "rest")
    status, said = verified(by="rest")
    assert (status, "the anchor of entries 1 to 20 is by an unknown key" in said) == (1, True), said
    assert verified("--public-key", "key.pub", by="rest")[0] == 0


def verified(*words: str, by: str = "gone") -> tuple[int, str]:
    """Run the verifier as an auditor does: another Python, without anything of ours."""
    done = subprocess.run(  # noqa: S603 - our own file
        [sys.executable, "-I", "-S", f"{by}/verify_export.py", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_was_removed_and_what_is_left_are_one_chain() -> None:
    pruned()
    assert say("export", "--out", "rest").exit_code == 0
    assert "All holds: 20 entries, 1 to 20." in verified()[1]
    status, said = verified(by="rest")
    assert status == 0, said
    assert "All holds: 21 entries, 21 to 41." in said
    assert re.search(r"Entries 1 to 20 were removed from the record on \d{4}-\d\d-\d\d\.", said)
    assert "The chain goes on from there with entry 21." in said
    status, said = verified("gone", "rest", "--public-key", "key.pub")
    assert status == 0, said
    assert "rest goes on where gone ends: one chain." in said
    assert "gone is the export that was made as its entries were removed." in said
    status, said = verified("rest", "gone")
    assert (status, "gone begins at entry 1, and rest ends at 41" in said) == (1, True), said
    both = say("verify", "--removed", "gone", "--public-key", "key.pub")
    assert both.exit_code == 0, both.output
    assert "gone is the export that was made as they were removed, and the chain fits it." in (
        both.output
    )


def test_an_export_that_does_not_belong_to_it_is_told() -> None:
    say("export", "--to", "2012-03-02T14:00", "--out", "part")
    say("export", "--to", "2012-03-03T05:00", "--out", "same")
    pruned()
    refused = say("verify", "--removed", "part")
    assert refused.exit_code == 1
    assert "part ends at entry 5, and no entries were removed up to there." in refused.output
    other = say("verify", "--removed", "same")
    assert "same is another export that ends at entry 20, and the chain fits it." in other.output
    Path("gone/entries.jsonl").write_text("")
    broken = say("verify", "--removed", "gone")
    assert broken.exit_code == 1
    assert "gone is not whole: entries.jsonl was changed" in broken.output


def test_the_verifier_finds_what_was_done_to_the_anchor() -> None:
    pruned()
    say("export", "--out", "rest")
    manifest: dict[str, Any] = json.loads(Path("rest/manifest.json").read_text())
    [note] = manifest["anchors"]
    one = read_anchor(note)
    assert one is not None
    later = one.anchor.model_copy(update={"seq": 19})
    for anchors, what in (
        ([], "an entry tells of a removal whose anchor is not there"),
        ([note[:-2]], "an anchor can't be read"),
        ([one.model_copy(update={"signature": bytes(64)}).note()], "bears a wrong signature"),
        ([one.model_copy(update={"key_id": "00000000"}).note()], "is by an unknown key, 00000000"),
        ([records.SIGNER.sign_anchor(later).note()], "an entry tells of a removal whose anchor"),
        ([note, note], "does not follow from the one before"),
    ):
        Path("rest/manifest.json").write_text(json.dumps({**manifest, "anchors": anchors}))
        status, said = verified(by="rest")
        assert (status, what in said) == (1, True), said
    begun = {**manifest, "anchors": [note], "before": "0" * 64}
    Path("rest/manifest.json").write_text(json.dumps(begun))
    assert "entry 21 is bad: it does not follow" in verified(by="rest")[1]


def test_a_removal_that_no_entry_tells_of_is_found() -> None:
    """The whole export, and its last entry left out of it, head and all."""
    pruned()
    say("export", "--out", "rest")
    path = Path("rest/entries.jsonl")
    lines = path.read_text().splitlines(keepends=True)[:-1]
    path.write_text("".join(lines))
    manifest = json.loads(Path("rest/manifest.json").read_text())
    last = {"seq": 40, "hash": json.loads(lines[-1])["hash"]}
    manifest.update({"count": 20, "last": last, "head": last})
    manifest["files"]["entries.jsonl"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    Path("rest/manifest.json").write_text(json.dumps(manifest))
    status, said = verified(by="rest")
    assert (status, "entries were removed, and none is there that says so" in said) == (1, True)


def test_an_export_of_a_release_may_begin_after_the_anchor() -> None:
    pruned()
    assert say("export", "--release", "rel-1", "--out", "one").exit_code == 0
    status, said = verified(by="one")
    assert (status, "It is of one release" in said) == (0, True), said
    assert say("export", "--from", "2012-03-03T20:00", "--out", "part").exit_code == 0
    assert verified(by="part")[0] == 0


def test_older_exports_without_anchors_still_verify() -> None:
    say("export", "--out", "old")
    manifest = json.loads(Path("old/manifest.json").read_text())
    del manifest["anchors"]
    Path("old/manifest.json").write_text(json.dumps(manifest))
    assert verified(by="old")[0] == 0
    shutil.rmtree("old")
