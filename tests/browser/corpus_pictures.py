"""Draws each answer of the corpus: what was meant, by a CommonMark renderer, beside what the page shows of its pages.

Run `python -m tests.browser.corpus_pictures FOLDER [FILE.md ...]`: writes one picture for each answer into the folder.
"""

import asyncio
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

import loopback
from loopback.web.markdown import to_html
from tests.bot.render.markdown_corpus import ANSWERS, NoNames, pages_of
from tests.browser.chrome import browser, chromium, find

STYLES: Final = ("base.css", "layout.css", "messages.css", "markdown.css")
WIDTH: Final = 1400
LONGEST: Final = 4000
"""The greatest height of a picture in pixels."""

PAGE: Final = """<!doctype html><meta charset="utf-8">{styles}
<style>
  body {{ display: grid; grid-template-columns: 1fr 1fr; gap: 1.5rem; padding: 1rem; height: auto; overflow: visible }}
  section {{ min-width: 0; overflow-wrap: anywhere }}
  .meant * {{ all: revert }}
  .meant table {{ border-collapse: collapse }} .meant td, .meant th {{ border: 1px solid; padding: .2rem .5rem }}
  .md {{ border-bottom: 1px dashed; padding-bottom: .5rem; white-space: pre-wrap }}
</style>
<section class="meant"><h2>meant</h2>{meant}</section><section><h2>shown</h2>{shown}</section>"""


def document(text: str) -> str:
    """Return the HTML of one picture."""
    folder = Path(loopback.__file__).parent / "page"
    styles = "".join(f'<link rel="stylesheet" href="{escape((folder / name).as_uri())}">' for name in STYLES)
    meant = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    shown = "".join(f'<div class="md">{to_html(page, NoNames())}</div>' for page in pages_of(text))
    return PAGE.format(styles=styles, meant=meant, shown=shown)


async def draw(folder: Path, answers: list[Path]) -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as scratch, chromium(Path(scratch)) as address:
        await _draw(folder, answers, Path(scratch), address)


async def _draw(folder: Path, answers: list[Path], scratch: Path, address: str) -> None:
    async with browser(address) as chrome:
        for answer in answers:
            place = scratch / f"{answer.stem}.html"
            place.write_text(document(answer.read_text()))
            page = await chrome.open(place.as_uri(), width=WIDTH)
            height = int(await page.evaluate("document.documentElement.scrollHeight"))
            await page.resize(WIDTH, min(height, LONGEST))
            (folder / f"{answer.stem}.png").write_bytes(await page.picture())
            await page.close()


if __name__ == "__main__":
    if find() is None:
        sys.exit("There is no Chromium here: install Debian's chromium.")
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(draw(target, [Path(name) for name in sys.argv[2:]] or ANSWERS))
