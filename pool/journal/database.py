"""Opens the journal's file with the right settings, and migrates it."""

import os
import secrets
import sqlite3
import time
from pathlib import Path

from .attachment_files import AttachmentFiles, folder_of
from .errors import JournalBusy, JournalError, JournalFileError, JournalProblem, JournalUnusable

CHECKED_AT_START = 128 * 1024 * 1024
"""A file of up to this many bytes is checked for damage at the start, in about a second; a larger one later."""

LARGEST_WAL = 16 * 1024
"""WAL pages, of 4 KiB, after which SQLite checkpoints on the event loop. `Maintenance` checkpoints long before that."""

PATIENCE_SECONDS = 2.0
"""How long the start waits for another program's lock on the file."""

BUSY_MILLISECONDS = 100
"""The same later, when the wait blocks the event loop."""

_OF_THE_MACHINE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_NOMEM,
}
"""Errors of the machine, not of the file: another try may succeed, and the file must stay."""

_MIGRATIONS = (
    """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE conversations (
        thread_id INTEGER PRIMARY KEY,
        channel_id INTEGER NOT NULL,
        guild_id INTEGER,
        session_id TEXT,
        created REAL NOT NULL
    ) STRICT;
    CREATE TABLE choices (
        thread_id INTEGER NOT NULL REFERENCES conversations,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (thread_id, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE messages (
        message_id INTEGER PRIMARY KEY,
        thread_id INTEGER NOT NULL REFERENCES conversations,
        author_id INTEGER NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        received REAL NOT NULL,
        request TEXT NOT NULL,
        prompt TEXT
    ) STRICT;
    CREATE INDEX open_messages ON messages (thread_id) WHERE state NOT IN ('answered', 'closed');
    CREATE INDEX messages_of_threads ON messages (thread_id, message_id);
    CREATE TABLE pages (
        exchange_id INTEGER NOT NULL REFERENCES messages,
        number INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (exchange_id, number)
    ) STRICT;
    CREATE TABLE posts (
        exchange_id INTEGER NOT NULL REFERENCES messages,
        number INTEGER NOT NULL,
        content TEXT NOT NULL,
        message_id INTEGER,
        PRIMARY KEY (exchange_id, number)
    ) STRICT;
    CREATE TABLE questions (
        token TEXT PRIMARY KEY,
        thread_id INTEGER NOT NULL,
        exchange_id INTEGER NOT NULL,
        content TEXT NOT NULL,
        message_id INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE marks (channel_id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL) STRICT;
    """,
    """
    ALTER TABLE conversations ADD COLUMN agent TEXT NOT NULL DEFAULT '';
    ALTER TABLE conversations ADD COLUMN directory TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE sessions (
        session_id TEXT NOT NULL,
        thread_id INTEGER NOT NULL REFERENCES conversations,
        agent TEXT NOT NULL,
        directory TEXT NOT NULL,
        began REAL NOT NULL,
        PRIMARY KEY (session_id, thread_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_of_threads ON sessions (thread_id);
    INSERT INTO sessions SELECT session_id, thread_id, agent, directory, created FROM conversations
        WHERE session_id IS NOT NULL;
    """,
    """
    ALTER TABLE conversations ADD COLUMN name TEXT NOT NULL DEFAULT '';
    ALTER TABLE conversations ADD COLUMN offers TEXT NOT NULL DEFAULT '';
    """,
    """
    ALTER TABLE messages ADD COLUMN exchange_id INTEGER;
    """,
    """
    CREATE TABLE postscripts (
        exchange_id INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
        number INTEGER NOT NULL,
        content TEXT NOT NULL,
        mention INTEGER,
        PRIMARY KEY (exchange_id, number)
    ) STRICT;
    CREATE TABLE files (
        exchange_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        data BLOB,
        FOREIGN KEY (exchange_id, number) REFERENCES postscripts ON DELETE CASCADE
    ) STRICT;
    CREATE INDEX files_of_postscripts ON files (exchange_id, number);
    """,
    """
    ALTER TABLE conversations ADD COLUMN notice INTEGER;
    """,
    """
    CREATE TABLE signs (
        message_id INTEGER NOT NULL,
        emoji TEXT NOT NULL,
        channel_id INTEGER NOT NULL,
        PRIMARY KEY (message_id, emoji)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE posts ADD COLUMN shown TEXT NOT NULL DEFAULT '';
    """,
    """
    ALTER TABLE messages ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;
    UPDATE messages SET owed = 1 WHERE state = 'closed' AND message_id IN (SELECT exchange_id FROM pages);
    CREATE INDEX owed_messages ON messages (message_id) WHERE owed;
    CREATE INDEX ended_messages ON messages (received) WHERE state IN ('answered', 'closed');
    CREATE INDEX joined_messages ON messages (exchange_id) WHERE exchange_id <> message_id;
    CREATE INDEX posted_messages ON posts (message_id) WHERE message_id IS NOT NULL;
    CREATE INDEX conversations_of_channels ON conversations (channel_id);
    CREATE INDEX conversations_of_guilds ON conversations (guild_id);
    CREATE INDEX noticed_conversations ON conversations (thread_id) WHERE notice IS NOT NULL;
    """,
    """
    CREATE TABLE notices (
        nonce TEXT PRIMARY KEY,
        thread_id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        about INTEGER NOT NULL,
        since REAL NOT NULL,
        content TEXT NOT NULL,
        message_id INTEGER
    ) STRICT, WITHOUT ROWID;
    INSERT INTO notices SELECT 'notice-' || thread_id, thread_id, 'waiting', 0, created, '', notice FROM conversations
        WHERE notice IS NOT NULL;
    DROP INDEX noticed_conversations;
    ALTER TABLE conversations DROP COLUMN notice;
    """,
    """
    CREATE TABLE asks (
        ask_id INTEGER PRIMARY KEY,
        channel_id INTEGER NOT NULL,
        content TEXT NOT NULL,
        request TEXT NOT NULL,
        agent TEXT NOT NULL,
        about INTEGER,
        parent_id INTEGER
    ) STRICT;
    """,
    """
    ALTER TABLE conversations ADD COLUMN opener_id INTEGER;
    UPDATE conversations SET opener_id = (
        SELECT author_id FROM messages WHERE messages.thread_id = conversations.thread_id ORDER BY message_id LIMIT 1
    );
    """,
    """
    ALTER TABLE files ADD COLUMN stored TEXT;
    ALTER TABLE files ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
    UPDATE files SET size = length(data), stored = file_of(data) WHERE data IS NOT NULL;
    ALTER TABLE files DROP COLUMN data;
    """,
    """
    ALTER TABLE asks DROP COLUMN about;
    """,
    """
    ALTER TABLE questions ADD COLUMN subject TEXT NOT NULL DEFAULT '';
    """,
    """
    ALTER TABLE questions ADD COLUMN components_v2 INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE notices ADD COLUMN components_v2 INTEGER NOT NULL DEFAULT 0;
    """,
    """
    CREATE TABLE command_rules (
        thread_id INTEGER NOT NULL,
        rule TEXT NOT NULL,
        made_by INTEGER NOT NULL,
        since REAL NOT NULL,
        PRIMARY KEY (thread_id, rule)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE fork_points (
        exchange_id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
        session_id TEXT NOT NULL,
        message_id TEXT NOT NULL
    ) STRICT;
    CREATE TABLE forks (
        fork_id INTEGER PRIMARY KEY,
        parent_id INTEGER NOT NULL,
        channel_id INTEGER NOT NULL,
        guild_id INTEGER NOT NULL,
        author_id INTEGER NOT NULL,
        about INTEGER NOT NULL,
        upto INTEGER NOT NULL,
        source_session TEXT NOT NULL,
        source_message TEXT NOT NULL,
        request TEXT NOT NULL,
        line_id INTEGER,
        kind TEXT,
        session_id TEXT,
        thread_id INTEGER
    ) STRICT;
    CREATE TABLE origins (
        thread_id INTEGER PRIMARY KEY REFERENCES conversations,
        parent_id INTEGER NOT NULL,
        upto INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE side_questions (
        question_id INTEGER PRIMARY KEY,
        thread_id INTEGER NOT NULL,
        content TEXT NOT NULL,
        message_id INTEGER
    ) STRICT;
    """,
    """
    ALTER TABLE conversations ADD COLUMN place TEXT NOT NULL DEFAULT '';
    ALTER TABLE sessions ADD COLUMN place TEXT NOT NULL DEFAULT 'here';
    UPDATE conversations SET place = 'here' WHERE session_id IS NOT NULL OR thread_id IN (
        SELECT thread_id FROM sessions JOIN conversations USING (thread_id, agent, directory)
    );
    """,
)
"""Schema steps; `user_version` counts those that are applied. `file_of(data)` writes an attachment file and returns its
name."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open or create the file at `path`, mode 0600 in a directory of mode 0700. Raises `JournalError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = connect(path)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise JournalFileError(JournalProblem.NOT_OPENED, path, reason) from None
    try:
        _migrate(connection, path)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    except sqlite3.Error as error:
        connection.close()
        raise unusable(path, error) from None
    except JournalError:
        connection.close()
        raise
    return connection


def connect(path: Path, *, lent: bool = False) -> sqlite3.Connection:
    """Open the file without changes; `lent` allows another thread to use it. Raises `sqlite3.Error`."""
    return sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_SECONDS, check_same_thread=not lent)


def damage_of(connection: sqlite3.Connection) -> str:
    """Check the whole file; return what is wrong with it, or an empty string. Takes 4 s for each GB in memory."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if verdict == "ok" else str(verdict)


