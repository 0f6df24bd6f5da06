"""`python -m bench.ingest_child WHAT KIND ...`: a process that reads agents and measures itself.

KIND is acp or naive. The output is one line of JSON.

* `cpu KIND AGENTS WORDS`: AGENTS agents get the prompt WORDS. The chunks, the CPU seconds (user and system, children
  excluded) and the seconds between the first prompt and the last answer.
* `beside KIND COUNT RATE`: one agent writes COUNT stamps, RATE a second, while another floods. The milliseconds from
  writing to reading of each stamp.
* `flood KIND SECONDS`: one agent floods for SECONDS. The largest growth of resident memory in bytes.
* `line KIND CHARACTERS`: one agent writes a single chunk. The growth in bytes, and the seconds.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from acp import Agent, Launch, Text
from acp.schema import TextBlock
from bench.agent_command import AGENT, agent_environment
from bench.baseline_client import baseline_client
from bench.procfs import peak_rss, rss
from bench.timestamps import STAMP

AT_ONCE: Final = 8
"""Agents that start at the same time. More make each start slower."""

ENDLESS: Final = 10**9
CHARACTERS: Final = 20

Prompt = Callable[[str, Callable[[str], None]], Coroutine[Any, Any, None]]
"""Prompts an agent with the words, passes each piece of its answer to the function, and waits for its end."""


@asynccontextmanager
async def _naive(_marker: str) -> AsyncIterator[Prompt]:
    cwd = Path.cwd()
    async with baseline_client(AGENT, cwd=cwd, env=agent_environment()) as client:
        await client.open(cwd)
        yield client.prompt


@asynccontextmanager
async def _acp(marker: str) -> AsyncIterator[Prompt]:
    cwd = Path.cwd()
    command, *args = AGENT
    agent = await Agent.spawn(Launch(command, tuple(args), cwd, agent_environment()), marker=marker)
    try:
        session = await agent.new_session(cwd)

        async def prompt(words: str, on_text: Callable[[str], None]) -> None:
            async with session.prompt([TextBlock(text=words)]) as turn:
                async for event in turn:
                    match event:
                        case Text(text):
                            on_text(text)

        yield prompt
    finally:
        await agent.stop()


KINDS = {"acp": _acp, "naive": _naive}


async def _cpu(kind: str, agents: str, words: str) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        starting = asyncio.Semaphore(AT_ONCE)
        texts: list[list[str]] = [[] for _ in range(int(agents))]

        async def start(number: int) -> Prompt:
            async with starting:
                return await stack.enter_async_context(KINDS[kind](f"bench/{kind}-{number}"))

        prompts = await asyncio.gather(*map(start, range(len(texts))))
        cpu, began = _cpu_seconds(), time.monotonic()
        await asyncio.gather(*(prompt(words, each.append) for prompt, each in zip(prompts, texts, strict=True)))
        spent, seconds = _cpu_seconds() - cpu, time.monotonic() - began
        if not all(texts):
            raise SystemExit("an agent was not heard")
    # Chunks may arrive joined, so this counts the written ones.
    return {"chunks": len(texts) * int(words.split()[1]), "cpu_seconds": spent, "seconds": seconds}


async def _beside(kind: str, count: str, rate: str) -> dict[str, Any]:
    late: list[float] = []

    def read(text: str) -> None:
        now = time.monotonic()
        late.extend((now - int(match[2]) / 1e6) * 1e3 for match in STAMP.finditer(text))

    async with KINDS[kind]("bench/lone") as lone, _flooded(kind):
        await lone(f"stamp {count} {rate}", read)
    return {"late": late}


async def _flood(kind: str, seconds: str) -> dict[str, Any]:
    async with _flooded(kind):
        await asyncio.sleep(0.5)  # The first part of a flood costs a fixed amount.
        before, most = rss(os.getpid()), 0
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            await asyncio.sleep(0.1)
            most = max(most, rss(os.getpid()))
    return {"grown": most - before}


@asynccontextmanager
async def _flooded(kind: str) -> AsyncIterator[None]:
    """Let an agent flood during the block, and drop its output."""
    flowing = asyncio.Event()
    async with KINDS[kind]("bench/flood") as prompt:
        flood = asyncio.create_task(prompt(f"flood {ENDLESS} {CHARACTERS}", lambda _: flowing.set()), name="flood")
        await flowing.wait()
        try:
            yield
        finally:
            flood.cancel()
            await asyncio.wait([flood])


async def _line(kind: str, characters: str) -> dict[str, Any]:
    heard = 0

    def read(text: str) -> None:
        nonlocal heard
        heard += len(text)

    async with KINDS[kind]("bench/line") as prompt:
        before, began = rss(os.getpid()), time.monotonic()
        await prompt(f"flood 1 {characters}", read)
        seconds = time.monotonic() - began
        if heard != int(characters):
            raise SystemExit(f"{heard} of {characters} characters were heard")
        return {"grown": peak_rss(os.getpid()) - before, "seconds": seconds}


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure what the arguments name."""
    if sys.version_info < (3, 12):
        # As the bot does. Later versions choose it by default.
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    what, *rest = sys.argv[1:]
    measures: dict[str, Callable[..., Coroutine[Any, Any, dict[str, Any]]]]
    measures = {"cpu": _cpu, "beside": _beside, "flood": _flood, "line": _line}
    print(json.dumps(asyncio.run(measures[what](*rest))))


if __name__ == "__main__":
    main()
