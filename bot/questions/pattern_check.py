"""Whether texts match an agent's patterns: found out in a process of its own, for a pattern can take for ever."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress

__all__ = ["SECONDS", "find_mismatches"]

SECONDS = 1.0
"""Bound of the whole; an interaction must be answered within three seconds."""

_CODE = """
import json, re, sys
def fits(pattern, text):
    try:
        return re.search(pattern, text) is not None
    except (re.error, OverflowError, RecursionError):
        return True
print(json.dumps([fits(*pair) for pair in json.load(sys.stdin)]))
"""


async def find_mismatches(pairs: Sequence[tuple[str, str]]) -> list[int]:
    """Return the places of the pairs (pattern, text) that do not match (JSON Schema, pattern: anywhere in the text).

    What cannot be told counts as a match, for the agent looks as well: a pattern of another dialect, one that takes
    too long.
    """
    if not pairs:
        return []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", _CODE),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, _ = await process.communicate(json.dumps(pairs).encode())
    except TimeoutError:
        return []
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    found = json.loads(out) if process.returncode == 0 else []
    return [place for place, fits in enumerate(found) if not fits]
