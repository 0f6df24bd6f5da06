"""A Discord bot for ACP agents as most people would write it first: `naive_bot ENDPOINT AGENT PROJECT`.

It is honest work with discord.py: a thread for each mention, an agent for each thread, `StreamReader.readline` and
`json.loads`, a timer in each thread that edits the message, one message after another. It keeps nothing on disk.
The token is in DISCORD_TOKEN.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from typing import Any, Final

import discord
import yarl

EDIT_SECONDS: Final = 1.2
"""Seconds between two edits of a thread, a little more than Discord's 5 in 5 s."""

LONGEST: Final = 2_000
"""Characters of a Discord message."""

Message = dict[str, Any]


class AgentDied(Exception):
    """The agent closed its output."""


class Agent:
    """An agent's process and its one session."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._session = ""
        self._last_id = 0

    @classmethod
    async def start(cls, program: str, project: str) -> "Agent":
        """Start the program and open a session."""
        agent = cls(await asyncio.create_subprocess_exec(program, stdin=PIPE, stdout=PIPE, cwd=project))
        await agent._request("initialize", {"protocolVersion": 1, "clientCapabilities": {}})
        opened = await agent._request("session/new", {"cwd": project, "mcpServers": []})
        agent._session = opened["sessionId"]
        return agent

    async def prompt(self, text: str) -> AsyncIterator[str]:
        """Send a prompt, and yield the pieces of the answer."""
        params = {"sessionId": self._session, "prompt": [{"type": "text", "text": text}]}
        async for message in self._exchange("session/prompt", params):
            update = message.get("params", {}).get("update", {})
            if update.get("sessionUpdate") == "agent_message_chunk" and update["content"]["type"] == "text":
                yield update["content"]["text"]

    async def _request(self, method: str, params: Message) -> Message:
        result: Message = {}
        async for message in self._exchange(method, params):
            result = message.get("result", {})
        return result

    async def _exchange(self, method: str, params: Message) -> AsyncIterator[Message]:
        """Send a request, and yield what the agent sends until the response, which is the last."""
        self._last_id += 1
        await self._send({"id": self._last_id, "method": method, "params": params})
        async for message in self._messages():
            if "method" in message and "id" in message:
                await self._answer(message)
                continue
            yield message
            if message.get("id") == self._last_id:
                if "error" in message:
                    raise RuntimeError(message["error"]["message"])
                return
        raise AgentDied("the agent ended")

    async def _messages(self) -> AsyncIterator[Message]:
        assert self.process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        while line := await self.process.stdout.readline():
            yield json.loads(line)

    async def _answer(self, request: Message) -> None:
        if request["method"] != "session/request_permission":
            await self._send({"id": request["id"], "error": {"code": -32601, "message": "Method not found"}})
            return
        option = request["params"]["options"][0]["optionId"]
        outcome = {"outcome": "selected", "optionId": option}
        await self._send({"id": request["id"], "result": {"outcome": outcome}})

    async def _send(self, message: Message) -> None:
        assert self.process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await self.process.stdin.drain()


class Reply:
    """The messages of one answer in a thread."""

    def __init__(self, place: discord.abc.Messageable) -> None:
        self.text = ""
        self._place = place
        self._messages: list[discord.Message] = []
        self._shown: list[str] = []

    async def show(self) -> None:
        """Write what is new: the text in pages of 2,000 characters."""
        pages = [self.text[at : at + LONGEST] for at in range(0, len(self.text), LONGEST)]
        for number, page in enumerate(pages):
            if number == len(self._messages):
                self._messages.append(await self._place.send(page))
                self._shown.append(page)
            elif page != self._shown[number]:
                await self._messages[number].edit(content=page)
                self._shown[number] = page

    async def keep_showing(self) -> None:
        """Write what is new again and again."""
        while True:
            await self.show()
            await asyncio.sleep(EDIT_SECONDS)


class Conversation:
    """A thread with its agent. Its messages are answered one after another."""

    def __init__(self, place: discord.abc.Messageable, program: str, project: str) -> None:
        self._place, self._program, self._project = place, program, project
        self._agent: Agent | None = None
        self._one_at_a_time = asyncio.Lock()

    async def answer(self, text: str) -> None:
        """Answer a message."""
        async with self._one_at_a_time:
            reply = Reply(self._place)
            showing = asyncio.create_task(reply.keep_showing())
            try:
                self._agent = self._agent or await Agent.start(self._program, self._project)
                async for piece in self._agent.prompt(text):
                    reply.text += piece
            except (AgentDied, OSError, ValueError, RuntimeError) as error:
                reply.text += f"\nThe agent failed: {error}"
                self._agent = None
            finally:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)
            await reply.show()


class NaiveBot(discord.Client):
    """Opens a thread for each mention in a channel, and talks there."""

    def __init__(self, program: str, project: str) -> None:
        intents = discord.Intents.default()
        intents.message_content = True
        super().__init__(intents=intents, allowed_mentions=discord.AllowedMentions.none())
        self._program, self._project = program, project
        self._conversations: dict[int, Conversation] = {}

    async def on_message(self, message: discord.Message) -> None:
        """Answer a person who mentions the bot, or who writes in a conversation of it."""
        me = self.user
        if (
            me is None
            or message.author.bot
            or message.type not in {discord.MessageType.default, discord.MessageType.reply}
        ):
            return
        place: discord.abc.Messageable = message.channel
        known = message.channel.id in self._conversations
        if isinstance(message.channel, discord.Thread):
            known = known or message.channel.owner_id == me.id
        if not known and me not in message.mentions:
            return
        text = message.content.replace(me.mention, "").strip()
        number = message.channel.id
        if isinstance(message.channel, discord.TextChannel):
            thread = await message.create_thread(name=text.splitlines()[0][:80] or "agent")
            place, number = thread, thread.id
        if number not in self._conversations:
            self._conversations[number] = Conversation(place, self._program, self._project)
        await self._conversations[number].answer(text)


def main() -> None:
    """Run the bot against the endpoint of the command line."""
    endpoint, program, project = sys.argv[1:]
    discord.http.Route.BASE = f"{endpoint}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"{endpoint.replace('http', 'ws', 1)}/gateway/")
    NaiveBot(program, project).run(os.environ["DISCORD_TOKEN"])


if __name__ == "__main__":
    main()
