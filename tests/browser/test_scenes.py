"""The pictures of what people see can be taken at any time."""

import io
from pathlib import Path

from PIL import Image

from tests.browser.scenes import LOOKS, play


async def test_a_scene_is_taken_as_picture_and_as_text(tmp_path: Path, chromium: str) -> None:
    """The picture has the size of its look, and the text has each message with its author."""
    picture, text = await play(tmp_path, chromium, ["slash-menu"], ["phone"])
    with Image.open(io.BytesIO(picture.read_bytes())) as image:
        assert image.size == LOOKS["phone"][1:]
    assert text.read_text().startswith("threadline:\n")
    assert "**It raises the last error.**" in text.read_text()
