"""What survives: kill -9 at the worst moments, a restart, a gateway that was gone."""

import asyncio
import re
import signal
from pathlib import Path

from pool.journal import Journal, State
from tests.e2e.stage import SCRIPTED, Stage, scene, write_config
from tests.e2e.test_processes import GENEROUS, bot_process


def remembering(place: Stage) -> None:
    """Write the stage's configuration, with an agent whose sessions survive it."""
    write_config(place.config, place, agent=(*SCRIPTED, "--state", str(place.config.with_name("sessions"))))


async def settled(place: Stage, message_id: int) -> State | None:
    """Read a message's row from outside."""
    with Journal.open(place.config.with_name("threadline.db")) as journal:
        return journal.state(message_id)


async def test_a_message_received_before_a_kill_is_answered_after_the_restart(tmp_path: Path) -> None:
    """Invariant 7: what waited behind a running turn was accepted, and is answered once, in order."""
    async with scene(tmp_path) as place:
        remembering(place)
        async with bot_process(place) as process:
            await place.discord.connected(place.bot)
            thread = await place.thread("say begun\nhang")
            await place.ann.sees(thread, "begun", by=place.bot)
            await place.ann.say(thread, "say second")
            third = await place.ann.say(thread, "say third")
            await place.ann.sees(thread, lambda message: message.id == third.id and bool(message.reactions))
            process.kill()
            await process.communicate()
        async with bot_process(place) as process:
            notice = await place.ann.sees(thread, "I was restarted", by=place.bot)
            await place.ann.click(notice, "Skip")
            await place.ann.sees(thread, "third", by=place.bot)
            words = [each.content.rsplit("\n", 1)[-1] for each in place.said_by_bot(thread)]
            assert [word for word in words if word in {"second", "third"}] == ["second", "third"]
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        assert await settled(place, third.id) is State.ANSWERED


async def test_an_interrupted_prompt_is_sent_again_only_by_a_person(tmp_path: Path) -> None:
    """P1, DESIGN 5: the agent may have acted. Retry sends the same request with a word that it is the second time."""
    async with scene(tmp_path) as place:
        remembering(place)
        async with bot_process(place) as process:
            await place.discord.connected(place.bot)
            thread = await place.thread("say the draft\nhang")
            await place.ann.sees(thread, "the draft", by=place.bot)
            process.kill()
            await process.communicate()
        async with bot_process(place) as process:
            notice = await place.ann.sees(thread, "I was restarted", by=place.bot)
            pressed = await place.mallory.click(notice, "Retry")
            assert "may not" in (pressed.message.content if pressed.message else "")
            await place.ann.click(notice, "Retry")
            await place.ann.sees(thread, "the draft", by=place.bot, after=notice)
            await place.ann.slash(thread, "cancel")
            await place.ann.sees(thread, "cancelled by", by=place.bot)
            process.send_signal(signal.SIGTERM)
            await process.communicate()
            drafts = [each for each in place.said_by_bot(thread) if "the draft" in each.content]
            assert len(drafts) == 2


async def test_messages_sent_while_the_bot_was_away_are_answered(tmp_path: Path) -> None:
    """P1, P2: in a known thread and in the channel, in order, once."""
    async with scene(tmp_path) as place:
        remembering(place)
        async with bot_process(place) as process:
            await place.discord.connected(place.bot)
            thread = await place.thread("say hello there")
            await place.ann.sees(thread, "hello there", by=place.bot)
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        await place.ann.say(thread, "say missed one")
        await place.ann.say(thread, "say missed two")
        missed = await place.ben.say(place.channel, f"{place.bot.mention} say missed mention")
        async with bot_process(place) as process:
            await place.ann.sees(thread, "missed two", by=place.bot)
            other = await place.ben.sees_thread(missed)
            await place.ben.sees(other, "missed mention", by=place.bot)
            words = [each.content.rsplit("\n", 1)[-1] for each in place.said_by_bot(thread)]
            assert [word for word in words if word.startswith("missed")] == ["missed one", "missed two"]
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        async with bot_process(place) as process:
            await place.discord.connected(place.bot)
            await place.ann.say(thread, "recall")
            await place.ann.sees(thread, re.compile("prompt|recall|1"), by=place.bot)
            assert sum("missed one" in each.content for each in place.said_by_bot(thread)) == 1
            process.send_signal(signal.SIGTERM)
            await process.communicate()


async def test_messages_missed_by_a_gateway_that_was_gone_are_answered_in_order(tmp_path: Path) -> None:
    """P3: after a refused resume the events between are lost; the history has them."""
    async with scene(tmp_path) as place:
        remembering(place)
        async with bot_process(place) as process:
            await place.discord.connected(place.bot)
            thread = await place.thread("say hello there")
            await place.ann.sees(thread, "hello there", by=place.bot)
            place.discord.drop_gateway(place.bot, resume=False)
            for number in range(3):
                await place.ann.say(thread, f"say while away {number}")
            await place.ann.sees(thread, "while away 2", by=place.bot)
            words = [each.content.rsplit("\n", 1)[-1] for each in place.said_by_bot(thread)]
            assert [word for word in words if word.startswith("while")] == [
                f"while away {number}" for number in range(3)
            ]
            process.send_signal(signal.SIGTERM)
            await process.communicate()


async def test_an_open_question_is_closed_after_a_restart(tmp_path: Path) -> None:
    """P52: its buttons are gone, and the card says what has become of the turn."""
    async with scene(tmp_path) as place:
        remembering(place)
        async with bot_process(place) as process:
            await place.discord.connected(place.bot)
            thread = await place.thread("ask execute make install")
            card = await place.ann.sees(thread, "May I", by=place.bot)
            process.kill()
            await process.communicate()
        async with bot_process(place) as process:
            await place.ann.sees(thread, lambda message: message.id == card.id and not message.components)
            assert "restarted" in card.content
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(GENEROUS):
                await process.communicate()


async def test_idle_threads_and_a_restart_post_nothing(tmp_path: Path) -> None:
    """Sleep, wake and restarts are silent where nothing is going on."""
    async with scene(tmp_path) as place:
        remembering(place)
        async with bot_process(place) as process:
            await place.discord.connected(place.bot)
            thread = await place.thread("say all done")
            await place.ann.sees(thread, "all done", by=place.bot)
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        before = [each.content for each in place.discord.messages(thread)]
        async with bot_process(place) as process:
            await place.discord.connected(place.bot)
            other = await place.thread("say I am here", place.ben)
            await place.ben.sees(other, "I am here", by=place.bot)
            assert [each.content for each in place.discord.messages(thread)] == before
            process.send_signal(signal.SIGTERM)
            await process.communicate()
