"""Content blocks, the parts of prompts and messages (schema: ContentBlock)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import SchemaModel


class TextBlock(SchemaModel):
    """Text. Every agent accepts it."""

    type: Literal["text"] = "text"
    text: str


class ImageBlock(SchemaModel):
    """An image; `data` is base64. Gated by `promptCapabilities.image`."""

    type: Literal["image"] = "image"
    data: str
    mime_type: str
    uri: str | None = None


class AudioBlock(SchemaModel):
    """Sound; `data` is base64. Gated by `promptCapabilities.audio`."""

    type: Literal["audio"] = "audio"
    data: str
    mime_type: str


class ResourceLink(SchemaModel):
    """A link to a resource that the agent can reach. Every agent accepts it."""

    type: Literal["resource_link"] = "resource_link"
    name: str
    uri: str
    mime_type: str | None = None
    title: str | None = None
    description: str | None = None
    size: int | None = None


class EmbeddedResource(SchemaModel):
    """A resource with its contents. Gated by `promptCapabilities.embeddedContext`."""

    type: Literal["resource"] = "resource"
    resource: dict[str, Any]


class OtherBlock(SchemaModel):
    """A content block of an unknown kind."""

    type: str = ""


ContentBlock = Annotated[
    TextBlock | ImageBlock | AudioBlock | ResourceLink | EmbeddedResource | OtherBlock,
    Field(union_mode="left_to_right"),
]
