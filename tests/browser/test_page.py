"""The page by itself: texts, files, forms, menus, keys, and scrolling."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from loopback import Bot, Channel, Guild, Loopback, User
from loopback.state.drafts import Draft
from loopback.state.entities import ChannelType
from loopback.state.messages import edit, post
from loopback.web.page_key import PageKey
from tests.browser.browser_lab import shown, silent_browser
from tests.browser.chrome import Browser
from tests.browser.workshop import Workshop
from tests.loopback.discordpy import logged_in

AT_END = "((one) => one.scrollHeight - one.scrollTop - one.clientHeight < 3)(document.querySelector('#main .scroller'))"


@dataclass
class Place:
    """A channel with two people and a bot, and a browser."""

    server: Loopback
    guild: Guild
    channel: Channel
    bot: Bot
    ann: User
    ben: User
    chrome: Browser


@asynccontextmanager
async def opened(chromium: str) -> AsyncIterator[Place]:
    """Set up a channel and a browser, without a bot process."""
    async with Loopback() as server, silent_browser(chromium) as chrome:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann, ben = (server.add_person(name, guilds=(guild,)) for name in ("ann", "ben"))
        bot = server.add_bot("workshop", token="T", owner=ann, guilds=(guild,))
        yield Place(server, guild, channel, bot, ann, ben, chrome)


async def test_a_message_of_script_tags_stays_text(chromium: str) -> None:
    """Texts, names and file names never become markup or run."""
    async with opened(chromium) as place:
        script = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
        mallory = place.server.add_person("<b onclick=window.ran=3>m</b>", guilds=(place.guild,))
        embed = {"title": script, "description": script, "fields": [{"name": script, "value": script}]}
        post(place.server.world, place.channel, place.bot.id, Draft(content=script, embeds=(embed,)))
        await mallory.say(place.channel, f"{script} ```html\n{script}\n```", files=[("<img src=x>.txt", b"x")])
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.sees(script, "#main .row .md")
        await page.sees("<b onclick=window.ran=3>m</b>", "#main .author")
        assert await page.evaluate("window.ran ?? null") is None
        inner = "#main .messages script, #main .messages img, #main .messages b, #main .messages [onclick]"
        assert await page.evaluate(f"document.querySelectorAll({json.dumps(inner)}).length") == 0


async def test_the_scroll_stays_at_the_end_only_if_it_was_there(chromium: str) -> None:
    """New and growing messages scroll for a reader at the end, and not for one who reads back."""
    async with opened(chromium) as place:
        for number in range(80):
            await place.ann.say(place.channel, f"message {number}")
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.until(AT_END)
        growing = post(place.server.world, place.channel, place.bot.id, Draft(content="line"))
        for lines in range(2, 30):
            edit(place.server.world, growing, Draft(given=frozenset({"content"}), content="line\n" * lines + "end"))
        await page.sees("end", "#main .row.from-bot")
        await page.until(AT_END)
        await page.hover("#main .row.from-bot")
        edit(place.server.world, growing, Draft(given=frozenset({"content"}), content="one line"))
        await page.sees("one line", "#main .row.from-bot")
        post(place.server.world, place.channel, place.bot.id, Draft(content="more\n" * 20 + "last"))
        await page.sees("last", "#main .row.from-bot")
        await page.until(AT_END)
        assert await page.evaluate("document.querySelector('#main .jump').hidden")
        # The page learns of it with the event, which comes with the next frame: a message before that is not below.
        await page.evaluate(
            """new Promise((seen) => {
              const scroller = document.querySelector('#main .scroller');
              scroller.addEventListener('scroll', () => seen(true), { once: true });
              scroller.scrollTop = 600;
            })"""
        )
        await page.until(f"!{AT_END}")
        before = await page.evaluate(
            """(() => {
              const top = document.querySelector('#main .scroller').getBoundingClientRect().top;
              const visible = (one) => one.getBoundingClientRect().top >= top;
              window.first = [...document.querySelectorAll('#main .row')].find(visible);
              return first.getBoundingClientRect().top;
            })()"""
        )
        await place.ben.say(place.channel, "far below")
        await page.until("!document.querySelector('#main .jump').hidden")
        assert abs(await page.evaluate("first.getBoundingClientRect().top") - before) < 2
        await page.click("#main .jump")
        await page.until(AT_END)
        await page.sees("far below", "#main .row")


async def test_scrolling_up_and_a_link_load_older_messages(chromium: str) -> None:
    """Each of them is shown once, in order. A link is shown by its place's name and leads to the message."""
    async with opened(chromium) as place:
        first = await place.ann.say(place.channel, "message 0")
        for number in range(1, 130):
            await place.ann.say(place.channel, f"message {number}")
        await place.ben.say(
            place.channel, f"https://discord.com/channels/{place.guild.id}/{place.channel.id}/{first.id}"
        )
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.sees("#general", "#main .row .mention")
        await page.evaluate("document.querySelector('#main .scroller').scrollTop = 0")
        await page.until("document.querySelectorAll('#main .row').length >= 100")
        await page.click("#main .mention")
        await page.until("document.activeElement.innerText.includes('message 0')")
        texts = await page.evaluate(
            "[...document.querySelectorAll('#main .row .md')].map((one) => one.textContent.trim())"
        )
        assert texts[:-1] == [f"message {number}" for number in range(130)]


