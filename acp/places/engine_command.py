"""The engine's own short commands: why a job waits, and the end of jobs."""

import asyncio
import secrets
from typing import Final

from acp.errors import AgentClosed, PlaceUnreachable

from .far_commands import Route, last_words

MAX_OUTPUT: Final = 256 * 1024
"""Bytes of output that are read: a line for each job. A command that prints more is ended."""


async def engine_command(route: Route, seconds: float) -> list[str]:
    """Run the command line of `route` on this machine, within `seconds`; return the lines of its output.

    Raises `PlaceUnreachable` with its last words when it cannot be started, fails, or does not end in time.
    """
    client = await route.open(f"{route.journal}/{secrets.token_hex(16)}")
    output = _Output()
    try:
        client.attach(output)
        client.close_input()
        async with asyncio.timeout(seconds):
            await output.over.wait()
    except TimeoutError:
        raise PlaceUnreachable(route.place, f"{route.argv[0]} has not ended within {seconds:g} s") from None
    finally:
        if output.is_too_long or not output.over.is_set():
            client.kill()
        await client.stop()
    if output.is_too_long:
        raise PlaceUnreachable(route.place, f"{route.argv[0]} has printed more than {MAX_OUTPUT} bytes")
    if client.exit_status != 0:
        raise PlaceUnreachable(route.place, last_words(client, bytes(output.data)))
    return [line for line in output.data.decode(errors="replace").splitlines() if line.strip()]


class _Output:
    """What the command writes to stdout."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.over = asyncio.Event()

    @property
    def is_too_long(self) -> bool:
        """Whether it has written more than is read."""
        return len(self.data) > MAX_OUTPUT

    def feed(self, data: bytes) -> None:
        """Keep the beginning."""
        if self.is_too_long:
            return
        self.data += data
        if self.is_too_long:
            self.over.set()

    def closed(self, _error: AgentClosed) -> None:
        """Note the end."""
        self.over.set()

    def pause_writing(self) -> None:
        """Nothing is written to it."""

    def resume_writing(self) -> None:
        """Nothing is written to it."""
