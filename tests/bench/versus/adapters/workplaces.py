"""Workplaces for the adapters' tests."""

import asyncio
import os
import stat
import sys
from pathlib import Path

from bench.agent_command import ROOT
from bench.versus.adapter import Adapter, Workplace
from loopback import Loopback


def workplace(tmp_path: Path, endpoint: str = "http://127.0.0.1:8123", **ids: object) -> Workplace:
    """Return a workplace with directories of its own, and an agent."""
    folder, project, agent = tmp_path / "folder", tmp_path / "project", tmp_path / "agent"
    folder.mkdir()
    project.mkdir()
    agent.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m loopback.agent\n", "utf-8")
    agent.chmod(agent.stat().st_mode | stat.S_IXUSR)
    fields = dict.fromkeys(("bot", "application", "guild", "channel", "person"), "1") | {
        name: str(value) for name, value in ids.items()
    }
    return Workplace(
        **fields, endpoint=endpoint, token="T", agent=str(agent), project=str(project), folder=str(folder), threads=3
    )


async def answers(adapter: Adapter, tmp_path: Path, asked: str, answer: str) -> None:
    """Start the installed bot, mention it, and wait until it shows the agent's answer in the channel or a thread."""
    async with Loopback() as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("bot", token="T", guilds=(guild,))
        launch = adapter.launch(workplace(tmp_path, server.endpoint, channel=channel.id))
        process = await asyncio.create_subprocess_exec(*launch.argv, env={**os.environ, **launch.env})
        try:
            await server.connected(bot)
            said = await ann.say(channel, f"{bot.mention} {asked}")

            def seen() -> bool:
                places = [channel, *(server.world.channels[each] for each in [said.thread_id] if each is not None)]
                there = [each for place in places for each in server.messages(place) if each.author_id == bot.id]
                return any(answer in each.content for each in there)

            await server.until(seen)
        finally:
            process.terminate()
            await process.wait()