async def test_files_are_uploaded_downloaded_and_shown_as_pictures(tmp_path: Path, chromium: str) -> None:
    """A chosen file reaches the bot, and the bot's image has its description."""
    async with opened(chromium) as place, logged_in(place.server, Workshop()):
        note = tmp_path / "note.txt"
        note.write_text("read me")
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.attach("#main input[type=file]", note)
        await page.sees("note.txt", "#main .shelf")
        await page.click("#main .composer .send")
        await page.sees("got note.txt: read me", "#main .row")
        await page.sees("note.txt", "#main .row a.file")
        await place.ann.say(place.channel, "picture")
        await page.until("document.querySelector('#main .picture img')?.naturalWidth === 8")
        assert await page.evaluate("document.querySelector('#main .picture img').alt") == "A red dot"


async def test_a_form_is_filled_in_and_sent(chromium: str) -> None:
    """A button opens the bot's form, and Escape closes it."""
    async with opened(chromium) as place, logged_in(place.server, Workshop()):
        await place.ann.say(place.channel, "counter")
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.click("#main .component", "Order")
        await page.until("document.activeElement.closest('dialog') !== null")
        await page.press("Escape")
        await page.until("!document.querySelector('dialog')")
        await page.click("#main .component", "Order")
        await page.until("document.activeElement.closest('dialog') !== null")
        await page.write("a cog")
        await page.press("Tab")
        await page.write("it is broken")
        await page.click("dialog .primary")
        await page.sees("ordered a cog: it is broken", "#main .row")
        await page.until("!document.querySelector('dialog')")


async def test_menus_are_chosen_from_by_mouse_and_by_keys(chromium: str) -> None:
    """A menu for one choice sends it immediately. A menu for several wants the right number."""
    async with opened(chromium) as place, logged_in(place.server, Workshop()):
        await place.ann.say(place.channel, "counter")
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.click("#main .select", "A colour")
        await page.press("ArrowDown")
        await page.press("Enter")
        await page.sees("painted green", "#main .row.ephemeral")
        await page.click("#main .dismiss")
        await page.until("!document.querySelector('#main .row.ephemeral')")
        await page.click("#main .select", "Some tools")
        await page.click("[role=menuitemcheckbox]", "saw")
        assert await page.evaluate("document.querySelector('.confirm').disabled")
        await page.click("[role=menuitemcheckbox]", "drill")
        await page.click(".confirm")
        await page.sees("lent drill, saw", "#main .row")


