"""Matches texts against an agent's patterns, in a separate process, as a pattern can take for ever."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress

SECONDS = 1.0
"""Bound on the whole; Discord waits three seconds for an answer."""

LONGEST_PATTERN = 1000
"""Characters of a pattern that is checked: it is copied for each line of an entry, of which there may be thousands."""

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
    """Return the indices of the pairs (pattern, text) that do not match (JSON Schema, pattern: anywhere in the text).

    A pattern of another dialect, a long one, or one that takes too long counts as a match: the agent checks as well.
    """
    places = [place for place, (pattern, _) in enumerate(pairs) if len(pattern) <= LONGEST_PATTERN]
    if not places:
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
            out, _ = await process.communicate(json.dumps([pairs[place] for place in places]).encode())
    except TimeoutError:
        return []
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    found = json.loads(out) if process.returncode == 0 else [True] * len(places)
    return [place for place, fits in zip(places, found, strict=True) if not fits]
