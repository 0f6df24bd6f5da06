"""The README's moving picture: `python -m tests.browser.moving docs/moving.webp`.

The page and the bot are real: a person asks, the answer grows, the agent asks for a permission, the person allows it,
and a second thread gets its answer at the same time. The camera keeps the frames that differ.
"""

import argparse
import asyncio
import io
import tempfile
from contextlib import suppress
from pathlib import Path

from PIL import Image

from loopback.agent import canned_replies
from tests.browser.browser_lab import shown, silent_browser, story
from tests.browser.chrome import Page, chromium, find
from tests.e2e.live_bot import running_bot

WIDTH, HEIGHT = 1100, 640
FRAME_SECONDS = 0.1
"""Seconds between two frames."""

LAST_SECONDS = 4.0
"""Seconds of the last frame."""

MOST_BYTES = 1_500_000


class Camera:
    """Takes frames while it runs. `frames` has those that differ from the one before, with their seconds."""

    def __init__(self, page: Page) -> None:
        """Prepare without taking a frame."""
        self._page = page
        self.frames: list[tuple[bytes, float]] = []

    async def run(self) -> None:
        """Take frames until cancelled."""
        clock = asyncio.get_running_loop().time
        before, since = b"", clock()
        while True:
            frame, now = await self._page.picture(), clock()
            if frame != before:
                if before:
                    self.frames[-1] = (before, now - since)
                self.frames.append((frame, FRAME_SECONDS))
                before, since = frame, now
            await asyncio.sleep(FRAME_SECONDS)  # noqa: TID251 - a film, not a test


async def play(folder: Path, chromium: str, scheme: str) -> list[tuple[bytes, float]]:
    """Run the scenario, and return its frames as PNG with their seconds."""
    async with story(folder) as place, running_bot(place.lab), silent_browser(chromium) as chrome:
        lab = place.lab
        fixing = await lab.thread("the due date test fails on leap days, please fix it", lab.ben, place.billing)
        page = await shown(chrome, lab.discord, lab.ben, lab.channel, fixing)
        await page.prefer(scheme)
        await page.resize(WIDTH, HEIGHT, scale=1)
        camera = Camera(page)
        taking = asyncio.create_task(camera.run(), name="camera")
        try:
            await page.sees("Let me look at the test", "#beside .md")
            asking = await lab.thread("how does our retry logic work?", lab.ann)
            await page.evaluate(f"void (location.hash = '{lab.ben.id}/{asking.id}/{fixing.id}')")
            await page.sees("It only retries timeouts.", "#main .md")
            await page.click("#beside .component", "Allow once")
            await page.hover(".brand")
            for pane, end in (("#main", "Nothing is swallowed."), ("#beside", canned_replies.FIXED[-10:])):
                await page.sees(end, f"{pane} .md")
                await page.until(f"!document.querySelector('{pane} .component')")
        finally:
            taking.cancel()
            with suppress(asyncio.CancelledError):
                await taking
        return [*camera.frames, (await page.picture(), LAST_SECONDS)]


def animate(frames: list[tuple[bytes, float]]) -> bytes:
    """Join PNG frames into one animated WebP that repeats for ever."""
    images = [Image.open(io.BytesIO(frame)).convert("RGB") for frame, _ in frames]
    milliseconds = [max(60, round(seconds * 1000)) for _, seconds in frames]
    out = io.BytesIO()
    first, *rest = images
    first.save(
        out,
        "WEBP",
        save_all=True,
        append_images=rest,
        duration=milliseconds,
        loop=0,
        quality=70,
        method=4,
        minimize_size=True,
    )
    return out.getvalue()


def main() -> None:
    """Write the picture. Exits with a message if there is no browser or it is too large for a README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    chosen = parser.parse_args()
    if find() is None:
        parser.exit(1, "There is no Chromium here to take it with.\n")
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as address:
        frames = asyncio.run(play(Path(folder), address, chosen.scheme))
    picture = animate(frames)
    if len(picture) > MOST_BYTES:
        parser.exit(1, f"The picture has {len(picture):,} bytes, more than {MOST_BYTES:,}.\n")
    chosen.path.write_bytes(picture)
    parser.exit(0, f"{chosen.path}: {len(frames)} frames, {len(picture):,} bytes\n")


if __name__ == "__main__":
    main()
