"""The page's server: files, frames of changes, and actions of people."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from loopback import Account, Loopback, User
from loopback.state import drafts
from loopback.state.drafts import Draft
from loopback.state.entities import Message, MessageFlag
from loopback.state.messages import Origin, edit, post
from loopback.state.permissions import Permission
from loopback.web.pages import WRONG_KEY
from tests.loopback.discordpy import furnish

BOUND = 30.0


class Tab:
    """An open page without a browser: its actions, and all frames that it gets."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.frames: list[Any] = []

    async def _receive(self) -> Any:
        async with asyncio.timeout(BOUND):
            return json.loads(await self._socket.receive_str())

    async def frame(self, wanted: Callable[[Any], Any]) -> Any:
        """Return the first frame from now on for which `wanted` is true."""
        while True:
            frame = await self._receive()
            self.frames.append(frame)
            if wanted(frame):
                return frame

    async def ask(self, act: str, **fields: Any) -> Any:
        """Request an action, and return its answer."""
        number = next(self._numbers)
        await self._socket.send_str(json.dumps({"n": number, "act": act, **fields}))
        answer = await self.frame(lambda frame: frame.get("n") == number)
        return answer.get("done", answer.get("wrong"))

    async def message(self, wanted: Callable[[Any], Any]) -> Any:
        """Return the first message in a frame from now on for which `wanted` is true."""
        frame = await self.frame(lambda frame: any(wanted(one) for one in frame.get("messages", ())))
        return next(one for one in frame["messages"] if wanted(one))


def socket_address(server: Loopback) -> str:
    """Return the address of the page's socket, with the key."""
    return server.page.replace("/?", "/page/socket?")


@asynccontextmanager
async def tab(server: Loopback, person: Account, since: float | None = None) -> AsyncIterator[Tab]:
    """Open a tab for a person, and wait for its sidebar."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{socket_address(server)}&person={person.id}&since={since or ''}") as socket,
    ):
        opened = Tab(socket)
        await opened.frame(lambda frame: "overview" in frame)
        yield opened


def by_bot(server: Loopback, bot: Account, channel: Any, content: str, reader: User | None = None) -> Message:
    """Post a message of a bot, which only the reader sees, if there is one."""
    origin = None if reader is None else Origin(ephemeral_to=reader.id)
    return post(server.world, channel, bot.id, Draft(content=content), origin)


async def test_the_page_is_served_with_a_policy_that_runs_only_its_own_scripts() -> None:
    """It serves the page and its files with their types, and no other file."""
    async with Loopback() as server, aiohttp.ClientSession() as session:
        files = (
            (f"{server.endpoint}/page/app.js", "text/javascript"),
            (f"{server.endpoint}/page/base.css", "text/css"),
        )
        for address, kind in ((server.page, "text/html"), *files):
            async with session.get(address) as answer:
                assert (answer.status, answer.content_type) == (200, kind)
                policy = answer.headers["Content-Security-Policy"]
                assert policy.startswith(
                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
                )
                assert "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for path in ("/page/../server.py", "/page/%2e%2e%2fserver.py", "/page/none.js"):
            async with session.get(server.endpoint + path) as answer:
                assert answer.status == 404


async def test_every_file_that_the_page_names_is_there() -> None:
    """Every link, script and import leads to a served file."""
    async with Loopback() as server, aiohttp.ClientSession() as session:
        todo, seen = {server.page.removeprefix(server.endpoint)}, set[str]()
        while todo - seen:
            path = (todo - seen).pop()
            seen.add(path)
            async with session.get(server.endpoint + path) as answer:
                assert answer.status == 200, path
                text = await answer.text()
            assert "https://" not in text, path
            quoted = text.replace("'", '"').split('"')
            todo |= {one for one in quoted if one.startswith("/page/") and one != "/page/socket" and "$" not in one}
        assert len(seen) > 15


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "127.0.0.1.nip"}],
)
@pytest.mark.parametrize("path", ["/", "/page/app.js", "/page/socket"])
async def test_a_foreign_page_gets_nothing(path: str, headers: dict[str, str]) -> None:
    """Neither another site nor a name that was pointed here."""
    async with Loopback() as server, aiohttp.ClientSession() as session:
        server.add_person("ann")
        async with session.get(server.endpoint + path, headers=headers) as answer:
            assert answer.status == 403


async def test_without_the_key_neither_the_page_nor_its_socket_opens() -> None:
    """Other accounts of the machine reach the port, but can neither read nor act."""
    async with Loopback() as server, aiohttp.ClientSession() as session:
        channel = server.add_channel(guild := server.add_guild("Lab"), "general")
        ann = server.add_person("ann", guilds=(guild,))
        for query in ("", "key=", "key=wrong", f"key={quote('🔑')}", f"key={server.page[-5:]}"):
            async with session.get(f"{server.endpoint}/?{query}") as answer:
                assert answer.status == 403
                assert "by the address that the server printed" in await answer.text()
            async with session.ws_connect(f"{server.endpoint}/page/socket?person={ann.id}&{query}") as socket:
                with suppress(ConnectionError):
                    await socket.send_json({"n": 1, "act": "say", "channel": str(channel.id), "text": "I am ann"})
                heard = await socket.receive()
                assert (heard.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, WRONG_KEY)
        assert server.messages(channel) == []


async def test_an_address_that_others_may_see_opens_the_page_once() -> None:
    """It is visible in a browser's arguments, and does not contain the key."""
    async with Loopback() as server, aiohttp.ClientSession() as session:
        once = server.page_once()
        assert once != server.page
        async with session.get(once) as answer:
            assert (answer.status, str(answer.url)) == (200, server.page)
        async with session.get(once) as answer:
            assert answer.status == 403


