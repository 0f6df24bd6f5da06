"""Keeps the end of an output stream in bounded memory."""

import codecs

DEFAULT_OUTPUT_BYTES = 1024 * 1024
"""Bytes kept of a command's output where the agent names no limit."""

MAX_OUTPUT_BYTES = 10 * 1024 * 1024
"""Most bytes kept, also where the agent names a higher limit."""

# Cutting for each piece would move the whole tail each time, so a quarter more is kept before a cut.
_SLACK_SHARE = 4


class OutputTail:
    """The last `limit` bytes of a stream of UTF-8. Holds at most 1.25 times that."""

    def __init__(self, limit: int) -> None:
        """Keep `limit` bytes; 0 keeps none."""
        self._limit = limit
        self._kept = bytearray()
        self._length = 0

    @property
    def truncated(self) -> bool:
        """Whether the beginning is gone."""
        return self._length > self._limit

    def add(self, data: bytes) -> None:
        """Append a piece of the stream."""
        self._length += len(data)
        # One byte more than is shown, so that `cut` sees whether the first character is whole.
        enough = self._limit + 1
        self._kept += data
        if len(self._kept) > enough + enough // _SLACK_SHARE:
            del self._kept[:-enough]

    def text(self, *, ended: bool) -> str:
        """Return the kept end as text of at most `limit` bytes, with U+FFFD for bytes that are not UTF-8.

        Until the stream has `ended`, this leaves out an incomplete last character.
        """
        return cut(bytes(self._kept), self._limit, ended=ended)


def cut(data: bytes, limit: int, *, ended: bool = True) -> str:
    """Return the end of `data` as text of at most `limit` bytes of UTF-8 that begins with a whole character."""
    text = _decode(_from_character(data, limit), ended=ended)
    # U+FFFD takes three bytes in place of one.
    grown = text.encode()
    return text if len(grown) <= limit else _decode(_from_character(grown, limit), ended=True)


def _from_character(data: bytes, limit: int) -> bytes:
    start = max(len(data) - limit, 0)
    if start:
        # At most three bytes follow the first one of a character, each 0b10xxxxxx.
        for _ in range(3):
            if start < len(data) and data[start] & 0xC0 == 0x80:
                start += 1
    return data[start:]


def _decode(data: bytes, *, ended: bool) -> str:
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data, final=ended)
