"""Fetches people's attachments from Discord, stores them where the session may read, and shows them to the agent.

An agent gets a link to each file; what it can take directly, it is given directly instead (`bot.prompt.inline`).
"""

import asyncio
import os
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
import structlog
from pydantic import BaseModel
from yarl import URL

from acp.client_side.refusal import RequestRefused
from acp.schema import PromptCapabilities, ResourceLink, TextBlock
from bot.text.sizes import format_size

from .attachment_store import AttachmentStore, safe_name
from .formatting import Part, disarm
from .inline import INLINE_BYTES, LARGEST_INLINE, decode_text, inline
from .request import Attachment, Request

__all__ = ["Attachments", "Fetched"]

FILES: Final = 20
FILE_BYTES: Final = 25 * 1024 * 1024
ALL_BYTES: Final = 50 * 1024 * 1024
"""What one prompt brings at most: so many files, so many bytes of one, so many of all."""

FETCH_SECONDS: Final = 60.0
"""Bound on fetching all files of one prompt. Discord's CDN gives 25 MiB in a few seconds."""

SILENCE_SECONDS: Final = 20.0
"""Without a byte for so long, a file is given up."""

MESSAGE_FILE: Final = "message.txt"
MESSAGE_BYTES: Final = 256 * 1024
"""What Discord makes of a text that is too long for a message, and up to which size it is taken as that text."""

CLEANING_SECONDS: Final = 3600.0

_PIECE = 64 * 1024

log = structlog.stdlib.get_logger("bot")


Fresh = Callable[[Attachment], Awaitable[str | None]]
"""Says where a file is now, if that is known."""

_OVER = frozenset({403, 404})
"""What Discord answers where an address is good no more."""


class _Skipped(Exception):
    """A file is not there; the text says why."""


class _Over(_Skipped):
    """It may have another address by now."""


