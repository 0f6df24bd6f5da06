"""Fetches people's attachments from Discord, stores them where the session may read, and shows them to the agent.

An agent gets a link to each file, or its content where it accepts that directly (`bot.prompt.inline_files`).
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

from acp import AcpError
from acp.client_side.refusal import RequestRefused
from acp.schema import PromptCapabilities, ResourceLink, TextBlock
from bot.agents.far_files import FarFiles
from bot.user_messages import files as texts

from .attachment_store import AttachmentStore, safe_name
from .far_attachments import copy_all, renamed
from .formatting import Part, disarm
from .inline_files import INLINE_BYTES, LARGEST_INLINE, decode_text, inline
from .request import Attachment, Request

FILES: Final = 20
FILE_BYTES: Final = 25 * 1024 * 1024
ALL_BYTES: Final = 50 * 1024 * 1024
"""The bounds of one prompt: files, bytes of one, bytes of all."""

FETCH_SECONDS: Final = 60.0
"""Bound on fetching all files of one prompt. Discord's CDN delivers 25 MiB in a few seconds."""

SILENCE_SECONDS: Final = 20.0
"""A file without a byte for this long is abandoned."""

MESSAGE_FILE: Final = "message.txt"
MESSAGE_BYTES: Final = 256 * 1024
"""The file that Discord makes of a text too long for a message, and its largest size to be read as that text."""

CLEANING_SECONDS: Final = 3600.0

_PIECE = 64 * 1024

log = structlog.stdlib.get_logger("bot")


Fresh = Callable[[Attachment], Awaitable[str | None]]
"""Returns the current address of a file, if it is known."""

_EXPIRED = frozenset({403, 404})
"""Discord's answers for an expired address."""


class _Skipped(Exception):
    """A file is missing; the text says why."""


class _Expired(_Skipped):
    """The address may have expired."""


