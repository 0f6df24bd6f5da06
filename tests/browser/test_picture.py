"""The README's picture can be taken at any time."""

from pathlib import Path

from tests.browser.picture import take


async def test_the_picture_is_taken_while_the_bot_is_at_work(tmp_path: Path) -> None:
    """A PNG at twice the size of the screen. How many bytes it has depends on the machine's fonts."""
    picture = await take(tmp_path, "light")
    assert picture.startswith(b"\x89PNG")
    assert [int.from_bytes(picture[start : start + 4]) for start in (16, 20)] == [2560, 1600]
