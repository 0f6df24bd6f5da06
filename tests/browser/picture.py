"""The README's picture: `python -m tests.browser.picture docs/picture.png` (and `--scheme dark` for the dark one).

Two people, two threads: one answer streams, in the other the agent asks for permission. All of it is real.
"""

import argparse
import asyncio
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.browser.chrome import find
from tests.browser.looking import looking, shown

__all__ = ["take"]

WIDTH, HEIGHT, SCALE = 1280, 800, 2
MOST_BYTES = 400_000


async def take(folder: Path, scheme: str) -> bytes:
    """A PNG of the page while the bot is at work; `folder` is for what that leaves."""
    async with looking(folder) as (place, chrome):
        fixing = await place.thread("the due date test fails on leap days, please fix it", place.ben)
        await place.ben.sees(fixing, "see it fail first", by=place.bot)
        page = await shown(chrome, place.discord, place.ben, place.channel, fixing)
        await page.prefer(scheme)
        await page.resize(WIDTH, HEIGHT, scale=SCALE)
        await page.sees("Allow once", "#beside .component")
        asking = await place.thread("how does our retry logic work?", place.ann)
        await page.evaluate(f"void (location.hash = '{place.ben.id}/{asking.id}/{fixing.id}')")
        await page.sees("It only retries timeouts.", "#main .md")
        return packed(await page.picture())


def packed(png: bytes) -> bytes:
    """The same PNG with unfiltered rows: a page is mostly text and plain surfaces, which then pack a fifth smaller."""
    head, rows = png[:33], zlib.decompress(b"".join(_chunks(png, b"IDAT")))
    width = int.from_bytes(png[16:20]) * (4 if png[25] == 6 else 3) + 1
    plain, above = [], bytes(width - 1)
    for start in range(0, len(rows), width):
        if rows[start] != 2:
            return png
        above = bytes((one + other) & 255 for one, other in zip(rows[start + 1 : start + width], above, strict=True))
        plain.append(b"\0" + above)
    return head + _chunk(b"IDAT", zlib.compress(b"".join(plain), 9)) + _chunk(b"IEND", b"")


def _chunks(png: bytes, kind: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == kind:
            yield png[at + 8 : at + 8 + size]
        at += size + 12


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def main() -> None:
    """Write the picture; ends with a word if it cannot be taken or is too large for a README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    chosen = parser.parse_args()
    if find() is None:
        parser.exit(1, "There is no Chromium here to take it with.\n")
    with tempfile.TemporaryDirectory() as folder:
        picture = asyncio.run(take(Path(folder), chosen.scheme))
    if len(picture) > MOST_BYTES:
        parser.exit(1, f"The picture has {len(picture):,} bytes, more than {MOST_BYTES:,}.\n")
    chosen.path.parent.mkdir(parents=True, exist_ok=True)
    chosen.path.write_bytes(picture)
    parser.exit(0, f"{chosen.path}: {len(picture):,} bytes\n")


if __name__ == "__main__":
    main()
