"""Finds the line of a TOML file in which a key, a table or a syntax error stands. Pure."""

import re
import tomllib

_HEADER = re.compile(r"\s*\[(\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"))*)\s*=""")
_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


def line_of(text: str, keys: tuple[str, ...]) -> int:
    """Return the line of the assignment or table header that is closest to the dotted key.

    The last line if no table is near, for there a missing table can be added.
    """
    best, best_line = 0, max(len(text.splitlines()), 1)
    table: tuple[str, ...] = ()
    listed: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _numbered(_split_key(header[2]), listed, begins=bool(header[1]))
            found = table
        elif assignment := _ASSIGNMENT.match(line):
            found = (*table, *_split_key(assignment[1]))
        else:
            continue
        shared = _shared(found, keys)
        if shared > best:
            best, best_line = shared, number
    return best_line


def is_assigned(text: str, number: int, key: str) -> bool:
    """Return whether a line sets this key, and begins no table."""
    found = _ASSIGNMENT.match(text.splitlines()[number - 1]) if text else None
    return found is not None and _split_key(found[1]) == (key,)


def _shared(found: tuple[str, ...], keys: tuple[str, ...]) -> int:
    """Return the number of equal parts at the beginning."""
    return next(
        (count for count, pair in enumerate(zip(found, keys, strict=False)) if pair[0] != pair[1]),
        min(len(found), len(keys)),
    )


def syntax_error(text: str, error: tomllib.TOMLDecodeError) -> tuple[int, str]:
    """Return the line of a syntax error, and the parser's reason."""
    found = _SYNTAX.fullmatch(str(error))
    if found is None:
        return 1, str(error)
    return int(found[2]) if found[2] else max(len(text.splitlines()), 1), found[1]


def _numbered(keys: tuple[str, ...], listed: dict[tuple[str, ...], int], *, begins: bool) -> tuple[str, ...]:
    """Insert the element's index behind each key of a list of tables; `begins`: `[[keys]]` starts another element."""
    numbered: tuple[str, ...] = ()
    for count, key in enumerate(keys, start=1):
        numbered += (key,)
        if begins and count == len(keys):
            listed[numbered] = listed.get(numbered, -1) + 1
        if numbered in listed:
            numbered += (str(listed[numbered]),)
    return numbered


def _split_key(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
