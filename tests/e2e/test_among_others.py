"""Other bots, mentioned roles and direct messages: who gets an answer, and that no exchange of bots is endless."""

from pathlib import Path
from typing import Any

from loopback import User
from loopback.state import messages
from loopback.state.drafts import Draft, Upload
from loopback.state.entities import ChannelType, MessageFlag

from .live_bot import BotLab, bot_lab, idle_lab, running_bot, said


def acting(lab: BotLab, name: str) -> User:
    """Return another bot of the guild as a `User` that can write."""
    bot = lab.discord.add_bot(name, token=f"token-of-{name}", guilds=(lab.guild,))
    return lab.discord.person(bot)


def replies(lab: BotLab, where: Any, text: str) -> int:
    """Count the messages of the bot with this text."""
    return sum(text in message.content for message in lab.said_by_bot(where))


async def test_trusted_bots_are_answered_until_a_person_has_to_write_again(tmp_path: Path) -> None:
    """After a number of turns one notice follows, without a mention, and then silence until a person writes."""
    async with idle_lab(tmp_path) as lab:
        hal, eve = acting(lab, "hal"), acting(lab, "eve")
        extra = f'[threads]\nbots = "mentions"\ntrusted_bots = ["{hal.id}"]\nbot_turns = 2\n'
        lab.configure(extra=extra)
        async with running_bot(lab):
            thread = await lab.conversation("say begun", "begun")
            call = lab.bot.mention
            for number in range(2):
                await hal.say(thread, f"{call} say turn {number}")
                await lab.ann.sees(thread, f"turn {number}", by=lab.bot)
            await eve.say(thread, f"{call} say untrusted")
            await hal.say(thread, "say without a mention")
            for _ in range(5):
                await hal.say(thread, f"{call} say too much")
            told = await lab.ann.sees(thread, "after 2 messages from bots in a row", by=lab.bot)
            assert list(told.mentions) == []
            await lab.ann.say(thread, "say go on")
            await lab.ann.sees(thread, "go on", by=lab.bot)
            await hal.say(thread, f"{call} say turn again")
            await lab.ann.sees(thread, "turn again", by=lab.bot)
            assert replies(lab, thread, "in a row") == 1
            assert not any(replies(lab, thread, text) for text in ("too much", "untrusted", "without a mention"))


async def test_what_a_trusted_bot_says_beside_its_text_is_its_message(tmp_path: Path) -> None:
    """Embeds, with title, text and fields, and components count: programs put much of their text there."""
    async with idle_lab(tmp_path) as lab:
        hal = acting(lab, "hal")
        lab.configure(extra=f'[threads]\nbots = "all"\ntrusted_bots = ["{hal.id}"]\n')
        async with running_bot(lab):
            thread = await lab.conversation("say begun", "begun")
            embed = {
                "type": "rich",
                "title": "Build failed",
                "fields": [{"name": "branch", "value": "main", "inline": False}],
            }
            messages.post(lab.discord.world, thread, hal.id, Draft(embeds=(embed,)))
            await lab.ann.sees(thread, 'You said: "Build failed\nbranch: main"', by=lab.bot)
            shown = {"type": 17, "id": 1, "components": [{"type": 10, "id": 2, "content": "Deployed"}]}
            parts = Draft(components=(shown,), flags=MessageFlag.COMPONENTS_V2)
            messages.post(lab.discord.world, thread, hal.id, parts)
            await lab.ann.sees(thread, 'You said: "Deployed"', by=lab.bot)


async def test_in_a_thread_with_another_bot_only_a_mention_counts_where_it_is_shared(tmp_path: Path) -> None:
    """`mention = "shared"` asks for one from the other bot's first message on. A mentioned role counts too."""
    async with idle_lab(tmp_path) as lab:
        hal = acting(lab, "hal")
        helpers = lab.discord.add_role(lab.guild, "helpers")
        extra = f'[threads]\nmention = "shared"\nmention_roles = ["{helpers.id}"]\n'
        lab.configure(extra=extra)
        async with running_bot(lab):
            thread = await lab.conversation("say begun", "begun")
            await lab.ann.say(thread, "say alone with you")
            await lab.ann.sees(thread, "alone with you", by=lab.bot)
            await hal.say(thread, "I am here too")
            await lab.ann.say(thread, "say not meant for you")
            await lab.ann.say(thread, f"<@&{helpers.id}> say for the helpers")
            await lab.ann.sees(thread, "for the helpers", by=lab.bot)
            own = next(role for role in lab.guild.roles.values() if role.managed_by == lab.bot.id)
            await lab.ann.say(thread, f"<@&{own.id}> say for your own role")
            await lab.ann.sees(thread, "for your own role", by=lab.bot)
            assert replies(lab, thread, "not meant for you") == 0


