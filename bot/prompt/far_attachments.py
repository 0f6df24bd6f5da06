"""Copies people's files to the machine of a far agent, and names them in its prompt as they are called there."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog
from pydantic import BaseModel

from acp import AcpError
from acp.schema import EmbeddedResource, ImageBlock, ResourceLink, TextBlock
from bot.agents.far_files import FarFiles, no_copy
from bot.user_messages import files as texts
from bot.user_messages import to_agents

from .attachment_store import AttachmentStore
from .formatting import Part

COPY_SECONDS: Final = 120.0
"""Bound on copying all files of one prompt: 50 MB over a line of some Mbit/s."""

log = structlog.stdlib.get_logger("bot")


async def copy_all(
    parts: Sequence[Part], store: AttachmentStore, thread_id: int, far: FarFiles, most: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Copy the linked files of a prompt, of at most `most` bytes each, one after the other.

    Returns their addresses there, by those here, and the reasons for those that are missing, for people.
    """
    copied: dict[str, str] = {}
    missing: dict[str, str] = {}
    deadline = asyncio.get_running_loop().time() + COPY_SECONDS
    for part in parts:
        if not isinstance(part, ResourceLink) or (name := store.name(thread_id, part.uri)) is None:
            continue
        data = await asyncio.to_thread(store.read, thread_id, part.uri, most)
        try:
            if data is None:
                missing[part.uri] = texts.NOT_KEPT
                continue
            async with asyncio.timeout_at(deadline):
                copied[part.uri] = await far.put(data, name)
        except TimeoutError:
            missing[part.uri] = texts.COPIED_TOO_SLOWLY
        except AcpError as error:
            log.warning("an attachment cannot be copied", place=far.place.name, reason=str(error))
            missing[part.uri] = no_copy(error, most)
    return copied, missing


def renamed(blocks: Iterable[BaseModel], copied: Mapping[str, str], missing: Mapping[str, str]) -> list[BaseModel]:
    """Return the blocks of a prompt with the files' addresses there. A link to a missing file becomes words."""
    return [_renamed(block, copied, missing) for block in blocks]


def _renamed(block: BaseModel, copied: Mapping[str, str], missing: Mapping[str, str]) -> BaseModel:
    match block:
        case ResourceLink(uri=uri, name=name) if uri in missing:
            return TextBlock(text=to_agents.missing_file(name))
        case ResourceLink(uri=uri) | ImageBlock(uri=str(uri)):
            return block.model_copy(update={"uri": copied.get(uri, uri)})
        case EmbeddedResource(resource={"uri": str(uri)}):
            return block.model_copy(update={"resource": {**block.resource, "uri": copied.get(uri, uri)}})
        case TextBlock(text=text):
            for uri, there in copied.items():  # What the context says of the files of quoted messages.
                text = text.replace(uri, there)
            return block.model_copy(update={"text": text})
    return block