async def test_a_person_sees_what_they_may_see_and_no_more() -> None:
    """No frame has guilds, channels, messages and ephemeral answers of others."""
    async with Loopback() as server:
        guild, other = server.add_guild("Lab"), server.add_guild("Elsewhere")
        channel, closed = server.add_channel(guild, "general"), server.add_channel(guild, "secret")
        server.add_channel(other, "outside")
        ann, ben = server.add_person("ann", guilds=(guild,)), server.add_person("ben", guilds=(guild, other))
        bot = server.add_bot("helper", token="T", guilds=(guild,))
        server.world.overwrite(closed, ann.id, deny=Permission.VIEW_CHANNEL)
        async with tab(server, ann) as page:
            overview = page.frames[-1]["overview"]
            assert [one["name"] for one in overview["guilds"]] == ["Lab"]
            assert [one["name"] for one in overview["guilds"][0]["channels"]] == ["general"]
            assert [one["name"] for one in overview["people"]] == ["ann", "ben"]
            assert await page.ask("look", channel=str(closed.id)) == "Missing Access"
            await page.ask("look", channel=str(channel.id))
            await ben.say(closed, "hidden words")
            by_bot(server, bot, channel, "for ben alone", ben)
            by_bot(server, bot, channel, "for ann alone", ann)
            shown = await page.message(lambda one: one["text"] == "for ann alone")
            assert shown["ephemeral"]
            assert "hidden words" not in json.dumps(page.frames)
            assert "for ben alone" not in json.dumps(page.frames)


async def test_edits_between_two_frames_are_sent_once_and_only_for_open_channels() -> None:
    """A hundred edits make one message in the frame. A closed channel is not rendered."""
    async with Loopback() as server:
        guild = server.add_guild("Lab")
        here, there = server.add_channel(guild, "here"), server.add_channel(guild, "there")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("helper", token="T", guilds=(guild,))
        async with tab(server, ann) as page:
            await page.ask("look", channel=str(here.id))
            seen, unseen = by_bot(server, bot, here, "0"), by_bot(server, bot, there, "0")
            for number in range(1, 101):
                for message in (seen, unseen):
                    edit(server.world, message, Draft(given=frozenset({"content"}), content=f"{number}"))
            assert (await page.message(lambda one: one["id"] == str(seen.id)))["text"] == "100"
            told = [one for frame in page.frames for one in frame.get("messages", ())]
            assert [one["id"] for one in told] == [str(seen.id)]
            notices = [one for frame in page.frames for one in frame.get("posted", ())]
            assert [one["id"] for one in notices] == [str(seen.id), str(unseen.id)]


async def test_an_edit_before_the_loaded_history_is_not_sent() -> None:
    """After the older messages are loaded, it is."""
    async with Loopback() as server:
        channel, ann, _ = furnish(server)
        said = [await ann.say(channel, str(number)) for number in range(60)]
        async with tab(server, ann) as page:
            step = await page.ask("look", channel=str(channel.id))
            await ann.edit(said[0], "far back")
            await ann.edit(said[59], "in sight")
            await page.message(lambda one: one["text"] == "in sight")
            assert "far back" not in json.dumps(page.frames)
            await page.ask("older", channel=str(channel.id), before=step["messages"][0]["id"])
            await ann.edit(said[0], "read back to")
            await page.message(lambda one: one["text"] == "read back to")