async def test_a_command_is_completed_and_its_deferred_answer_shown(chromium: str) -> None:
    """The name and the option's value are suggested. A deferred answer shows that the bot is thinking."""
    async with opened(chromium) as place:
        bot = Workshop()
        async with logged_in(place.server, bot):
            page = await shown(place.chrome, place.server, place.ann, place.channel)
            await page.click("#main .composer textarea")
            await page.write("/fe")
            await page.sees("Bring something", "#main .suggestions [aria-selected=true]")
            await page.press("Enter")
            await page.until("document.activeElement.closest('.command') !== null")
            await page.sees("nail", ".command .suggestions")
            await page.write("ha")
            await page.until("document.querySelectorAll('.command .suggestions li').length === 2")
            await page.press("ArrowDown")
            await page.press("Enter")
            await page.press("Tab")
            await page.write("3")
            await page.press("Enter")
            await page.sees("workshop is thinking", "#main .row")
            bot.gate.set()
            await page.sees("3 × a handle", "#main .row")
            await page.sees("/fetch", "#main .used")


async def test_a_message_has_a_menu_with_the_bots_own_entries(chromium: str) -> None:
    """The menu has context-menu commands, and edit and delete for one's own messages."""
    async with opened(chromium) as place, logged_in(place.server, Workshop()):
        said = await place.ann.say(place.channel, "four words in all")
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.click("#main .row .md", button="right")
        await page.click("[role=menuitem]", "Count the words")
        await page.sees("4 words", "#main .row.ephemeral")
        await page.click("#main .row .md", "four words", button="right")
        await page.click("[role=menuitem]", "Edit")
        await page.until("document.activeElement.closest('form.edit') !== null")
        await page.write(", and more")
        await page.press("Enter")
        await page.sees("four words in all, and more (edited)", "#main .row")
        assert said.content == "four words in all, and more"
        await page.click("#main .row .md", "and more", button="right")
        await page.click("[role=menuitem]", "Delete")
        await page.click("dialog .primary")
        await page.until(
            "![...document.querySelectorAll('#main .row')].some((one) => one.innerText.includes('and more'))"
        )
        assert said.deleted
        await page.call("Page.reload")
        await page.until("document.querySelector('#main')?.dataset.shown")
        assert await page.evaluate("document.querySelector('#main .row.ephemeral')") is None


async def test_a_message_beyond_discords_limit_is_offered_as_a_file(chromium: str) -> None:
    """The composer counts down near 2,000 characters, and Enter beyond them asks before it sends a file."""
    async with opened(chromium) as place:
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.click("#main .composer textarea")
        await page.write("x" * 1799)
        await page.until("document.querySelector('#main .composer .length').hidden")
        await page.write("x" * 202)
        await page.sees("-1", "#main .length.over")
        await page.press("Enter")
        await page.sees("It has 2,001 characters. The limit is 2,000.", "dialog")
        await page.click("dialog .primary")
        await page.sees("message.txt", "#main .row a.file")
        (sent,) = place.server.messages(place.channel)
        assert (sent.content, sent.attachments[0].content) == ("", b"x" * 2001)


async def test_a_voice_channel_has_its_own_icon_and_offers_no_thread(chromium: str) -> None:
    """Only channels that allow threads offer them. Messages work in all."""
    async with opened(chromium) as place:
        lounge = place.server.add_channel(place.guild, "lounge", kind=ChannelType.VOICE)
        hall = place.server.add_channel(place.guild, "hall", kind=ChannelType.STAGE)
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        signs = "[...document.querySelectorAll('#places .place .icon path')].map((one) => one.getAttribute('d'))"
        assert len(set(await page.evaluate(signs))) == 3
        for channel, offered in ((place.channel, True), (lounge, False), (hall, False)):
            await page.click("#places .place", channel.name)
            await page.until(f"document.querySelector('#main').dataset.shown === '{channel.id}'")
            await page.click("#main textarea")
            await page.write("hello")
            await page.press("Enter")
            await page.sees("hello", "#main .row .md")
            await page.hover("#main .row", "hello")
            tools = "[...document.querySelectorAll('#main .row .tool')].map((one) => one.getAttribute('aria-label'))"
            await page.until(f"{tools}.includes('React')")
            assert ("Open a thread" in await page.evaluate(tools)) is offered


