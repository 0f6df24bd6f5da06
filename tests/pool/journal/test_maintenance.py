"""The maintenance of the journal: old rows, the WAL, damage, unneeded files. In virtual time."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pool.journal.database import connect
from pool.journal.errors import JournalProblem, JournalUnusable, JournalUnwritable
from pool.journal.journal import Journal
from pool.journal.maintenance import UPKEEP_SECONDS, Maintenance
from tests.pool.journals import receive
from tests.pool.pool_harness import running_pool
from tests.support.virtual_time import elapse


@asynccontextmanager
async def maintained(journal: Journal) -> AsyncIterator[None]:
    """Run the maintenance of a journal during the block."""
    task = asyncio.create_task(Maintenance(journal).run(), name="upkeep")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_old_rows_are_dropped_in_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In small batches, often."""
    monkeypatch.setattr("pool.journal.messages.KEPT_SECONDS", -1.0)
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 10)
        it.journal.messages.answer((10,))
        await elapse(UPKEEP_SECONDS + 1)
        assert it.row(10) is None


async def test_the_wal_is_checkpointed_outside_the_loop(tmp_path: Path) -> None:
    """No commit must do it and wait for the disk, and the WAL does not grow."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        before = path.stat().st_size
        async with maintained(journal):
            receive(journal, *range(1000))
            assert path.stat().st_size == before
            await elapse(UPKEEP_SECONDS + 1)
            assert path.stat().st_size > before
            grown = path.with_name("journal.db-wal").stat().st_size
            for number in range(10):
                receive(journal, *range(1000 * (number + 1), 1000 * (number + 1) + 200))
                await elapse(UPKEEP_SECONDS)
            assert path.with_name("journal.db-wal").stat().st_size == grown


async def test_an_unchanged_journal_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle bot wakes no disk."""
    opened: list[Path] = []

    def noted(path: Path, *, lent: bool) -> sqlite3.Connection:
        opened.append(path)
        return connect(path, lent=lent)

    monkeypatch.setattr("pool.journal.maintenance.connect", noted)
    with Journal.open(tmp_path / "journal.db") as journal:
        async with maintained(journal):
            await elapse(UPKEEP_SECONDS * 10)
            assert len(opened) == 1
            receive(journal, 10)
            await elapse(UPKEEP_SECONDS * 10)
            assert len(opened) == 2


async def test_files_that_no_row_names_are_removed(tmp_path: Path) -> None:
    """A kill leaves such files; the needed ones stay."""
    with Journal.open(tmp_path / "journal.db") as journal:
        orphan = journal.files.write([b"left behind"])
        async with maintained(journal):
            await elapse(UPKEEP_SECONDS + 1)
        assert orphan not in journal.files.names()


async def test_files_are_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread does it, because a disk is slow; a removed file is skipped."""
    synced: list[str] = []
    monkeypatch.setattr(
        "pool.journal.attachment_files.os.fsync", lambda _descriptor: synced.append(threading.current_thread().name)
    )
    with Journal.open(tmp_path / "journal.db") as journal:
        name, gone = journal.files.write([b"one"]), journal.files.write([b"two"])
        journal.trailers._unnamed.add(name)
        journal.files.remove([gone])
        async with maintained(journal):
            for number in range(3):
                receive(journal, number)
                await elapse(UPKEEP_SECONDS)
    assert len(synced) == 1
    assert synced != [threading.main_thread().name]


async def test_a_failed_step_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk ends neither the bot nor the maintenance."""

    def fails(_path: Path, *, lent: bool) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    with Journal.open(tmp_path / "journal.db") as journal, capture_logs() as logs:
        orphan = journal.files.write([b"left behind"])
        async with maintained(journal):
            with monkeypatch.context() as patch:
                patch.setattr("pool.journal.maintenance.connect", fails)
                await elapse(UPKEEP_SECONDS * 2 + 1)
            await elapse(UPKEEP_SECONDS)
        assert [log["event"] for log in logs] == ["the journal could not be looked after"] * 2
        assert orphan not in journal.files.names()


async def test_a_large_journal_is_checked_while_the_bot_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check takes too long for the start at a million rows. A damaged file is not written any further."""
    monkeypatch.setattr("pool.journal.database.CHECKED_AT_START", 0)
    monkeypatch.setattr("pool.journal.maintenance.CHECKED_AT_START", 0)
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, *range(1000))
        for number in range(1000):
            journal.sent_pages.intend(number, 0, "page")
        async with maintained(journal):
            await elapse(UPKEEP_SECONDS * 2)
            assert not journal.trouble
    spoil(path, "posts")
    with Journal.open(path) as journal, capture_logs() as logs:
        async with maintained(journal):
            await elapse(UPKEEP_SECONDS + 1)
        assert journal.trouble is not None
        assert journal.trouble.problem is JournalProblem.DAMAGED
        with pytest.raises(JournalUnwritable, match=f"{path} damaged: "):
            receive(journal, 2000)
        assert [log["event"] for log in logs if log["log_level"] == "error"] == ["the journal cannot be written"]


async def test_a_large_journal_whose_damage_is_met_at_the_start_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As is a small one, after its check."""
    monkeypatch.setattr("pool.journal.database.CHECKED_AT_START", 0)
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, *range(1000))
    spoil(path, "messages")
    with pytest.raises(JournalUnusable, match=r"not read: database disk image is malformed"):
        Journal.open(path)


def spoil(path: Path, table: str) -> None:
    """Overwrite a page of a table with bytes that no page has."""
    with closing(sqlite3.connect(path)) as db:
        (page_size,) = db.execute("PRAGMA page_size").fetchone()
        (page,) = db.execute("SELECT max(pageno) FROM dbstat WHERE name = ?", (table,)).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * page_size)
        file.write(b"\xff" * page_size)


async def test_a_stop_interrupts_a_running_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of a large file takes longer than the shutdown may."""
    monkeypatch.setattr("pool.journal.maintenance.CHECKED_AT_START", 0)
    began = threading.Event()
    ended: list[str] = []

    def endless(db: sqlite3.Connection) -> str:
        began.set()
        try:
            db.execute("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
        except sqlite3.OperationalError as error:
            ended.append(str(error))
        return ""

    monkeypatch.setattr("pool.journal.maintenance.damage_of", endless)
    with Journal.open(tmp_path / "journal.db") as journal:
        async with maintained(journal):
            await elapse(UPKEEP_SECONDS)
            await asyncio.to_thread(began.wait)
    assert ended == ["interrupted"]
