"""The README's moving picture."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.moving import HEIGHT, MOST_BYTES, WIDTH, animate, play

ROOT = Path(__file__).parents[2]


async def test_the_moving_picture_is_taken_while_the_bot_is_at_work(
    tmp_path: Path, chromium: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has several frames, of which this takes fewer, and is small enough for a README."""
    monkeypatch.setattr("tests.browser.moving.FRAME_SECONDS", 0.6)
    picture = animate(await play(tmp_path, chromium, "light"))
    image = Image.open(io.BytesIO(picture))
    assert (image.size, getattr(image, "n_frames", 1) > 3) == ((WIDTH, HEIGHT), True)
    assert len(picture) < MOST_BYTES


def test_the_one_in_the_documents_is_such_a_picture() -> None:
    """It has the same size, and is not too large."""
    file = ROOT / "docs/moving.webp"
    with Image.open(file) as image:
        assert (image.format, image.size) == ("WEBP", (WIDTH, HEIGHT))
    assert file.stat().st_size < MOST_BYTES
