"""Journals for tests: filled, on a full disk, and as a crash leaves them."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pool.journal.journal import Journal
from pool.journal.message_states import MessageState

LARGE = "x" * 20_000
"""A text that needs new pages in the file."""

_ROOM = 2**30

WAYS: dict[MessageState, tuple[MessageState, ...]] = {
    MessageState.RECEIVED: (),
    MessageState.HELD: (MessageState.HELD,),
    MessageState.PROMPTED: (MessageState.PROMPTED,),
    MessageState.FINISHED: (MessageState.PROMPTED, MessageState.FINISHED),
    MessageState.ANSWERED: (MessageState.PROMPTED, MessageState.FINISHED, MessageState.ANSWERED),
    MessageState.CLOSED: (MessageState.CLOSED,),
}
"""The transitions from a new row to each state."""


def receive(journal: Journal, *message_ids: int, thread_id: int = 1, request: str = "") -> None:
    """Accept new messages; `{}` in the request stands for the message's id."""
    for message_id in message_ids:
        assert journal.messages.receive(
            message_id,
            thread_id=thread_id,
            channel_id=2,
            guild_id=3,
            author_id=4,
            request=request.format(message_id),
        )


def move(journal: Journal, message_ids: tuple[int, ...], state: MessageState) -> None:
    """Move rows to a state, as each method that changes a state does."""
    with journal.messages._transaction():
        journal.messages._move(message_ids, state)


def as_kill_leaves_it(path: Path, folder: Path) -> Path:
    """Copy an open journal with its other files, as they are now; return the copy."""
    folder.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        copy = shutil.copytree if file.is_dir() else shutil.copy
        copy(file, folder / file.name)
    return folder / path.name


@contextmanager
def no_room(journal: Journal | sqlite3.Connection) -> Iterator[None]:
    """Keep the file from growing during the block: "database or disk is full"."""
    db = journal._db if isinstance(journal, Journal) else journal
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        db.execute(f"PRAGMA max_page_count = {_ROOM}")