@dataclass(slots=True)
class Fetched:
    """The fetched files of one prompt: the parts by message, and words about missing files.

    `quoted` describes each file of a quote: its path, or its text.
    """

    parts: dict[int, list[Part]] = field(default_factory=dict)
    quoted: dict[Attachment, dict[str, str]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    count: int = 0
    size: int = 0


class Attachments:
    """The files of all threads. An asynchronous context manager."""

    def __init__(self, root: Path, proxy: str | None = None, proxy_auth: aiohttp.BasicAuth | None = None) -> None:
        """Files are saved below `root`, which is absolute and outside the agents' directories. Raises OSError.

        They are fetched through `proxy`, if there is one.
        """
        self._store = AttachmentStore(root)
        self._proxy, self._proxy_auth = proxy, proxy_auth
        self._http: aiohttp.ClientSession | None = None
        self._far: dict[str, FarFiles] = {}
        """A thread's files at each place where some were put."""

    async def __aenter__(self) -> Self:
        """Open the HTTP session."""
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS, sock_read=SILENCE_SECONDS)
        # Unlimited: each thread fetches one file at a time, and must not wait for another thread's.
        connector = aiohttp.TCPConnector(limit=0)
        # Discord compresses text on request, and a small answer could then expand without bound.
        headers = {"Accept-Encoding": "identity"}
        self._http = aiohttp.ClientSession(
            timeout=timeout,
            auto_decompress=False,
            connector=connector,
            headers=headers,
            proxy=self._proxy,
            proxy_auth=self._proxy_auth,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    # ---- fetching

    async def fetch(self, requests: Sequence[Request], fresh: Fresh) -> Fetched:
        """Save the files of one prompt's messages, in order, and skip those that are late.

        A file whose address has expired is tried once more at its `fresh` address.
        """
        fetched = Fetched()
        deadline = asyncio.get_running_loop().time() + FETCH_SECONDS
        for request in requests:
            parts: list[Part] = []
            fetched.parts[request.message_id] = parts
            names: set[str] = set()
            own = [(file, False) for file in request.attachments]
            for attachment, quoted in (*own, *((file, True) for quote in request.quotes for file in quote.attachments)):
                if attachment in fetched.quoted:  # Two of the messages may quote the same one.
                    continue
                path = self._store.path(request.thread_id, request.message_id, safe_name(attachment.name, names))
                try:
                    async with asyncio.timeout_at(deadline):
                        part = await self._take(attachment, path, request.thread_id, fetched, fresh)
                    if quoted:
                        fetched.quoted[attachment] = _describe(part)
                    if not (quoted and isinstance(part, TextBlock)):  # The words of others stay in the quote.
                        parts.append(part)
                except _Skipped as skipped:
                    fetched.skipped.append(texts.left_out(attachment.name, str(skipped)))
                except TimeoutError:
                    fetched.skipped.append(texts.left_out(attachment.name, texts.LATE))
                except (aiohttp.ClientError, OSError, ValueError, RequestRefused) as error:
                    log.warning("an attachment cannot be saved", message_id=request.message_id, reason=str(error))
                    fetched.skipped.append(texts.left_out(attachment.name, texts.NOT_SAVED))
        return fetched

    async def _take(self, attachment: Attachment, path: Path, thread_id: int, fetched: Fetched, fresh: Fresh) -> Part:
        """Save a file unless it is stored; return a link, or the text where Discord made the file of a long text."""
        fetched.count += 1
        if fetched.count > FILES:
            raise _Skipped(texts.too_many(FILES))
        most = min(FILE_BYTES, ALL_BYTES - fetched.size)
        if attachment.size > most:
            raise _Skipped(texts.too_large(most))
        size = await asyncio.to_thread(self._store.size, path)
        if size != attachment.size:  # Missing, or another file of that name, since removed.
            size = await self._fetch(attachment, path, most, fresh)
        fetched.size += size
        if attachment.name == MESSAGE_FILE and size <= MESSAGE_BYTES:
            data = await asyncio.to_thread(self._store.read, thread_id, path.as_uri())
            text = None if data is None else decode_text(data)
            if text is not None and text.strip():  # Model services refuse an empty block.
                return TextBlock(text=disarm(text))
        name = disarm(attachment.name)
        return ResourceLink(name=name, uri=path.as_uri(), mime_type=attachment.content_type, size=size)

    async def _fetch(self, attachment: Attachment, path: Path, most: int, fresh: Fresh) -> int:
        try:
            return await self._save(attachment.url, path, most)
        except _Expired:
            address = await fresh(attachment)
            if address is None or address == attachment.url:
                raise
        return await self._save(address, path, most)

    async def _save(self, address: str, path: Path, most: int) -> int:
        url = URL(address, encoded=True)
        if url.scheme not in {"http", "https"} or self._http is None:
            raise _Skipped(texts.NO_ADDRESS)
        async with self._http.get(url, allow_redirects=False) as response:
            if response.status != 200:
                kind = _Expired if response.status in _EXPIRED else _Skipped
                raise kind(texts.refused(response.status))
            packing = _unpacker(response.headers.get("Content-Encoding", ""))
            size = await self._write(response.content, path, most, packing)
        await asyncio.to_thread(self._store.publish, path)
        return size

    async def _write(self, content: aiohttp.StreamReader, path: Path, most: int, packing: "_Unpacker | None") -> int:
        size = 0
        # Written on the event loop: a piece takes microseconds, and a thread could not be cancelled.
        with os.fdopen(await asyncio.to_thread(self._store.create, path), "wb") as file:
            async for received in content.iter_chunked(_PIECE):
                for piece in (received,) if packing is None else packing.pieces(received):
                    size += len(piece)
                    if size > most:
                        raise _Skipped(texts.too_large(most))
                    file.write(piece)
                    await asyncio.sleep(0)  # Some bytes may expand to megabytes.
        if packing is not None:
            packing.check_end()
        return size

    # ---- showing

    async def show(self, parts: Sequence[Part], capabilities: PromptCapabilities, thread_id: int) -> list[BaseModel]:
        """Replace links to a thread's small files by their content, where the agent accepts that."""
        return await asyncio.to_thread(lambda: [*self._shown(parts, capabilities, thread_id)])

    async def show_far(
        self, parts: Sequence[Part], capabilities: PromptCapabilities, thread_id: int, far: FarFiles
    ) -> tuple[list[BaseModel], list[str]]:
        """Do the same for an agent on another machine, after copying the files there.

        Returns also what is missing there, for people.
        """
        self._far[far.place.name] = far
        copied, missing = await copy_all(parts, self._store, thread_id, far, FILE_BYTES)
        shown = await self.show(parts, capabilities, thread_id)
        lost = {part.uri: part.name for part in shown if isinstance(part, ResourceLink)}
        said = [texts.left_out(lost[uri], reason) for uri, reason in missing.items() if uri in lost]
        return renamed(shown, copied, missing), said

    def _shown(self, parts: Sequence[Part], capabilities: PromptCapabilities, thread_id: int) -> Iterator[BaseModel]:
        room = INLINE_BYTES
        for part in parts:
            block: BaseModel | None = None
            if isinstance(part, ResourceLink) and (part.size or 0) <= min(room, LARGEST_INLINE):
                data = self._store.read(thread_id, part.uri)
                block = inline(part, data, capabilities) if data is not None else None
                room -= len(data or b"") if block is not None else 0
            yield block or part

    # ---- expiry

    async def keep_clean(self) -> None:
        """Remove old and excess files, now and every hour."""
        while True:
            try:
                await asyncio.to_thread(self._store.clean, time.time())
            except OSError as error:
                log.warning("old attachments cannot be removed", reason=str(error))
            for place, far in [*self._far.items()]:
                try:
                    await far.clean()
                except AcpError as error:
                    log.warning("old attachments cannot be removed", place=place, reason=str(error))
            await asyncio.sleep(CLEANING_SECONDS)


class _Unpacker:
    """Decompresses, piece by piece, content that arrived compressed without a request."""

    def __init__(self) -> None:
        self._inflating = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: detect the header, gzip or zlib.

    def pieces(self, received: bytes) -> Iterator[bytes]:
        """Return the decompressed pieces. Raises ValueError for invalid data."""
        while received:
            try:
                yield self._inflating.decompress(received, _PIECE)
            except zlib.error as error:
                raise ValueError(str(error)) from error
            received = self._inflating.unconsumed_tail

    def check_end(self) -> None:
        """Raise ValueError where the end is missing."""
        if not self._inflating.eof:
            raise ValueError(texts.COMPRESSED_CUT_OFF)


def _unpacker(encoding: str) -> _Unpacker | None:
    """Return the decompressor for a content encoding (RFC 9110, 8.4.1); None where none is needed."""
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return _Unpacker()
        case other:
            raise ValueError(texts.unknown_encoding(other))


def _describe(part: Part) -> dict[str, str]:
    """Describe a quote's file: its text, where Discord made it of a long text, else its path."""
    return {"text": part.text} if isinstance(part, TextBlock) else {"uri": part.uri}
