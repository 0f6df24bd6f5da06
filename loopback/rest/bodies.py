"""Reads a request's body: JSON, or Discord's form with `payload_json` and files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from loopback.state.drafts import REQUEST_BYTES, Upload
from loopback.state.errors import DiscordError, Reason


@dataclass(frozen=True)
class Body:
    """The JSON and the files of a request."""

    json: Any = None
    uploads: tuple[Upload, ...] = ()


async def read(request: web.Request) -> Body:
    """Read the whole body. Raises 50109 for invalid JSON or an invalid form, 40005 for more than REQUEST_BYTES."""
    if not request.can_read_body:
        return Body()
    if (request.content_length or 0) > REQUEST_BYTES:
        raise DiscordError(Reason.TOO_LARGE)
    if request.content_type == "multipart/form-data":
        try:
            return await _read_form(request)
        except ValueError:  # no boundary, or another than the header names
            raise DiscordError(Reason.INVALID_JSON) from None
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise DiscordError(Reason.TOO_LARGE) from None
    return Body(_parse(raw)) if raw else Body()


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise DiscordError(Reason.INVALID_JSON) from None


async def _read_form(request: web.Request) -> Body:
    """Read a form whose files are `files[n]`, in the order of n."""
    payload: Any = {}
    files: dict[str, Upload] = {}
    size = 0
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise DiscordError(Reason.INVALID_JSON)
        content = bytearray()
        while chunk := await part.read_chunk():
            size += len(chunk)
            if size > REQUEST_BYTES:
                raise DiscordError(Reason.TOO_LARGE)
            content += chunk
        if part.name == "payload_json":
            payload = _parse(bytes(content))
        else:
            upload = Upload(part.filename or "unknown", bytes(content), part.headers.get("Content-Type"))
            files[part.name or str(len(files))] = upload
    ordered = [files[name] for name in sorted(files, key=lambda name: (len(name), name))]
    return Body(payload, tuple(ordered))