async def test_direct_messages_are_answered_where_they_are_allowed_and_to_whom(tmp_path: Path) -> None:
    """Without mention and thread. Commands work, other people get one reaction, and missed messages are read."""
    async with idle_lab(tmp_path) as lab:
        people = f'users = ["{lab.ann.id}"]\ndm = true'
        lab.configure(access=people)
        async with running_bot(lab):
            mine, theirs = lab.ann.direct(lab.bot), lab.mallory.direct(lab.bot)
            await lab.ann.say(mine, "say between us")
            await lab.ann.sees(mine, "between us", by=lab.bot)
            await lab.ann.say(mine, "recall")
            await lab.answer(mine, "say between us")
            assert "Idle" in said(await lab.ann.slash(mine, "status"))
            refused = await lab.mallory.say(theirs, "say something")
            assert "have access" in said(await lab.mallory.slash(theirs, "status"))
            await lab.ann.say(mine, "say it is over")
            await lab.ann.sees(mine, "it is over", by=lab.bot)
            await lab.discord.until(lambda: list(refused.reactions))
            await lab.mallory.sees(theirs, "You don't have access to this bot. Ask <@", by=lab.bot)
        await lab.ann.say(mine, "say you were away")
        async with running_bot(lab):
            await lab.ann.sees(mine, "you were away", by=lab.bot)


async def test_a_post_in_a_forum_that_is_listed_is_a_request(tmp_path: Path) -> None:
    """Its first message needs no mention, even if missed; later ones elsewhere do."""
    async with idle_lab(tmp_path) as lab:
        forum = lab.discord.add_channel(lab.guild, "questions", kind=ChannelType.FORUM, tags=("new", "urgent"))
        lab.configure()
        lab.config.write_text(lab.config.read_text().replace("channels = [", f'channels = ["{forum.id}", '))
        async with running_bot(lab):
            post = await lab.ann.open_thread(forum, "How does it work?", "echo\nsay like this", tags=("urgent",))
            shown = await lab.ann.sees(post, "like this", by=lab.bot)
            assert '"name":"How does it work?","tags":["urgent"]' in shown.content.replace("\\", "")
            await lab.ann.say(post, "say and like that")
            await lab.ann.sees(post, "and like that", by=lab.bot)
            mine = await lab.ann.open_thread(lab.channel, "people only")
            await lab.ann.say(mine, "say among people")
            await lab.ann.say(mine, f"{lab.bot.mention} say now with you")
            await lab.ann.sees(mine, "now with you", by=lab.bot)
            assert replies(lab, mine, "among people") == 0
        missed = await lab.ann.open_thread(forum, "And that?", "say while you were away")
        async with running_bot(lab):
            await lab.ann.sees(missed, "while you were away", by=lab.bot)
            assert replies(lab, post, "say like this") == 1


async def test_who_writes_where_direct_messages_are_not_enabled_is_told_so_once(tmp_path: Path) -> None:
    """Over restarts too. The owner learns the line to add; nobody gets an agent."""
    async with idle_lab(tmp_path) as lab:
        mine, theirs = lab.ann.direct(lab.bot), lab.mallory.direct(lab.bot)
        lab.configure()
        for _ in range(2):
            async with running_bot(lab):
                first = await lab.mallory.say(theirs, "say between us")
                await lab.ann.say(mine, "say between us")
                again = await lab.mallory.say(theirs, "say hello?")
                await lab.mallory.sees(theirs, "I'm not enabled in direct messages.", by=lab.bot)
                await lab.ann.sees(mine, "dm = true", by=lab.bot)
                await lab.conversation("say in the open", "in the open")
        assert [len(lab.said_by_bot(each)) for each in (mine, theirs)] == [1, 1]
        assert list(first.reactions) + list(again.reactions) == []
        assert "`/help`" in lab.said_by_bot(theirs)[0].content


async def test_a_mention_without_words_is_answered_with_two_lines_of_help(tmp_path: Path) -> None:
    """Once in a while: a second one in the same channel says nothing new."""
    async with bot_lab(tmp_path) as lab:
        await lab.ann.say(lab.channel, lab.bot.mention)
        told = await lab.ann.sees(lab.channel, "`/ask`", by=lab.bot)
        assert len(told.content.splitlines()) == 2
        await lab.ann.say(lab.channel, lab.bot.mention)
        await lab.conversation("say hello", "hello")
        assert lab.said_by_bot(lab.channel) == [told]


async def test_a_question_about_another_bots_card_brings_the_agent_what_the_card_shows(tmp_path: Path) -> None:
    """The words of its components, and its file, which Discord does not list among the attachments."""
    async with bot_lab(tmp_path) as lab:
        hal = acting(lab, "hal")
        thread = await lab.conversation("say begun", "begun")
        file = {"type": 13, "id": 3, "file": {"url": "attachment://log.txt"}, "spoiler": False}
        shown = {"type": 17, "id": 1, "components": [{"type": 10, "id": 2, "content": "The build is red"}, file]}
        upload = Upload("log.txt", b"what went wrong", "text/plain")
        draft = Draft(components=(shown,), uploads=(upload,), flags=MessageFlag.COMPONENTS_V2)
        card = messages.post(lab.discord.world, thread, hal.id, draft)
        form = await lab.ann.menu(card, "Ask about this message")
        await lab.ann.fill(form, {"What do you want to know?": "echo"})
        answer = await lab.ann.sees(thread, "threadline-context", by=lab.bot)
        assert all(text in answer.content for text in ("The build is red", "log.txt", "what went wrong"))