async def test_reactions_are_added_seen_and_taken_back(chromium: str) -> None:
    """Ann sees Ben's reaction, adds hers, and removes it by a click."""
    async with opened(chromium) as place:
        said = await place.ann.say(place.channel, "news")
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await place.ben.react(said, "🎉")
        await page.until("document.querySelector('#main .reaction')?.getAttribute('aria-label') === '🎉, 1'")
        await page.click("#main .reaction")
        await page.until("document.querySelector('#main .reaction').getAttribute('aria-pressed') === 'true'")
        assert said.reactions == {"🎉": [place.ben.id, place.ann.id]}
        await page.click("#main .reaction")
        await page.until("document.querySelector('#main .reaction').getAttribute('aria-pressed') === 'false'")
        await page.hover("#main .row .md")
        await page.click("#main .tool[aria-label=React]")
        await page.click(".emoji-box button", "🚀")
        await page.until("document.querySelectorAll('#main .reaction').length === 2")


async def test_everything_can_be_reached_by_keys(chromium: str) -> None:
    """Arrows select messages, Tab reaches a message's tools, Up edits the last one, Shift+Enter breaks a line.

    Only the selected message and what is in it are tab stops. Typing anywhere, and the skip link, lead to the composer.
    """
    async with opened(chromium) as place:
        for number in range(3):
            await place.ann.say(place.channel, f"message {number} https://a.example ||hidden|| ```py\nx\n```")
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.evaluate("document.querySelector('#main .row[tabindex=\"0\"]').focus()")
        focused = "document.activeElement.innerText"
        assert "message 2" in await page.evaluate(focused)
        await page.press("ArrowUp")
        assert "message 1" in await page.evaluate(focused)
        stops = "[...document.querySelectorAll('#main .messages *')].filter((one) => one.tabIndex === 0)"
        await page.evaluate(f"void (window.stops = {stops})")
        assert await page.evaluate("stops.every((one) => one.closest('.row').contains(document.activeElement))")
        for within in ("a", ".spoiler", ".copy", ".tools"):
            await page.press("Tab")
            await page.until(f"document.activeElement.closest('{within}') !== null")
        await page.press("h")
        await page.until("document.activeElement === document.querySelector('#main .composer textarea')")
        assert await page.evaluate("document.activeElement.value") == "h"
        await page.evaluate("document.activeElement.value = ''")
        await page.evaluate("document.querySelector('.skip').focus()")
        await page.press("Enter")
        await page.until("document.activeElement === document.querySelector('#main .composer textarea')")
        await page.click("#main .composer textarea")
        await page.press("ArrowUp")
        await page.until("document.activeElement.closest('form.edit') !== null")
        await page.press("Escape")
        await page.click("#main .composer textarea")
        await page.write("one")
        await page.press("Enter", shift=True)
        await page.write("two")
        await page.press("Enter")
        await page.sees("one\ntwo", "#main .row .md")


