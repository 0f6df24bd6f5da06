from typing import Any

import pytest

from acp import Unsupported
from acp.schema import AudioBlock, EmbeddedResource, ImageBlock, PromptCapabilities, ResourceLink, TextBlock
from acp.session import fit
from tests.acp.opened import opened
from tests.support.memory_agent import MemoryAgent

ALL = PromptCapabilities(image=True, audio=True, embedded_context=True)
NONE = PromptCapabilities()
IMAGE = ImageBlock(data="QQ==", mime_type="image/png")
SOUND = AudioBlock(data="QQ==", mime_type="audio/wav")
NOTE: dict[str, Any] = {"uri": "file:///srv/a.txt", "text": "abc"}
BYTES: dict[str, Any] = {"uri": "file:///srv/a.bin", "blob": "QQ==", "mimeType": "application/x-thing"}


def test_text_and_links_always_go() -> None:
    """Every agent accepts them (ACP, Content)."""
    blocks = [TextBlock(text="hi"), ResourceLink(name="a.txt", uri="file:///a.txt")]
    assert fit(blocks, NONE) == [
        {"type": "text", "text": "hi"},
        {"type": "resource_link", "name": "a.txt", "uri": "file:///a.txt"},
    ]


def test_an_agent_that_takes_everything_gets_it_as_it_is() -> None:
    """Each kind of block, with the names of the schema."""
    written = fit([IMAGE, SOUND, EmbeddedResource(resource=BYTES)], ALL)
    assert written == [
        {"type": "image", "data": "QQ==", "mimeType": "image/png"},
        {"type": "audio", "data": "QQ==", "mimeType": "audio/wav"},
        {"type": "resource", "resource": BYTES},
    ]


def test_an_embedded_text_becomes_text_where_it_must() -> None:
    """With its URI."""
    (block,) = fit([EmbeddedResource(resource=NOTE)], NONE)
    assert block == {"type": "text", "text": "The contents of file:///srv/a.txt:\n\nabc"}


def test_embedded_bytes_become_a_link_where_they_must() -> None:
    """The agent may be able to read them."""
    (block,) = fit([EmbeddedResource(resource=BYTES)], NONE)
    assert block == {
        "type": "resource_link",
        "name": "a.bin",
        "uri": "file:///srv/a.bin",
        "mimeType": "application/x-thing",
    }


@pytest.mark.parametrize(("block", "word"), [(IMAGE, "images"), (SOUND, "audio")], ids=["image", "audio"])
async def test_what_an_agent_does_not_take_is_a_named_error(block: Any, word: str) -> None:
    """The prompt is not sent, and the lock is free."""
    async with opened(MemoryAgent(capabilities={"promptCapabilities": {"embeddedContext": True}})) as (
        peer,
        agent,
        session,
    ):
        with pytest.raises(Unsupported, match=word):
            async with session.prompt([TextBlock(text="look"), block]):
                pytest.fail("it was sent")
        assert "session/prompt" not in peer.methods()
        assert not agent.connection.lock.locked()
