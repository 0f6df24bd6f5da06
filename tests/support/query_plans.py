"""SQLite's plan for each statement of a journal: no test may run a scan of a growing table."""

import re
import sqlite3
from typing import Any

BOUNDED = {"facts", "asks", "forks", "side_questions", "questions", "notices", "signs", "postscripts", "files"}
"""Tables that hold a fixed number of rows, or no more than what is open now."""

OPEN_ONLY = {"open_messages", "owed_messages"}
"""Partial indexes that hold no more than what is open now: all of such a one may be read."""

_SCAN = re.compile(r"SCAN (?P<table>\w+)(?: USING (?:COVERING )?INDEX (?P<index>\w+))?")


def scans(db: sqlite3.Connection, statement: str, parameters: Any = ()) -> list[str]:
    """Return the steps of a statement's plan that scan a growing table."""
    steps = [str(step[3]) for step in sqlite3.Connection.execute(db, f"EXPLAIN QUERY PLAN {statement}", parameters)]
    return [step for step in steps if "AUTOMATIC" in step or _is_scan(step)]


def _is_scan(step: str) -> bool:
    found = _SCAN.match(step)
    return (
        found is not None
        and found["table"] not in BOUNDED | {"CONSTANT", "json_each"}
        and found["index"] not in OPEN_ONLY
    )


class Explaining(sqlite3.Connection):
    """A connection that checks the plan of each new statement before it runs."""

    found: list[str] = []  # noqa: RUF012 - of all connections
    """The statements of journals that read all of a table that grows, each with that step of its plan."""

    _seen: set[str] = set()  # noqa: RUF012 - the same

    def execute(self, statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self._explain(statement, parameters)
        return super().execute(statement, parameters)

    def executemany(self, statement: str, parameters: Any, /) -> sqlite3.Cursor:
        rows = [*parameters]
        if rows:
            self._explain(statement, rows[0])
        return super().executemany(statement, rows)

    def _explain(self, statement: str, parameters: Any) -> None:
        if statement not in self._seen and statement.lstrip()[:6] in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
            self._seen.add(statement)
            self.found.extend(f"{step}: {statement}" for step in scans(self, statement, parameters))