@dataclass(slots=True)
class Fetched:
    """What has become of the files of one prompt: by message the parts for them, and words about what is missing.

    `quoted` tells of each file that came with a quote where it is, or what it says.
    """

    parts: dict[int, list[Part]] = field(default_factory=dict)
    quoted: dict[Attachment, dict[str, str]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    count: int = 0
    size: int = 0


class Attachments:
    """The files of all threads. An asynchronous context manager."""

    def __init__(self, root: Path) -> None:
        """They are saved below `root`, which is absolute and no agent's working directory. Raises OSError."""
        self._saved = AttachmentStore(root)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Be ready to fetch."""
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS, sock_read=SILENCE_SECONDS)
        # A thread fetches one file at a time, so the number of agents is the bound, and none waits for another's files.
        connector = aiohttp.TCPConnector(limit=0)
        # Discord compresses text for those who take it, and a small answer could then unfold without bound.
        headers = {"Accept-Encoding": "identity"}
        self._http = aiohttp.ClientSession(timeout=timeout, auto_decompress=False, connector=connector, headers=headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    # ---- fetching

    async def fetch(self, requests: Sequence[Request], fresh: Fresh) -> Fetched:
        """Save the files of messages that are taken together, in order. What is not there in time is skipped.

        A file whose address is over is looked for at the `fresh` one, once.
        """
        fetched = Fetched()
        deadline = asyncio.get_running_loop().time() + FETCH_SECONDS
        for request in requests:
            parts: list[Part] = []
            fetched.parts[request.message_id] = parts
            names: set[str] = set()
            own = [(file, False) for file in request.attachments]
            for attachment, quoted in (*own, *((file, True) for quote in request.quotes for file in quote.attachments)):
                if attachment in fetched.quoted:  # Messages that are taken together may quote the same one.
                    continue
                path = self._saved.path(request.thread_id, request.message_id, safe_name(attachment.name, names))
                try:
                    async with asyncio.timeout_at(deadline):
                        part = await self._take(attachment, path, request.thread_id, fetched, fresh)
                    if quoted:
                        fetched.quoted[attachment] = _told(part)
                    if not (quoted and isinstance(part, TextBlock)):  # The words of others are only ever in the quote.
                        parts.append(part)
                except _Skipped as skipped:
                    fetched.skipped.append(f"{attachment.name}: {skipped}")
                except TimeoutError:
                    fetched.skipped.append(f"{attachment.name}: Discord did not send it in time")
                except (aiohttp.ClientError, OSError, ValueError, RequestRefused) as error:
                    log.warning("an attachment cannot be saved", message_id=request.message_id, reason=str(error))
                    fetched.skipped.append(f"{attachment.name}: it could not be fetched or saved")
        return fetched

    async def _take(self, attachment: Attachment, path: Path, thread_id: int, fetched: Fetched, fresh: Fresh) -> Part:
        """Save a file, unless it is there already; make a link, or of Discord's own file for a long text that text."""
        fetched.count += 1
        if fetched.count > FILES:
            raise _Skipped(f"one prompt takes {FILES} files")
        most = min(FILE_BYTES, ALL_BYTES - fetched.size)
        if attachment.size > most:
            raise _Skipped(f"{format_size(attachment.size)} are more than {format_size(most)}")
        size = await asyncio.to_thread(self._saved.size, path)
        if size != attachment.size:  # Not there, or by this name another one, which the message has lost since.
            size = await self._fetch(attachment, path, most, fresh)
        fetched.size += size
        if attachment.name == MESSAGE_FILE and size <= MESSAGE_BYTES:
            data = await asyncio.to_thread(self._saved.read, thread_id, path.as_uri())
            text = None if data is None else decode_text(data)
            if text is not None and text.strip():  # A block with nothing in it is refused by model services.
                return TextBlock(text=disarm(text))
        name = disarm(attachment.name)
        return ResourceLink(name=name, uri=path.as_uri(), mime_type=attachment.content_type, size=size)

    async def _fetch(self, attachment: Attachment, path: Path, most: int, fresh: Fresh) -> int:
        try:
            return await self._save(attachment.url, path, most)
        except _Over:
            address = await fresh(attachment)
            if address is None or address == attachment.url:
                raise
        return await self._save(address, path, most)

    async def _save(self, address: str, path: Path, most: int) -> int:
        url = URL(address, encoded=True)
        if url.scheme not in {"http", "https"} or self._http is None:
            raise _Skipped("it has no address to fetch it from")
        async with self._http.get(url, allow_redirects=False) as response:
            if response.status != 200:
                kind = _Over if response.status in _OVER else _Skipped
                raise kind(f"Discord does not give it ({response.status})")
            packing = _unpacker(response.headers.get("Content-Encoding", ""))
            size = await self._write(response.content, path, most, packing)
        await asyncio.to_thread(self._saved.publish, path)
        return size

    async def _write(self, content: aiohttp.StreamReader, path: Path, most: int, packing: "_Unpacker | None") -> int:
        size = 0
        # Written on the loop: a piece takes the kernel microseconds, and a thread could not be cancelled.
        with os.fdopen(await asyncio.to_thread(self._saved.create, path), "wb") as file:
            async for received in content.iter_chunked(_PIECE):
                for piece in (received,) if packing is None else packing.pieces(received):
                    size += len(piece)
                    if size > most:
                        raise _Skipped(f"it is larger than {format_size(most)}")
                    file.write(piece)
                    await asyncio.sleep(0)  # Some bytes may unfold to megabytes: others have their turn in between.
        if packing is not None:
            packing.check_end()
        return size

    # ---- showing

    async def show(self, parts: Sequence[Part], capabilities: PromptCapabilities, thread_id: int) -> list[BaseModel]:
        """Replace links to a thread's files by what they hold, where the agent takes that and it is small."""
        return await asyncio.to_thread(lambda: [*self._shown(parts, capabilities, thread_id)])

    def _shown(self, parts: Sequence[Part], capabilities: PromptCapabilities, thread_id: int) -> Iterator[BaseModel]:
        room = INLINE_BYTES
        for part in parts:
            block: BaseModel | None = None
            if isinstance(part, ResourceLink) and (part.size or 0) <= min(room, LARGEST_INLINE):
                data = self._saved.read(thread_id, part.uri)
                block = inline(part, data, capabilities) if data is not None else None
                room -= len(data or b"") if block is not None else 0
            yield block or part

    # ---- what is over

    async def keep_clean(self) -> None:
        """Remove what is too old or too much, now and every hour."""
        while True:
            try:
                await asyncio.to_thread(self._saved.clean, time.time())
            except OSError as error:
                log.warning("old attachments cannot be removed", reason=str(error))
            await asyncio.sleep(CLEANING_SECONDS)


class _Unpacker:
    """Unfolds what came compressed although that was not asked for, a piece at a time: some bytes make megabytes."""

    def __init__(self) -> None:
        self._inflating = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: whichever header is there, of gzip or zlib.

    def pieces(self, received: bytes) -> Iterator[bytes]:
        """Return what this makes. Raises ValueError where it makes nothing."""
        while received:
            try:
                yield self._inflating.decompress(received, _PIECE)
            except zlib.error as error:
                raise ValueError(str(error)) from error
            received = self._inflating.unconsumed_tail

    def check_end(self) -> None:
        """Raise ValueError where the end is missing."""
        if not self._inflating.eof:
            raise ValueError("the compressed file is cut off")


def _unpacker(encoding: str) -> _Unpacker | None:
    """Return what unfolds a content encoding (RFC 9110, 8.4.1); None where there is nothing to unfold."""
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return _Unpacker()
        case other:
            raise ValueError(f"the content encoding {other!r} is not known")


def _told(part: Part) -> dict[str, str]:
    """Tell of a file that came with a quote: what it says, where Discord made it of a long text, else where it is."""
    return {"text": part.text} if isinstance(part, TextBlock) else {"uri": part.uri}
