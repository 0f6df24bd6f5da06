"""A person on the page talks to the whole bot: real Chromium, real discord.py, real agent processes."""

import asyncio
import os
from pathlib import Path

import discord

from tests.browser.browser_lab import browser_lab, shown
from tests.browser.chrome import Page

REPLY = "document.querySelector('#beside .row.from-bot:not(.system)')"


async def mention(page: Page, request: str) -> None:
    """Mention the bot by a suggestion, and post a request."""
    await page.click("#main .composer textarea")
    await page.write("@thr")
    await page.sees("@threadline", "#main .suggestions [aria-selected=true]")
    await page.press("Enter")
    for number, line in enumerate(request.split("\n")):
        if number:
            await page.press("Enter", shift=True)
        await page.write(line)
    await page.press("Enter")


async def test_a_mention_opens_a_thread_whose_answer_grows(tmp_path: Path, chromium: str) -> None:
    """The name is completed, the thread opens in the second pane, and the text grows in one element."""
    gates = [tmp_path / name for name in ("one", "two")]
    for gate in gates:
        os.mkfifo(gate)
    async with browser_lab(tmp_path, chromium) as (place, chrome):
        page = await shown(chrome, place.discord, place.ann, place.channel)
        await mention(
            page, f"type 200 it begins\ngate {gates[0]}\ntype 200 and goes on\ngate {gates[1]}\nsay to its end"
        )
        await page.click("#main .thread-chip")
        await page.until(f"{REPLY}?.innerText.includes('it begins')")
        await page.evaluate(f"void (window.seen = [{REPLY}, {REPLY}.querySelector('.md p')])")
        await asyncio.to_thread(gates[0].write_text, "open")
        await page.until(f"{REPLY}.innerText.includes('and goes on')")
        assert "to its end" not in await page.evaluate(f"{REPLY}.innerText")
        await asyncio.to_thread(gates[1].write_text, "open")
        await page.until(f"{REPLY}.innerText.includes('to its end')")
        assert await page.evaluate("seen.every((one) => document.contains(one))")
        assert "it begins" in await page.evaluate("seen[1].innerText")


async def test_a_permission_is_given_by_a_click(tmp_path: Path, chromium: str) -> None:
    """The card's button answers the agent and disappears."""
    async with browser_lab(tmp_path, chromium) as (place, chrome):
        page = await shown(chrome, place.discord, place.ann, place.channel)
        await mention(page, "ask execute rm -r build")
        await page.click("#main .thread-chip")
        await page.sees("Permission needed", "#beside .row")
        await page.sees("In progress…", "#beside .row")  # It comes below the card, and moves it up.
        await page.click("#beside .component", "Allow once")
        await page.sees("allowed (allow_once)", "#beside .row")
        await page.until("!document.querySelector('#beside .component')")


async def test_a_turn_is_cancelled_by_a_command(tmp_path: Path, chromium: str) -> None:
    """The command is completed and sent by Enter. Its answer is for this person only."""
    async with browser_lab(tmp_path, chromium) as (place, chrome):
        thread = await place.thread("say working\nhang")
        await place.ann.sees(thread, "working", by=place.bot)
        page = await shown(chrome, place.discord, place.ann, thread)
        await page.click("#main .composer textarea")
        await page.write("/")
        names = "[...document.querySelectorAll('#main .suggestions .name')].map((one) => one.textContent.slice(1))"
        await page.until("document.querySelector('#main .suggestions .name')")
        known = [command.name for command in place.client.tree.get_commands(type=discord.AppCommandType.chat_input)]
        assert await page.evaluate(names) == sorted(known)
        width = "document.querySelector('#main {}').offsetWidth".format
        assert await page.evaluate(width(".suggestions")) == await page.evaluate(width(".composer"))
        await page.write("can")
        await page.sees("/cancel", "#main .suggestions [aria-selected=true]")
        await page.press("Enter")
        await page.until("document.activeElement.closest('.command') !== null")
        await page.press("Enter")
        await page.sees("Stopping.", "#main .row.ephemeral")
        await page.sees("Only you can see this", "#main .row.ephemeral")
        await page.sees("⏹", "#main .row.from-bot")


