"""Keeps the end of an output of any length."""

import codecs

__all__ = ["OutputTail", "cut"]

# Cutting at each piece would move the whole tail each time; a quarter more is kept, and then cut at once.
_SLACK_SHARE = 4


class OutputTail:
    """The last `limit` bytes of a stream of UTF-8. Holds at most 1.25 times that, whatever flows through."""

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
        """Take the next piece of the stream."""
        self._length += len(data)
        # One byte more than can be shown: whether a character was cut in two is seen only where something is cut.
        enough = self._limit + 1
        self._kept += data
        if len(self._kept) > enough + enough // _SLACK_SHARE:
            del self._kept[:-enough]

    def text(self, *, ended: bool) -> str:
        """Return what is kept, as text of at most `limit` bytes. What is not UTF-8 is shown as U+FFFD.

        Until the stream has `ended`, a character whose rest is still to come is left out.
        """
        return cut(bytes(self._kept), self._limit, ended=ended)


def cut(data: bytes, limit: int, *, ended: bool = True) -> str:
    """Return the end of `data` as text that takes `limit` bytes of UTF-8 at most, beginning with a whole character."""
    text = _decode(_from_character(data, limit), ended=ended)
    # A byte that is no UTF-8 becomes a character of three.
    grown = text.encode()
    return text if len(grown) <= limit else _decode(_from_character(grown, limit), ended=True)


def _from_character(data: bytes, limit: int) -> bytes:
    start = max(len(data) - limit, 0)
    if start:
        # At most three bytes follow the first one of a character; they look like 0b10xxxxxx.
        for _ in range(3):
            if start < len(data) and data[start] & 0xC0 == 0x80:
                start += 1
    return data[start:]


def _decode(data: bytes, *, ended: bool) -> str:
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data, final=ended)
