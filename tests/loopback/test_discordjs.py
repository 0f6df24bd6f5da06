"""A second library, not in Python: discord.js as a process."""

from loopback import Loopback

from .discordjs_bot import installed, running
from .openapi import strictly


async def test_discordjs_logs_in_answers_a_command_edits_and_resumes_after_a_drop() -> None:
    """The strict server inspects all requests, answers and events."""
    node = await installed()
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("peer", token="T", guilds=(guild,))
        async with running(node, server.endpoint) as peer:
            assert await peer.tells("ready") == {"event": "ready", "user": str(bot.id), "guilds": 1}
            outcome = await ann.slash(channel, "ping", text="hello")
            assert outcome.acknowledged
            assert (await outcome.settled("pong hello")).author_id == bot.id
            said = await ann.say(channel, "edit")
            edited = await ann.sees(channel, "two", by=bot)
            assert [content for _, content in edited.history] == ["one", "two"]
            await ann.sees(await server.until(lambda: said.thread_id), "in the thread", by=bot)
            await server.until(lambda: said.reactions == {"👀": [bot.id]})
            server.drop_gateway(bot)
            await ann.say(channel, "while you were away")
            assert (await peer.tells("heard"))["content"] == "edit"
            assert (await peer.tells("heard"))["content"] == "while you were away"
            await peer.tells("resumed")
            assert bot.identifies == 1
