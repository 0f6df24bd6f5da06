"""Other bots, roles that are mentioned, direct messages: who is answered, and that nobody talks for ever."""

from pathlib import Path
from typing import Any

from loopback import User
from loopback.state import messages
from loopback.state.drafts import Draft
from loopback.state.entities import ChannelType, MessageFlag

from .live_bot import BotLab, bot_lab, idle_lab, running_bot, said


def acting(place: BotLab, name: str) -> User:
    """Another bot of the guild, as a `User` that can write."""
    bot = place.discord.add_bot(name, token=f"token-of-{name}", guilds=(place.guild,))
    return place.discord.person(bot)


def replies(place: BotLab, where: Any, text: str) -> int:
    """How many messages of the bot say this."""
    return sum(text in message.content for message in place.said_by_bot(where))


async def test_trusted_bots_are_answered_until_a_person_has_to_write_again(tmp_path: Path) -> None:
    """P61: a cap of turns, one word about it that mentions nobody, silence; a person's message lets them go on."""
    async with idle_lab(tmp_path) as place:
        hal, eve = acting(place, "hal"), acting(place, "eve")
        extra = f'[threads]\nbots = "mentions"\ntrusted_bots = ["{hal.id}"]\nbot_turns = 2\n'
        place.configure(extra=extra)
        async with running_bot(place):
            thread = await place.thread("say begun")
            await place.ann.sees(thread, "begun", by=place.bot)
            call = place.bot.mention
            for number in range(2):
                await hal.say(thread, f"{call} say turn {number}")
                await place.ann.sees(thread, f"turn {number}", by=place.bot)
            await eve.say(thread, f"{call} say untrusted")
            await hal.say(thread, "say without a mention")
            for _ in range(5):
                await hal.say(thread, f"{call} say too much")
            told = await place.ann.sees(thread, "answered 2 messages of bots in a row", by=place.bot)
            assert list(told.mentions) == []
            await place.ann.say(thread, "say go on")
            await place.ann.sees(thread, "go on", by=place.bot)
            await hal.say(thread, f"{call} say turn again")
            await place.ann.sees(thread, "turn again", by=place.bot)
            assert replies(place, thread, "in a row") == 1
            assert not any(replies(place, thread, text) for text in ("too much", "untrusted", "without a mention"))


async def test_what_a_trusted_bot_says_beside_its_text_is_its_message(tmp_path: Path) -> None:
    """In an embed, with its title, text and fields, or in components: much of what programs say is nowhere else."""
    async with idle_lab(tmp_path) as place:
        hal = acting(place, "hal")
        place.configure(extra=f'[threads]\nbots = "all"\ntrusted_bots = ["{hal.id}"]\n')
        async with running_bot(place):
            thread = await place.thread("say begun")
            await place.ann.sees(thread, "begun", by=place.bot)
            embed = {
                "type": "rich",
                "title": "Build failed",
                "fields": [{"name": "branch", "value": "main", "inline": False}],
            }
            messages.post(place.discord.world, thread, hal.id, Draft(embeds=(embed,)))
            await place.ann.sees(thread, 'You said: "Build failed\nbranch: main"', by=place.bot)
            shown = {"type": 17, "id": 1, "components": [{"type": 10, "id": 2, "content": "Deployed"}]}
            parts = Draft(components=(shown,), flags=MessageFlag.COMPONENTS_V2)
            messages.post(place.discord.world, thread, hal.id, parts)
            await place.ann.sees(thread, 'You said: "Deployed"', by=place.bot)


