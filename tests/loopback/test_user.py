"""A `User` without a bot: it posts, sees, and fails with a reason after a time-out."""

import asyncio
import re

import pytest

from loopback import Channel, DiscordError, Loopback, User
from loopback.harness import Lab


def together(server: Loopback) -> tuple[Channel, User, User]:
    """Set up a channel with two people."""
    lab = Lab.furnish(server, "ann", "bob", token="T")
    ann, bob = lab.people
    return lab.channel, ann, bob


async def test_sees_waits_for_a_change_and_returns_the_message() -> None:
    """An edit that makes the text match wakes the waiter. Patterns and predicates work too."""
    async with Loopback() as server:
        channel, ann, bob = together(server)
        said = await bob.say(channel, "one")
        waiting = asyncio.create_task(ann.sees(channel, "two", by=bob))
        await bob.edit(said, "two")
        assert await waiting is said
        assert await ann.sees(channel, re.compile("^t.o$")) is said
        assert await ann.sees(channel, lambda message: message.edited is not None) is said


async def test_a_time_out_of_sees_lists_the_messages() -> None:
    """The list has the channel's messages with their authors."""
    async with Loopback() as server:
        channel, ann, _ = together(server)
        await ann.say(channel, "something else")
        with pytest.raises(AssertionError, match=r"did not see 'this'(.|\n)*ann: 'something else'"):
            await ann.sees(channel, "this", timeout=0.01)


async def test_sees_thread_waits_until_the_person_is_in_it() -> None:
    """Another person's thread is seen only after joining."""
    async with Loopback() as server:
        channel, ann, bob = together(server)
        said = await ann.say(channel, "hello")
        thread = await bob.open_thread(said, "talk")
        with pytest.raises(AssertionError, match="a thread without ann"):
            await ann.sees_thread(said, timeout=0.01)
        await ann.join(thread)
        assert await ann.sees_thread(said) is thread


async def test_a_person_is_held_to_permissions_too() -> None:
    """Non-members cannot post in a guild, and only authors edit their messages."""
    async with Loopback() as server:
        channel, ann, bob = together(server)
        eve = server.add_person("eve")
        said = await ann.say(channel, "mine")
        with pytest.raises(DiscordError, match="50001"):
            await eve.say(channel, "hello")
        with pytest.raises(DiscordError, match="50005"):
            await bob.edit(said, "yours")


async def test_a_system_message_has_its_type() -> None:
    """A bot must not take it for a prompt."""
    async with Loopback() as server:
        channel, ann, _ = together(server)
        assert (await ann.say(channel, type=6)).type == 6
        reply = await ann.say(channel, "yes", reply_to=await ann.say(channel, "?"))
        assert reply.type == 19
