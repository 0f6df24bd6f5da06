"""Reads typed lines while the screen above is redrawn."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import re
import select
import termios
import threading
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TextIO

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|O.|.)?")
_BACKSPACE, _KILL_LINE, _KILL_WORD, _END = "\x7f\x08", "\x15", "\x17", "\x04"


class Editor:
    """A line editor with backspace, Ctrl-U, Ctrl-W, Enter and Ctrl-D. Pure."""

    def __init__(self) -> None:
        self.buffer = ""
        self.ended = False

    def type(self, text: str) -> list[str]:
        """Handle typed text, and return the completed lines. Ctrl-D on an empty line sets `ended`."""
        lines: list[str] = []
        for character in _ESCAPES.sub("", text):
            if character in "\r\n":
                lines.append(self.buffer)
                self.buffer = ""
            elif character in _BACKSPACE:
                self.buffer = self.buffer[:-1]
            elif character == _KILL_LINE:
                self.buffer = ""
            elif character == _KILL_WORD:
                self.buffer = self.buffer.rstrip().rpartition(" ")[0]
            elif character == _END:
                self.ended = self.ended or not self.buffer
            elif character.isprintable():
                self.buffer += character
        return lines


@contextlib.asynccontextmanager
async def typed_lines(
    stream: TextIO, on_edit: Callable[[str], None], *, echo: bool = True
) -> AsyncIterator[AsyncIterator[str]]:
    """Yield the lines of a terminal, a pipe or a file as they come. `on_edit` gets the incomplete line.

    Without `echo` a terminal does not show the typed text, so that the caller can draw it.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    wake_read, wake_write = os.pipe()
    descriptor = stream.fileno()

    def read() -> None:
        while True:
            ready, _, _ = select.select([descriptor, wake_read], [], [])
            if wake_read in ready:
                return
            piece = os.read(descriptor, 4096)
            loop.call_soon_threadsafe(pieces.put_nowait, piece)
            if not piece:
                return

    reader = threading.Thread(target=read, name="keyboard", daemon=True)
    with contextlib.nullcontext() if echo else _silent(descriptor):
        reader.start()
        try:
            yield _lines(pieces, on_edit)
        finally:
            os.write(wake_write, b".")
            reader.join()
            os.close(wake_read)
            os.close(wake_write)


async def _lines(pieces: asyncio.Queue[bytes], on_edit: Callable[[str], None]) -> AsyncIterator[str]:
    editor = Editor()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while not editor.ended:
        piece = await pieces.get()
        lines = editor.type(decoder.decode(piece))
        if not piece and editor.buffer:
            lines.append(editor.buffer)
        on_edit(editor.buffer)
        for line in lines:
            yield line
        if not piece:
            return


@contextlib.contextmanager
def _silent(descriptor: int) -> Iterator[None]:
    """Let a terminal pass on each key immediately without showing it. Ctrl-C still interrupts."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
