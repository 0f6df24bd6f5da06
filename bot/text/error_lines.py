"""Finds the lines of an agent's stderr that read like an error, among a log of any kind. Pure."""

import re
from collections.abc import Iterator, Sequence

from bot.text.markdown import shortened
from bot.text.printable import visible

LINES = 5
WIDTH = 200
"""Most lines, and characters of each."""

_ERROR = re.compile(
    r"error|exception|fatal|panic|fail|cannot|can't|could not|unable|denied|refused|not found|no such|invalid|missing"
    r"|unauthori[sz]ed|forbidden|out of memory|segmentation|abort|timed out",
    re.IGNORECASE,
)
"""What such a line has."""

_OTHER = re.compile(
    r"\b(?:DEBUG|TRACE|VERBOSE|INFO)\b|(?i:\[(?:debug|trace|info)\]|level\W{1,4}(?:debug|trace|info|[123]0)\b)|^at "
)
"""What no such line has: a level of a log below warnings, or the beginning of a frame of a stack."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)


def error_lines(stderr: Sequence[str]) -> list[str]:
    """Return the last lines that read like an error, without ids of sessions; none where no line does."""
    return [*_found(stderr)][-LINES:]


def _found(stderr: Sequence[str]) -> Iterator[str]:
    for line in stderr:
        plain = _COLOURS.sub("", line).strip()
        if _ERROR.search(plain) and not _OTHER.search(plain):
            yield shortened(visible(_UUID.sub("…", plain)), WIDTH)