async def test_two_people_talk_in_two_tabs(tmp_path: Path, chromium: str) -> None:
    """Each sees the other's typing and messages. Ephemeral answers are for one person, and a mention is marked."""
    async with browser_lab(tmp_path, chromium) as (place, chrome):
        thread = await place.thread("say ready")
        await place.ann.sees(thread, "ready", by=place.bot)
        ann = await shown(chrome, place.discord, place.ann, thread)
        ben = await shown(chrome, place.discord, place.ben, thread)
        await ann.click("#main .composer textarea")
        await ann.write("hello @ben")
        await ben.sees("ann is typing", "#main .typing")
        await ann.sees("@ben", "#main .suggestions [aria-selected=true]")
        await ann.press("Enter")
        await ann.press("Enter")
        await ben.sees("hello @ben", "#main .row.calls")
        assert "ann" not in await ben.evaluate("document.querySelector('#main .typing').textContent")
        await ben.click("#main .composer textarea")
        await ben.write("/status")
        await ben.sees("/status", "#main .suggestions [aria-selected=true]")
        await ben.press("Enter")
        await ben.until("document.activeElement.closest('.command') !== null")
        await ben.press("Enter")
        await ben.until("document.querySelector('#main .row.ephemeral') !== null")
        await ben.click("#main .composer textarea")
        await ben.write("got it")
        await ben.press("Enter")
        await ann.sees("got it", "#main .row")
        assert await ann.evaluate("document.querySelector('#main .row.ephemeral')") is None


async def test_one_person_becomes_another_by_the_menu(tmp_path: Path, chromium: str) -> None:
    """The tab continues for another person in the same channel."""
    async with browser_lab(tmp_path, chromium) as (place, chrome):
        await place.ann.say(place.channel, "a word of mine")
        page = await shown(chrome, place.discord, place.ann, place.channel)
        await page.sees("a word of mine", "#main .row")
        await page.click(".person")
        await page.click("[role=menuitemradio]", "ben")
        await page.sees("ben", ".person .name")
        await page.sees("a word of mine", "#main .row")
        await page.click("#main .composer textarea")
        await page.write("and one of ben's")
        await page.press("Enter")
        await page.sees("and one of ben's", "#main .row")
        assert place.discord.messages(place.channel)[-1].author_id == place.ben.id


async def test_a_phone_shows_one_pane_at_a_time(tmp_path: Path, chromium: str) -> None:
    """The sidebar, a channel, a thread and the limits fill the screen exactly."""
    async with browser_lab(tmp_path, chromium) as (place, chrome):
        thread = await place.thread("code 3\nsay and a rather long line of words that has to be broken somewhere")
        await place.ann.sees(thread, "somewhere", by=place.bot)
        page = await shown(chrome, place.discord, place.ann, place.channel, width=390)

        async def seen(selector: str) -> None:
            parts = ["#sidebar", "#main", "#beside", "#usage"]
            await page.until(
                f"{parts}.every((one) => Boolean(document.querySelector(one).offsetWidth) === (one === '{selector}'))"
            )
            assert await page.evaluate("document.documentElement.scrollWidth") == 390
            assert await page.evaluate(f"document.querySelector('{selector}').offsetWidth") == 390

        await seen("#main")
        await page.click("#main .tool[aria-label=Back]")
        await seen("#sidebar")
        await page.click(".place", "general")
        await seen("#main")
        await page.click("#main .thread-chip")
        await seen("#beside")
        await page.click("#beside .tool[aria-label=Back]")
        await seen("#main")
        await page.click("#main .tool[aria-label=Back]")
        await page.click(".gauge")
        await seen("#usage")
