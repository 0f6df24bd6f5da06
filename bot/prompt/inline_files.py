"""Puts small files into a prompt: an image, a sound or a text, as a block that the agent accepts. Pure."""

import base64
from typing import Final

from pydantic import BaseModel

from acp.schema import AudioBlock, EmbeddedResource, ImageBlock, PromptCapabilities, ResourceLink

from .formatting import disarm

IMAGE_BYTES: Final = 3_900_000
AUDIO_BYTES: Final = 4 * 1024 * 1024
TEXT_BYTES: Final = 64 * 1024
"""Bounds of one image (5 MB as base64, the limit of model services), one sound, one text."""

LARGEST_INLINE: Final = max(IMAGE_BYTES, AUDIO_BYTES, TEXT_BYTES)

INLINE_BYTES: Final = 10 * 1024 * 1024
"""Bound of all files in one prompt."""

_IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def inline(link: ResourceLink, data: bytes, capabilities: PromptCapabilities) -> BaseModel | None:
    """Return a block with the content of a linked file; None where the agent should get the link."""
    kind = (link.mime_type or "").partition(";")[0].strip().lower()
    image = _image_kind(data)
    if image is not None:
        if not capabilities.image or len(data) > IMAGE_BYTES:
            return None
        return ImageBlock(data=base64.b64encode(data).decode(), mime_type=image, uri=link.uri)
    if kind.startswith("audio/"):
        if not capabilities.audio or len(data) > AUDIO_BYTES:
            return None
        return AudioBlock(data=base64.b64encode(data).decode(), mime_type=kind)
    if not capabilities.embedded_context or len(data) > TEXT_BYTES or (text := decode_text(data)) is None:
        return None
    return EmbeddedResource(resource={"uri": link.uri, "mimeType": kind or "text/plain", "text": disarm(text)})


def _image_kind(data: bytes) -> str | None:
    """Detect an image by its first bytes: a wrong type would be refused, now and with every later prompt."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _IMAGES.items() if data.startswith(start)), None)


def decode_text(data: bytes) -> str | None:
    """Return the text of a file; None where the file is not text."""
    try:
        return None if b"\0" in data else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