async def test_in_a_thread_with_another_bot_only_a_mention_counts_where_it_is_shared(tmp_path: Path) -> None:
    """`mention = "shared"`: needed from the other bot's first word on. A role's mention counts, the bot's own too."""
    async with idle_lab(tmp_path) as place:
        hal = acting(place, "hal")
        helpers = place.discord.add_role(place.guild, "helpers")
        extra = f'[threads]\nmention = "shared"\nmention_roles = ["{helpers.id}"]\n'
        place.configure(extra=extra)
        async with running_bot(place):
            thread = await place.thread("say begun")
            await place.ann.sees(thread, "begun", by=place.bot)
            await place.ann.say(thread, "say alone with you")
            await place.ann.sees(thread, "alone with you", by=place.bot)
            await hal.say(thread, "I am here too")
            await place.ann.say(thread, "say not meant for you")
            await place.ann.say(thread, f"<@&{helpers.id}> say for the helpers")
            await place.ann.sees(thread, "for the helpers", by=place.bot)
            own = next(role for role in place.guild.roles.values() if role.managed_by == place.bot.id)
            await place.ann.say(thread, f"<@&{own.id}> say for your own role")
            await place.ann.sees(thread, "for your own role", by=place.bot)
            assert replies(place, thread, "not meant for you") == 0


async def test_direct_messages_are_answered_where_they_are_allowed_and_to_whom(tmp_path: Path) -> None:
    """No mention, no thread; commands work; somebody who is not named gets the one sign; what was missed is read."""
    async with idle_lab(tmp_path) as place:
        people = f'users = ["{place.ann.id}"]\ndm = true'
        place.configure(access=people)
        async with running_bot(place):
            mine, theirs = place.ann.direct(place.bot), place.mallory.direct(place.bot)
            await place.ann.say(mine, "say between us")
            await place.ann.sees(mine, "between us", by=place.bot)
            await place.ann.say(mine, "recall")
            await place.answer(mine, "say between us")
            assert "idle" in said(await place.ann.slash(mine, "status"))
            refused = await place.mallory.say(theirs, "say something")
            assert "may not talk" in said(await place.mallory.slash(theirs, "status"))
            await place.ann.say(mine, "say it is over")
            await place.ann.sees(mine, "it is over", by=place.bot)
            await place.discord.until(lambda: list(refused.reactions))
            assert place.said_by_bot(theirs) == []
        await place.ann.say(mine, "say you were away")
        async with running_bot(place):
            await place.ann.sees(mine, "you were away", by=place.bot)


async def test_a_post_in_a_forum_that_is_listed_is_a_request(tmp_path: Path) -> None:
    """Its first message is for the agent, also one that was missed; there no mention is needed, elsewhere it is."""
    async with idle_lab(tmp_path) as place:
        forum = place.discord.add_channel(place.guild, "questions", kind=ChannelType.FORUM, tags=("new", "urgent"))
        place.configure()
        place.config.write_text(place.config.read_text().replace("channels = [", f'channels = ["{forum.id}", '))
        async with running_bot(place):
            post = await place.ann.open_thread(forum, "How does it work?", "echo\nsay like this", tags=("urgent",))
            shown = await place.ann.sees(post, "like this", by=place.bot)
            assert '"name":"How does it work?","tags":["urgent"]' in shown.content.replace("\\", "")
            await place.ann.say(post, "say and like that")
            await place.ann.sees(post, "and like that", by=place.bot)
            mine = await place.ann.open_thread(place.channel, "people only")
            await place.ann.say(mine, "say among people")
            await place.ann.say(mine, f"{place.bot.mention} say now with you")
            await place.ann.sees(mine, "now with you", by=place.bot)
            assert replies(place, mine, "among people") == 0
        missed = await place.ann.open_thread(forum, "And that?", "say while you were away")
        async with running_bot(place):
            await place.ann.sees(missed, "while you were away", by=place.bot)
            assert replies(place, post, "say like this") == 1


async def test_direct_messages_are_not_even_heard_by_default(tmp_path: Path) -> None:
    """The bot does not ask Discord for them."""
    async with bot_lab(tmp_path) as place:
        mine = place.ann.direct(place.bot)
        await place.ann.say(mine, "say between us")
        thread = await place.thread("say in the open")
        await place.ann.sees(thread, "in the open", by=place.bot)
        assert place.said_by_bot(mine) == []
