"""A small bot on the unmodified discord.py, with which loopback's demo is tested without Threadline.

`python sample_bot.py ENDPOINT TOKEN`: a mention opens a thread with a `loopback.agent`, whose chunks become edits.
"""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import discord
import yarl
from discord import app_commands

EDIT_SECONDS = 0.5
PLACEHOLDER = "-# one moment"


class Agent:
    """A minimal client of an agent: one session, one prompt at a time."""

    def __init__(self) -> None:
        self.session_id = ""
        self.lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._next_id = 0

    def send(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def messages(self, method: str, **params: object) -> AsyncIterator[dict[str, Any]]:
        """Send a request, and yield the messages up to its response."""
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "loopback.agent", "--initial-mode", "default"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            async for created in self.messages("session/new", cwd="/", mcpServers=[]):
                if "result" in created:
                    self.session_id = created["result"]["sessionId"]
        self._next_id += 1
        if method == "session/prompt":
            params["sessionId"] = self.session_id
        self.send({"id": self._next_id, "method": method, "params": params})
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            yield message
            if message.get("id") == self._next_id and "method" not in message:
                return

    async def stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()


class Bot(discord.Client):
    def __init__(self) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(intents=intents, guild_ready_timeout=0.1)
        self.agents: dict[int, Agent] = {}
        self.turns: set[asyncio.Task[None]] = set()
        self.tree = app_commands.CommandTree(self)
        self.tree.command(name="cancel", description="Stop the turn")(self.cancel)

    async def setup_hook(self) -> None:
        await self.tree.sync()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.end)

    def end(self) -> None:
        self.turns.add(asyncio.create_task(self.close()))

    async def close(self) -> None:
        for agent in self.agents.values():
            await agent.stop()
        await super().close()

    async def cancel(self, interaction: discord.Interaction) -> None:
        agent = self.agents[interaction.channel_id or 0]
        agent.send({"method": "session/cancel", "params": {"sessionId": agent.session_id}})
        await interaction.response.send_message("Stopping.", ephemeral=True)

    async def on_message(self, message: discord.Message) -> None:
        assert self.user is not None
        if message.author.bot or message.type is not discord.MessageType.default:
            return
        text = message.content.replace(self.user.mention, "").strip()
        place = message.channel
        if isinstance(place, discord.TextChannel):
            if self.user not in message.mentions:
                return
            place = await message.create_thread(name=text[:60])
            await place.add_user(message.author)
        self.turns.add(asyncio.create_task(self.turn(place, text)))

    async def turn(self, place: discord.abc.Messageable, text: str) -> None:
        reply = await place.send(PLACEHOLDER)
        agent = self.agents.setdefault(reply.channel.id, Agent())
        async with agent.lock:
            said, shown = "", asyncio.get_running_loop().time()
            async for message in agent.messages("session/prompt", prompt=[{"type": "text", "text": text}]):
                match message:
                    case {"params": {"update": {"sessionUpdate": "agent_message_chunk", "content": {"text": chunk}}}}:
                        said += chunk
                    case {"method": "session/request_permission", "params": {"toolCall": {"title": title}}}:
                        await place.send(f"May I? `{title}`", view=Question(agent, message))
                    case {"result": {"stopReason": "cancelled"}}:
                        said += "\n-# cancelled"
                if said and asyncio.get_running_loop().time() - shown > EDIT_SECONDS:
                    shown = asyncio.get_running_loop().time()
                    await reply.edit(content=said)
            await reply.edit(content=said)


class Question(discord.ui.View):
    def __init__(self, agent: Agent, request: dict[str, Any]) -> None:
        super().__init__(timeout=None)
        for option in request["params"]["options"]:
            button: discord.ui.Button[Question] = discord.ui.Button(label=option["name"])
            button.callback = self.answer(agent, request["id"], option)  # type: ignore[method-assign]
            self.add_item(button)

    def answer(self, agent: Agent, request_id: int, option: dict[str, Any]) -> Any:
        async def pressed(interaction: discord.Interaction) -> None:
            outcome = {"outcome": "selected", "optionId": option["optionId"]}
            agent.send({"id": request_id, "result": {"outcome": outcome}})
            await interaction.response.edit_message(content=f"{option['name']}.", view=None)

        return pressed


def main() -> None:
    """Run the bot until SIGTERM."""
    endpoint, token = sys.argv[1:]
    discord.http.Route.BASE = f"{endpoint}/api/v10"
    gateway = yarl.URL(endpoint).with_scheme("ws") / "gateway/"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway
    with contextlib.suppress(KeyboardInterrupt):
        Bot().run(token)


if __name__ == "__main__":
    main()