def unusable(path: Path, error: sqlite3.Error) -> JournalFileError:
    """Return the error that says what an SQLite error means for the file."""
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:  # The low byte is the kind of error.
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalBusy(JournalProblem.LOCKED, path)
        case code if code in _OF_THE_MACHINE:
            return JournalFileError(JournalProblem.NOT_OPENED, path, str(error))
        case _:
            return JournalUnusable(JournalProblem.NOT_READ, path, str(error))


def put_aside(path: Path) -> Path:
    """Rename a journal and the files that belong to it, so that a new one can begin. Return its new path.

    Raises `JournalError`.
    """
    aside = path.with_name(f"{path.name}.broken-{time.strftime('%Y%m%dT%H%M%S')}")
    try:
        for suffix in ("", "-wal", "-shm", "-files"):
            file = path.with_name(path.name + suffix)
            if file.exists():
                file.rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise JournalFileError(JournalProblem.NOT_PUT_ASIDE, path, error.strerror or "") from None
    return aside


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LARGEST_WAL}")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise JournalUnusable(JournalProblem.NEWER, path, str(version))
    files = AttachmentFiles(folder_of(path))
    connection.create_function("file_of", 1, lambda data: files.write([data]))
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
    damage = damage_of(connection) if path.stat().st_size <= CHECKED_AT_START else ""
    if damage:
        raise JournalUnusable(JournalProblem.DAMAGED, path, damage)
    with connection:
        row = ("journal_id", secrets.token_hex(8))
        connection.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", row)
