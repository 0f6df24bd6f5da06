"""Compares the cost of a streaming long reply with rendering all of it at each chunk."""

import time
from collections.abc import Sequence
from typing import Final

from acp import Text
from bench.harness import PATIENCE, bot_lab
from bench.procfs import cpu_seconds
from bench.run import Measurement, Run
from bench.statistics import Against, Figure
from bot.config.appearance import Style
from bot.render.transcript import Transcript

CHUNKS_PER_EDIT: Final = 65
"""At 50 chunks a second, an edit every 1.3 s."""

SAMPLES: Final = 20
"""Chunks at which everything is rendered. The costs at other chunks are interpolated."""

WORD: Final = "word "
"""The repeated text of the agent's `flood`."""

SECONDS: Final = 12.0
"""The approximate time for posting the pages of a long reply."""

STYLE: Final = Style(max_pages=0)
"""A style that renders every page, and no file."""

PARAGRAPH: Final = (
    "## A heading\n\nSome **words** about `code`, with [a link](https://example.org/page) and more words, as agents "
    "write them, so that lines wrap.\n\n- an item\n- another one, with `code`\n\n```python\ndef function(argument):\n"
    "    return argument + 1\n```\n\n| name | value |\n|---|--:|\n| first | 1 |\n| second | 22 |\n\n"
)


async def _measure(run: Run) -> list[Figure]:
    size, characters = run.choose((100_000, 4), (20_000, 4))
    text = (PARAGRAPH * (size // len(PARAGRAPH) + 1))[:size]
    chunks = [text[at : at + characters] for at in range(0, size, characters)]
    run.progress.step("as it streams", 0, 2)
    streamed = min(_stream(chunks) for _ in range(run.choose(5, 2)))
    run.progress.step("all of it at each chunk", 1, 2)
    from_scratch = _from_scratch(text, chunks)
    broker = await _broker(run, len(chunks))
    how = f"{len(chunks):,} chunks of {characters} characters, pages asked for at every {CHUNKS_PER_EDIT}th; CPU time"
    all_of_it = f"{len(chunks):,} chunks of {len(WORD)} characters as fast as they are read, to the last message"
    return [
        Figure(
            "CPU of a reply while it streams",
            streamed * 1000,
            "ms",
            how,
            Against("all at each chunk", from_scratch * 1000),
        ),
        Figure("the same for each chunk", streamed / len(chunks) * 1e6, "us", how),
        Figure(
            "CPU of the whole bot for a reply",
            broker * 1000,
            "ms",
            all_of_it,
            Against("all at each chunk", from_scratch * 1000),
        ),
    ]


async def _broker(run: Run, chunks: int) -> float:
    """Return the bot's CPU seconds from a question to the last message of its answer, with its Discord calls."""
    async with bot_lab(agents=1) as lab:
        thread = await lab.ready_thread()
        before = cpu_seconds(lab.pid)
        asked = await lab.ann.say(thread, f"flood {chunks} {len(WORD)}")
        async with run.progress.lasting("the whole bot", SECONDS):
            await lab.ann.sees(
                thread, lambda said: bool(said.attachments), by=lab.bot, after=asked, timeout=SECONDS + PATIENCE
            )
        return cpu_seconds(lab.pid) - before


def _stream(chunks: Sequence[str]) -> float:
    """Return the CPU seconds of one reply from its first chunk to its last page."""
    began = time.process_time()
    transcript = Transcript(STYLE)
    for number, chunk in enumerate(chunks):
        transcript.apply(Text(chunk))
        if number % CHUNKS_PER_EDIT == 0:
            transcript.pages()
    transcript.end()
    transcript.pages()
    return time.process_time() - began


def _from_scratch(text: str, chunks: Sequence[str]) -> float:
    """Estimate the CPU seconds of rendering everything at every chunk, from even samples (trapezoidal rule)."""
    costs = []
    for sample in range(1, SAMPLES + 1):
        began = time.process_time()
        transcript = Transcript(STYLE)
        transcript.apply(Text(text[: len(text) * sample // SAMPLES]))
        transcript.end()
        transcript.pages()
        costs.append(time.process_time() - began)
    return (sum(costs) - costs[-1] / 2) / SAMPLES * len(chunks)


MEASUREMENT: Final = Measurement("rendering", "Rendering", _measure)
