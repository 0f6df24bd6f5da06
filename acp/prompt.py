"""Prompts that an agent can take: each block only if it has said so (ACP, Content)."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from acp.errors import Unsupported
from acp.schema import AudioBlock, EmbeddedResource, ImageBlock, PromptCapabilities, ResourceLink, TextBlock

__all__ = ["fit"]


def fit(blocks: Sequence[BaseModel], capabilities: PromptCapabilities) -> list[dict[str, Any]]:
    """Write the blocks of a prompt as the agent can take them.

    Text and links always go. An embedded resource becomes text, or for bytes a link, where the agent takes none: it
    can then at least see what was meant. Raises `Unsupported` for an image or sound that it does not take.
    """
    return [
        block.model_dump(mode="json", by_alias=True, exclude_none=True)
        for block in (_fit(block, capabilities) for block in blocks)
    ]


def _fit(block: BaseModel, capabilities: PromptCapabilities) -> BaseModel:
    match block:
        case ImageBlock() if not capabilities.image:
            raise Unsupported("the agent takes no images")
        case AudioBlock() if not capabilities.audio:
            raise Unsupported("the agent takes no sound")
        case EmbeddedResource(resource=resource) if not capabilities.embedded_context:
            return _without_embedding(resource)
    return block


def _without_embedding(resource: dict[str, Any]) -> BaseModel:
    uri = str(resource.get("uri", ""))
    match resource:
        case {"text": str(text)}:
            return TextBlock(text=f"The contents of {uri}:\n\n{text}")
    name = uri.rpartition("/")[2] or uri
    return ResourceLink(name=name, uri=uri, mime_type=resource.get("mimeType"))
