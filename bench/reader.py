"""`python -m bench.reader acp|naive AGENTS WORDS`: a broker alone, in a process of its own, that measures itself.

Starts so many agents, gives each the prompt WORDS, reads everything, and prints one line of JSON: the chunks, the CPU
seconds (user and system, children excluded) and the seconds between the first prompt and the last answer.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from acp import Agent, Launch, Text
from acp.schema import TextBlock
from bench.naive import naive_client
from bench.places import AGENT, agent_environment

__all__ = ["main"]

AT_ONCE: Final = 8
"""Agents that start at the same time: more make each start slower."""

Prompt = Callable[[str, list[str]], Awaitable[None]]
"""Prompt an agent with the words, append each chunk of its answer to the list, return when it has ended."""


@asynccontextmanager
async def _naive(_marker: str) -> AsyncIterator[Prompt]:
    cwd = Path.cwd()
    async with naive_client(AGENT, cwd=cwd, env=agent_environment()) as client:
        await client.open(cwd)

        async def prompt(words: str, texts: list[str]) -> None:
            await client.prompt(words, texts.append)

        yield prompt


@asynccontextmanager
async def _acp(marker: str) -> AsyncIterator[Prompt]:
    cwd = Path.cwd()
    command, *args = AGENT
    agent = await Agent.spawn(Launch(command, tuple(args), cwd, agent_environment()), marker=marker)
    try:
        session = await agent.new_session(cwd)

        async def prompt(words: str, texts: list[str]) -> None:
            async with session.prompt([TextBlock(text=words)]) as turn:
                async for event in turn:
                    match event:
                        case Text(text):
                            texts.append(text)

        yield prompt
    finally:
        await agent.stop()


KINDS = {"acp": _acp, "naive": _naive}


async def _read(kind: str, agents: int, words: str) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        starting = asyncio.Semaphore(AT_ONCE)
        texts: list[list[str]] = [[] for _ in range(agents)]

        async def start(number: int) -> Prompt:
            async with starting:
                return await stack.enter_async_context(KINDS[kind](f"bench/{kind}-{number}"))

        prompts = await asyncio.gather(*map(start, range(agents)))
        cpu, began = _cpu_seconds(), time.monotonic()
        await asyncio.gather(*(prompt(words, each) for prompt, each in zip(prompts, texts, strict=True)))
        spent, seconds = _cpu_seconds() - cpu, time.monotonic() - began
    return {"chunks": sum(map(len, texts)), "cpu_seconds": spent, "seconds": seconds}


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure as the arguments say."""
    kind, agents, words = sys.argv[1:]
    print(json.dumps(asyncio.run(_read(kind, int(agents), words))))


if __name__ == "__main__":
    main()
