"""Cuts an agent's output into lines, and keeps only the two ends of an oversized one. Pure."""

from acp.envelope import BEGINNING, END

MAX_LINE = 16 * 1024 * 1024
"""Longest line that is read, in bytes: an image or a file of 10 MB, as JSON writes it. Parsing it takes 0.1 s. Other
lines of real agents reach 0.6 MB."""


class LongLine:
    """The two ends of an oversized line."""

    def __init__(self, beginning: bytes | bytearray) -> None:
        """Keep the two ends of `beginning`."""
        self._length = len(beginning)
        self.beginning = bytes(beginning[:BEGINNING])
        self.end = bytes(beginning[-END:])

    def __len__(self) -> int:
        """The length of the whole line, in bytes."""
        return self._length

    def add(self, data: bytes | bytearray) -> None:
        """Append `data`."""
        self._length += len(data)
        self.end = (self.end + data[-END:])[-END:]


Line = bytes | bytearray | LongLine


class LineSplitter:
    """Cuts a byte stream into lines, independent of the sizes of the reads. Linear in the bytes fed.

    An unfinished line is held once and returned without a copy. Beyond the limit only its two ends are kept.
    """

    def __init__(self, limit: int = MAX_LINE) -> None:
        """`limit` bounds an unfinished line, in bytes."""
        self._limit = limit
        self._rest: bytearray | LongLine = bytearray()

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that `data` completes, without their line feeds."""
        lines: list[Line] = [*(pieces := data.split(b"\n"))]
        lines.pop()
        if lines and self._rest:
            self._add(pieces[0])
            lines[0], self._rest = self._rest, bytearray()
        self._add(pieces[-1])
        return lines

    def _add(self, piece: bytes) -> None:
        if isinstance(self._rest, LongLine):
            self._rest.add(piece)
        else:
            self._rest += piece
            if len(self._rest) > self._limit:
                self._rest = LongLine(self._rest)