async def test_what_people_write_is_html_only_where_the_server_made_it() -> None:
    """Script tags are escaped in content and embeds. Other fields are plain text."""
    async with Loopback() as server:
        channel, ann, bot = furnish(server)
        script = "<script>alert(1)</script>"
        embed = {"title": script, "description": script, "url": "javascript:alert(1)"}
        post(server.world, channel, bot.id, Draft(content=script, embeds=(embed,)))
        async with tab(server, ann) as page:
            (shown,) = (await page.ask("look", channel=str(channel.id)))["messages"]
            assert "<script" not in shown["html"] + shown["embeds"][0]["html"]
            assert shown["html"] == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
            assert shown["embeds"][0]["url"] is None


async def test_a_person_writes_answers_edits_reacts_and_deletes() -> None:
    """Each action has its effect in the world."""
    async with Loopback() as server:
        channel, ann, _ = furnish(server)
        async with tab(server, ann) as page:
            place = str(channel.id)
            file = {"name": "a.txt", "data": base64.b64encode(b"abc").decode()}
            first = (await page.ask("say", channel=place, text="hello", files=[file]))["id"]
            second = (await page.ask("say", channel=place, text="again", files=[], reply=first))["id"]
            said, answer = server.messages(channel)
            assert (said.content, said.attachments[0].content) == ("hello", b"abc")
            assert answer.reference is not None
            assert answer.reference.message_id == said.id
            assert await page.ask("edit", channel=place, message=first, text="hello there") == {}
            assert await page.ask("react", channel=place, message=first, emoji="👍") == {}
            assert (said.content, said.reactions) == ("hello there", {"👍": [ann.id]})
            await page.ask("react", channel=place, message=first, emoji="👍")
            assert said.reactions == {}
            await page.ask("delete", channel=place, message=second)
            assert server.messages(channel) == [said]
            thread = (await page.ask("open_thread", channel=place, message=first, name="talk"))["channel"]
            await page.ask("say", channel=thread, text="inside", files=[])
            assert server.messages(int(thread))[-1].content == "inside"
            await page.ask("rename", channel=thread, name="other talk")
            await page.ask("archive", channel=thread, archived=True)
            assert (said.thread_id, server.world.channels[int(thread)].name) == (int(thread), "other talk")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"act": "fly"}, "there is no act 'fly'"),
        ({"act": "look"}, "channel must be str"),
        ({"act": "look", "channel": "x"}, "channel must be an id"),
        ({"act": "look", "channel": "12"}, "Unknown Channel"),
        ({"act": "say", "channel": "@", "text": "", "files": []}, "Cannot send an empty message"),
        ({"act": "say", "channel": "@", "text": "x" * 2001, "files": []}, "Invalid Form Body: Must be 2000"),
        ({"act": "say", "channel": "@", "text": "x", "files": [{"name": "a"}]}, "a file has a name and its data"),
        ({"act": "edit", "channel": "@", "message": "12", "text": "x"}, "Unknown Message"),
        ({"act": "slash", "channel": "@", "command": "none", "values": {}}, "no command 'none'"),
        ({"act": "fill", "form": "12", "values": {}}, "this form is no longer open"),
    ],
)
async def test_a_refused_action_has_a_readable_reason(request_: dict[str, Any], words: str) -> None:
    """The tab continues after it. "@" stands for the channel."""
    async with Loopback() as server:
        channel, ann, _ = furnish(server)
        async with tab(server, ann) as page:
            fields = {key: str(channel.id) if value == "@" else value for key, value in request_.items()}
            act = fields.pop("act")
            assert words in await page.ask(act, **fields)
            assert "id" in await page.ask("say", channel=str(channel.id), text="goes on", files=[])


async def test_components_are_shown_with_their_texts_and_files() -> None:
    """Texts are HTML, a file has its address on this server, and a file that no component names is not shown."""
    async with Loopback() as server:
        channel, ann, bot = furnish(server)
        file = {"type": 13, "file": {"url": "attachment://a.txt"}}
        picture = {"type": 12, "items": [{"media": {"url": "https://a.example/x.png"}}]}
        card = {"type": 17, "components": [{"type": 10, "content": "**a** <b>"}, file, picture]}
        body = {"flags": int(MessageFlag.COMPONENTS_V2), "components": [card]}
        uploads = [drafts.Upload("a.txt", b"abc", "text/plain"), drafts.Upload("b.txt", b"b", "text/plain")]
        post(server.world, channel, bot.id, drafts.read(body, uploads))
        async with tab(server, ann) as page:
            (shown,) = (await page.ask("look", channel=str(channel.id)))["messages"]
            text, file, picture = shown["components"][0]["components"]
            assert text["html"] == "<p><strong>a</strong> &lt;b&gt;</p>"
            assert (file["file"]["name"], file["file"]["size"], file["file"]["url"][0]) == ("a.txt", 3, "/")
            assert picture["items"][0]["media"]["url"] == "https://a.example/x.png"
            assert (shown["files"], shown["text"]) == ([], "**a** <b>")