async def test_a_selection_and_an_open_spoiler_outlast_an_edit(chromium: str) -> None:
    """Updates change only differing nodes, so a person can select and copy while a message grows."""
    async with opened(chromium) as place:
        growing = post(
            place.server.world, place.channel, place.bot.id, Draft(content="first words ||hidden||\n\nsecond")
        )
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.click("#main .spoiler")
        await page.until("document.querySelector('#main .spoiler').matches('.shown')")
        await page.evaluate(
            "((one) => getSelection().setBaseAndExtent(one, 0, one, 5))"
            "(document.querySelector('#main .md p').firstChild)"
        )
        longer = "first words ||hidden||\n\nsecond and third\n```py\nx = 1\n```"
        edit(place.server.world, growing, Draft(given=frozenset({"content"}), content=longer))
        await page.sees("x = 1", "#main .code")
        assert await page.evaluate("String(getSelection())") == "first"
        assert await page.evaluate("document.querySelector('#main .spoiler').matches('.shown')")


async def test_the_page_stays_usable_with_fifty_streaming_threads(chromium: str) -> None:
    """Only the open thread is drawn, and it and one's own messages are up to date."""
    async with opened(chromium) as place:
        world = place.server.world
        threads = [await place.ann.open_thread(place.channel, f"thread {number}") for number in range(50)]
        replies = [post(world, thread, place.bot.id, Draft(content="0")) for thread in threads]
        page = await shown(place.chrome, place.server, place.ann, place.channel, threads[0])
        for step in range(1, 41):
            for reply in replies:
                words = " ".join(str(number) for number in range(step * 10))
                edit(world, reply, Draft(given=frozenset({"content"}), content=f"{words} step {step}"))
            if step % 20 == 0:
                await page.click("#main .composer textarea")
                await page.write(f"said at {step}")
                await page.press("Enter")
                await page.sees(f"said at {step}", "#main .row")
                await page.sees(f"step {step}", "#beside .row")
        assert await page.evaluate("document.querySelectorAll('.row.from-bot:not(.system)').length") == 1


async def test_the_page_comes_back_after_the_connection_was_lost(chromium: str) -> None:
    """It shows the loss, connects again, and shows the missed messages."""
    async with opened(chromium) as place:
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        await page.evaluate("window.states = []")
        await page.evaluate(
            """new MutationObserver(() => states.push(document.documentElement.dataset.link))
              .observe(document.documentElement, { attributes: true })"""
        )
        for connection in list(place.server._pages._connections):
            await connection.socket.close()
        await place.ben.say(place.channel, "said meanwhile")
        await page.sees("said meanwhile", "#main .row")
        assert await page.evaluate("states") == ["lost", "open"]


async def test_a_page_of_an_earlier_server_says_so(chromium: str) -> None:
    """A new server at the same address has another key, so retries are useless."""
    async with opened(chromium) as place:
        page = await shown(place.chrome, place.server, place.ann, place.channel)
        place.server._pages.key = PageKey()
        for connection in list(place.server._pages._connections):
            await connection.socket.close()
        await page.sees("Open the address that it printed", "#wrong")
        await page.sees("not connected", "#link")


async def test_a_press_that_has_begun_survives_an_update(chromium: str) -> None:
    """A click works although the thread's count changes between mouse down and mouse up."""
    async with opened(chromium) as place:
        said = await place.ann.say(place.channel, "news")
        await place.ann.react(said, "🎉")
        thread = await place.ann.open_thread(said, "talk")
        page = await shown(place.chrome, place.server, place.ben, place.channel)
        for selector, happens in (
            ("#main .thread-chip", place.ann.say(thread, "one more")),
            ("#main .reaction", place.server.add_person("cleo", guilds=(place.guild,)).react(said, "🎉")),
        ):
            spot = await page.middle(selector)
            before = await page.evaluate(f"document.querySelector('{selector}').textContent")
            await page.call("Input.dispatchMouseEvent", type="mousePressed", button="left", clickCount=1, **spot)
            await happens
            await page.until(f"document.querySelector('{selector}').textContent !== {json.dumps(before)}")
            await page.call("Input.dispatchMouseEvent", type="mouseReleased", button="left", clickCount=1, **spot)
        await page.sees("one more", "#beside .row")
        await page.until("document.querySelector('#main .reaction').getAttribute('aria-pressed') === 'true'")
