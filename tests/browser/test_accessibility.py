"""The page's accessibility: axe-core in light and dark, wide and on a phone, and a screen reader's texts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from loopback import Loopback, User
from loopback.state import drafts
from loopback.state.drafts import Draft
from loopback.state.entities import Bot, Channel, MessageFlag
from loopback.state.messages import edit, post
from tests.browser.axe import source, violations
from tests.browser.browser_lab import shown, silent_browser
from tests.browser.chrome import Browser
from tests.browser.workshop import PICTURE, Workshop
from tests.loopback.discordpy import logged_in

EVERYTHING = """\
# One **heading**
## and another
### and a third
-# small print <t:1700000000:R>
- a list
  1. in a list
> a quote of <@{ann}> in <#{channel}> and ||a secret||
```python
def answer(question: str) -> int:
    return 42  # always "42"
```
```diff
- before
+ after
```
`code`, [a link](https://example.org) and ~~nothing~~"""

MEDIA = {"media": {"url": "attachment://a.png"}}
CARD = [
    {
        "type": 17,
        "accent_color": 0xF5A524,
        "components": [
            {"type": 10, "content": "### Permission needed\n-# run `pytest`\n```diff\n- a\n+ b\n```"},
            {
                "type": 9,
                "components": [{"type": 10, "content": "beside a picture"}],
                "accessory": {"type": 11, **MEDIA},
            },
            {"type": 14},
            {"type": 12, "items": [MEDIA, {**MEDIA, "spoiler": True}]},
            {"type": 13, "file": {"url": "attachment://a.png"}},
            {
                "type": 1,
                "components": [
                    {"type": 2, "style": style, "label": f"style {style}", "custom_id": str(style)}
                    for style in range(1, 5)
                ],
            },
        ],
    }
]


@asynccontextmanager
async def furnished(chromium: str) -> AsyncIterator[tuple[Loopback, Browser, User, Channel]]:
    """Set up a channel and a thread with one of each kind of content."""
    async with Loopback() as server, silent_browser(chromium) as chrome:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann, ben = (server.add_person(name, guilds=(guild,)) for name in ("ann", "ben"))
        bot = server.add_bot("workshop", token="T", owner=ann, guilds=(guild,))
        async with logged_in(server, Workshop()):
            said = await ben.say(channel, EVERYTHING.format(ann=ann.id, channel=channel.id))
            await ann.react(said, "👍")
            await ann.say(channel, "an answer", reply_to=said, files=[("a.png", PICTURE), ("b.txt", b"b")])
            embed = {"title": "An embed", "description": "with **words**", "color": 0x4F55D6, "footer": {"text": "end"}}
            post(server.world, channel, bot.id, Draft(content="Look:", embeds=(embed,)))
            body = {"components": CARD, "flags": int(MessageFlag.COMPONENTS_V2)}
            post(server.world, channel, bot.id, drafts.read(body, [drafts.Upload("a.png", PICTURE, "image/png")]))
            thread = await ann.open_thread(said, "a thread to talk in")
            await ann.say(thread, "counter")
            await ann.sees(thread, "At your service", by=bot)
            await ann.open_thread(channel, "another thread")
            yield server, chrome, ann, channel


@pytest.mark.parametrize("width", [1280, 390], ids=["wide", "phone"])
async def test_no_state_of_the_page_violates_a_rule_in_light_or_dark(chromium: str, width: int) -> None:
    """Messages, a thread, the limits, a menu, suggestions, a command and a form satisfy every rule of axe-core."""
    script = await source()
    async with furnished(chromium) as (server, chrome, ann, channel):
        page = await shown(chrome, server, ann, channel, width=width)

        async def check() -> None:
            for scheme in ("light", "dark"):
                await page.prefer(scheme)
                assert await violations(page, script) == []

        await check()
        await page.click("#main .composer textarea")
        await page.write("/fe")
        await page.sees("Bring something", "#main .suggestions")
        await check()
        await page.press("Enter")
        await page.sees("nail", ".command .suggestions")
        await check()
        await page.press("Escape")
        await page.press("Escape")
        await page.click("#main .thread-chip", "a thread to talk in")
        await page.sees("At your service.", "#beside .row")
        await check()
        await page.click("#beside .select", "Some tools")
        await page.until("document.querySelector('.menu')")
        await check()
        await page.press("Escape")
        await page.click("#beside .component", "Order")
        await page.until("document.querySelector('dialog')")
        await check()
        await page.press("Escape")
        await page.until("!document.querySelector('dialog')")
        if width < 760:
            await page.click("#beside .tool[aria-label=Back]")
            await page.click("#main .tool[aria-label=Back]")
            await check()
        await page.click(".gauge")
        await page.sees("of 50 requests a second", "#usage")
        await check()


async def test_the_chosen_theme_holds_against_the_systems(chromium: str) -> None:
    """It holds after a reload too."""
    async with furnished(chromium) as (server, chrome, ann, channel):
        page = await shown(chrome, server, ann, channel)
        background = "getComputedStyle(document.querySelector('#main')).backgroundColor"
        light = await page.evaluate(background)
        await page.prefer("dark")
        dark = await page.evaluate(background)
        assert light != dark
        await page.click("[aria-label^=Theme]")
        await page.click("[role=menuitemradio]", "Light")
        assert await page.evaluate(background) == light
        await page.call("Page.reload")
        await page.until("document.querySelector('#main')?.dataset.shown")
        assert await page.evaluate(background) == light


async def test_a_screen_reader_gets_a_streaming_message_once(chromium: str) -> None:
    """It gets the final text after the last edit, not each edit."""
    async with Loopback() as server, silent_browser(chromium) as chrome:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot: Bot = server.add_bot("workshop", token="T", guilds=(guild,))
        page = await shown(chrome, server, ann, channel)
        # Stillness is longer than a busy machine needs between two edits.
        await page.evaluate(
            "((real) => { setTimeout = (call, ms) => real(call, ms === 1500 ? 6000 : ms) })(setTimeout)"
        )
        await page.evaluate(
            """(window.heard = [], new MutationObserver(() => heard.push(document.querySelector("#said").textContent))
              .observe(document.querySelector("#said"), { childList: true, characterData: true, subtree: true }))
              && undefined"""
        )
        growing = post(server.world, channel, bot.id, Draft(content="word 0"))
        await page.sees("word 0", "#main .row")
        for number in range(1, 5):
            edit(server.world, growing, Draft(given=frozenset({"content"}), content=f"word {number}"))
            await page.sees(f"word {number}", "#main .row")
        body = {"components": [{"type": 10, "content": "### In\na **card**"}], "flags": int(MessageFlag.COMPONENTS_V2)}
        post(server.world, channel, bot.id, drafts.read(body))
        await page.until("heard.length > 1")
        assert sorted(await page.evaluate("heard")) == ["workshop: In a card", "workshop: word 4"]