async def test_ephemeral_messages_last_as_long_as_the_page_is_open() -> None:
    """A reload does not show them again. A page that lost its connection says since when it is open, and keeps them."""
    async with Loopback() as server:
        channel, ann, bot = furnish(server)
        async with tab(server, ann) as page:
            since = next(frame["overview"]["since"] for frame in page.frames if "overview" in frame)
            by_bot(server, bot, channel, "for ann alone", ann)
            assert len((await page.ask("look", channel=str(channel.id)))["messages"]) == 1
        server.jump(1)
        async with tab(server, ann) as page:
            assert (await page.ask("look", channel=str(channel.id)))["messages"] == []
        async with tab(server, ann, since) as page:
            assert len((await page.ask("look", channel=str(channel.id)))["messages"]) == 1


async def test_history_is_read_back_in_steps_without_a_gap() -> None:
    """The newest page comes first, then older ones until the beginning."""
    async with Loopback() as server:
        channel, ann, _ = furnish(server)
        for number in range(120):
            await ann.say(channel, str(number))
        async with tab(server, ann) as page:
            step = await page.ask("look", channel=str(channel.id))
            read = [one["text"] for one in step["messages"]]
            while step["more"]:
                step = await page.ask("older", channel=str(channel.id), before=step["messages"][0]["id"])
                read = [one["text"] for one in step["messages"]] + read
            assert read == [str(number) for number in range(120)]


async def test_the_panel_shows_the_bots_use_of_the_limits() -> None:
    """It shows requests a second, refusals, buckets by channel, and the last calls without ids and tokens."""
    async with Loopback(limits=True) as server, aiohttp.ClientSession() as session:
        channel, ann, _ = furnish(server)
        headers = {"Authorization": "Bot T"}
        for _ in range(6):
            body = {"content": "hello"}
            url = f"{server.endpoint}/api/v10/channels/{channel.id}/messages"
            async with session.post(url, json=body, headers=headers) as answer:
                last = answer.status
        assert last == 429
        async with tab(server, ann) as page:
            usage = next((one["usage"] for one in page.frames if "usage" in one), None)
            usage = usage or (await page.frame(lambda frame: "usage" in frame))["usage"]
            assert sum(usage["seconds"]) == 6
            assert (usage["refused"], usage["refusals"]) == (1, 1)
            assert [(one["name"], one["place"], one["used"]) for one in usage["windows"]] == [
                ("messages", "general", 5)
            ]
            assert usage["calls"][0]["path"] == "/channels/#general/messages"
            assert [one["status"] for one in usage["calls"]] == [429, *[200] * 5]


async def test_typing_and_new_channels_are_sent() -> None:
    """Typing is sent for open channels, a new channel with the sidebar."""
    async with Loopback() as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann, ben = (server.add_person(name, guilds=(guild,)) for name in ("ann", "ben"))
        async with tab(server, ann) as page:
            await page.ask("look", channel=str(channel.id))
            await ben.type(channel)
            (typing,) = (await page.frame(lambda frame: "typing" in frame))["typing"]
            assert (typing["channel"], typing["name"]) == (str(channel.id), "ben")
            server.add_channel(guild, "news")
            overview = (await page.frame(lambda frame: "overview" in frame))["overview"]
            assert [one["name"] for one in overview["guilds"][0]["channels"]] == ["general", "news"]


async def test_a_server_without_people_says_so() -> None:
    """The page does not wait for a person in vain."""
    async with Loopback() as server, aiohttp.ClientSession() as session:
        server.add_bot("helper", token="T")
        async with session.ws_connect(socket_address(server)) as socket:
            assert json.loads(await socket.receive_str()) == {"overview": None}


async def test_open_tabs_do_not_hold_up_the_end_of_the_server() -> None:
    """Their connections close with 1001."""
    async with aiohttp.ClientSession() as session:
        async with Loopback() as server:
            server.add_person("ann", guilds=(server.add_guild("Lab"),))
            socket = await session.ws_connect(socket_address(server))
            reading = asyncio.create_task(_read_to_the_end(socket))
        async with asyncio.timeout(BOUND):
            await reading
        assert socket.close_code == aiohttp.WSCloseCode.GOING_AWAY


async def _read_to_the_end(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass
