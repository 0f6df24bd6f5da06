"""REST without a library: the exact answers and errors, checked against Discord's own description."""

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from yarl import URL

from loopback import Bot, Loopback
from loopback.state import interactions
from loopback.state.entities import InteractionType
from loopback.state.permissions import Permission
from tests.loopback.discordpy import furnish
from tests.loopback.openapi import check, strictly

TOKEN = "T"


class Caller:
    """A bot's plain HTTP client."""

    def __init__(self, server: Loopback, http: aiohttp.ClientSession, token: str = TOKEN) -> None:
        self._base = f"{server.endpoint}/api/v10"
        self._http = http
        self._headers = {"Authorization": f"Bot {token}"}

    async def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        sent = {"json": body} if body is not None else {}
        async with self._http.request(method, self._base + path, headers=self._headers, **sent, **options) as answer:
            text = await answer.read()
            if text:
                assert answer.headers["Content-Type"] == "application/json"
            return answer.status, json.loads(text) if text else None


async def test_every_answer_fits_discords_description() -> None:
    """It validates users, application, gateway, guild, member, channel, messages, threads, commands."""
    async with Loopback(strict=strictly()) as server, aiohttp.ClientSession() as http:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("threadline", token="T", owner=ann, guilds=(guild,))
        call = Caller(server, http)
        said = await ann.say(channel, f"{bot.mention} hello", files=[("a.txt", b"abc")])
        answer = await ann.say(channel, "an answer", reply_to=said)
        await ann.react(said, "👀")
        here = f"/channels/{channel.id}"
        row = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
        sent = {"content": "hello", "components": [row], "embeds": [{"title": "t", "description": "d"}]}
        described: list[tuple[str, str, str, Any]] = [
            ("GET", "/users/@me", "UserPIIResponse", None),
            ("GET", "/oauth2/applications/@me", "PrivateApplicationResponse", None),
            ("GET", "/gateway/bot", "GatewayBotResponse", None),
            ("GET", f"/guilds/{guild.id}", "GuildResponse", None),
            ("GET", f"/guilds/{guild.id}/members/{ann.id}", "GuildMemberResponse", None),
            ("GET", here, "GuildChannelResponse", None),
            ("GET", f"{here}/messages/{said.id}", "MessageResponse", None),
            ("GET", f"{here}/messages/{answer.id}", "MessageResponse", None),
            ("POST", f"{here}/messages", "MessageResponse", sent),
            ("POST", f"{here}/messages/{said.id}/threads", "ThreadResponse", {"name": "hello"}),
            ("GET", f"{here}/messages/{said.id}", "MessageResponse", None),
            ("GET", f"/channels/{said.id}/thread-members/@me", "ThreadMemberResponse", None),
            ("PATCH", f"/channels/{said.id}", "ThreadResponse", {"archived": True}),
            ("GET", f"{here}/threads/archived/public", "ThreadsResponse", None),
            ("POST", "/users/@me/channels", "PrivateChannelResponse", {"recipient_id": str(ann.id)}),
            (
                "POST",
                f"/applications/{bot.application_id}/commands",
                "ApplicationCommandResponse",
                {"name": "ask", "description": "Ask", "options": [{"type": 3, "name": "text", "description": "t"}]},
            ),
        ]
        for method, path, schema, body in described:
            status, payload = await call(method, path, body)
            assert status in {200, 201}, (path, payload)
            check(schema, payload)


async def test_refusals_have_discords_status_code_and_body() -> None:
    """There is a request for each refusal that needs little set-up."""
    async with Loopback(strict=strictly()) as server, aiohttp.ClientSession() as http:
        channel, ann, _ = furnish(server)
        other = server.add_channel(server.add_guild("Elsewhere"), "general")
        said = await ann.say(channel, "hello")
        call = Caller(server, http)
        here = f"/channels/{channel.id}/messages"
        refused: list[tuple[str, str, Any, int, int]] = [
            ("GET", "/nothing", None, 404, 0),
            ("GET", "/channels/1", None, 404, 10003),
            ("GET", f"/guilds/{other.guild_id}", None, 404, 10004),
            ("GET", f"/channels/{other.id}", None, 403, 50001),
            ("GET", f"{here}/1", None, 404, 10008),
            ("GET", "/users/1", None, 404, 10013),
            ("POST", here, {"content": ""}, 400, 50006),
            ("PATCH", f"{here}/{said.id}", {"content": "x"}, 403, 50005),
            ("DELETE", f"{here}/{said.id}", None, 403, 50013),
            ("PUT", f"{here}/{said.id}/reactions/x/@me", None, 400, 10014),
            ("POST", "/users/@me/channels", {"recipient_id": "ann"}, 400, 50035),
            ("POST", f"{here}/{said.id}/threads", {"name": ["talk"]}, 400, 50035),
            ("POST", f"/channels/{channel.id}/threads", {"name": "x", "type": 11, "applied_tags": 7}, 400, 50035),
            ("POST", here, {"content": {"text": "hello"}}, 400, 50035),
            ("POST", "/interactions/1/token/callback", {"type": 5}, 404, 10062),
            ("POST", "/interactions/@me/token/callback", {"type": 5}, 400, 50035),
            ("GET", "/webhooks/1/token/messages/@original", None, 404, 10015),
            ("PATCH", f"/channels/{channel.id}", {"name": "x"}, 403, 50013),
        ]
        for method, path, body, status, code in refused:
            answered, payload = await call(method, path, body)
            assert (answered, payload["code"]) == (status, code), path
        assert await Caller(server, http, "wrong")("GET", "/users/@me") == (
            401,
            {"message": "401: Unauthorized", "code": 0},
        )


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[" * 100_000),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"another boundary"),
    ],
)
async def test_an_unreadable_body_is_refused(kind: str, body: bytes) -> None:
    """The answer is readable for a bot's author, not a server error."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        channel, *_ = furnish(server)
        headers = {"Authorization": "Bot T", "Content-Type": kind}
        url = f"{server.endpoint}/api/v10/channels/{channel.id}/messages"
        async with http.post(url, data=body, headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (400, 50109)


async def test_a_form_error_names_each_field_at_its_path() -> None:
    """A 50035 has all problems in Discord's nested form."""
    async with Loopback(strict=strictly()) as server, aiohttp.ClientSession() as http:
        channel, *_ = furnish(server)
        call = Caller(server, http)
        button = {"type": 2, "style": 1, "label": "x" * 81, "custom_id": "go"}
        body = {"content": "x" * 2001, "components": [{"type": 1, "components": [button]}], "nonce": "n" * 26}
        status, payload = await call("POST", f"/channels/{channel.id}/messages", body)
        assert (status, payload["code"], payload["message"]) == (400, 50035, "Invalid Form Body")
        assert payload["errors"]["content"] == {
            "_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length."}]
        }
        assert "_errors" in payload["errors"]["components"]["0"]["components"]["0"]["label"]
        assert "_errors" in payload["errors"]["nonce"]


def select(*options: dict[str, str], **more: Any) -> dict[str, Any]:
    """Return a menu in its row."""
    menu = {"type": 3, "custom_id": "menu", "options": list(options), **more}
    return {"type": 1, "components": [menu]}


def button(**fields: Any) -> dict[str, Any]:
    """Return a button in its row."""
    return {"type": 1, "components": [{"type": 2, "style": 1, "custom_id": "b", "label": "Go", **fields}]}


@pytest.mark.parametrize(
    ("row", "path", "code"),
    [
        (
            select({"label": "A", "value": "same"}, {"label": "B", "value": "same"}),
            "options.1.value",
            "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
        ),
        (select({"label": "x" * 101, "value": "a"}), "options.0.label", "BASE_TYPE_MAX_LENGTH"),
        (select({"label": "A", "value": "x" * 101}), "options.0.value", "BASE_TYPE_MAX_LENGTH"),
        (select({"label": "A", "value": ""}), "options.0.value", "BASE_TYPE_REQUIRED"),
        (
            select({"label": "A", "value": "a", "description": "x" * 101}),
            "options.0.description",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (select(), "options", "BASE_TYPE_BAD_LENGTH"),
        (select({"label": "A", "value": "a"}, placeholder="x" * 151), "placeholder", "BASE_TYPE_MAX_LENGTH"),
        (select({"label": "A", "value": "a"}, max_values=26), "max_values", "NUMBER_TYPE_MAX"),
        (select({"label": "A", "value": "a"}, custom_id=""), "custom_id", "BASE_TYPE_REQUIRED"),
        (button(label="x" * 81), "label", "BASE_TYPE_MAX_LENGTH"),
        (button(custom_id="x" * 101), "custom_id", "BASE_TYPE_MAX_LENGTH"),
        (button(style=5, custom_id=None, url="https://a.example/" + "x" * 500), "url", "BASE_TYPE_MAX_LENGTH"),
        (button(label=""), "", "BUTTON_COMPONENT_INVALID_LABEL_OR_EMOJI"),
    ],
)
async def test_menus_and_buttons_are_bounded_without_the_strict_mode_too(
    row: dict[str, Any], path: str, code: str
) -> None:
    """Each case has one problem at a path, and posts no message."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        channel, *_ = furnish(server)
        sent = {"content": "hello", "components": [row]}
        status, body = await Caller(server, http)("POST", f"/channels/{channel.id}/messages", sent)
        assert (status, body["code"]) == (400, 50035)
        found = body["errors"]["components"]["0"]["components"]["0"]
        for step in filter(None, path.split(".")):
            found = found[step]
        assert [one["code"] for one in found["_errors"]] == [code]
        assert server.messages(channel) == []


async def test_a_nonce_that_is_enforced_posts_once() -> None:
    """The same nonce returns the existing message. Without enforce_nonce a second one is posted."""
    async with Loopback(strict=strictly()) as server, aiohttp.ClientSession() as http:
        channel, *_ = furnish(server)
        call = Caller(server, http)
        here = f"/channels/{channel.id}/messages"
        body = {"content": "once", "nonce": "n1", "enforce_nonce": True}
        ids = [(await call("POST", here, body))[1]["id"] for _ in range(2)]
        assert ids[0] == ids[1]
        await call("POST", here, {**body, "enforce_nonce": False})
        assert len(server.messages(channel)) == 2


async def test_an_interaction_must_be_answered_in_three_seconds_and_its_token_lasts_fifteen_minutes() -> None:
    """A late answer gets 10062, a second one 40060, an expired token 50027. The test moves the clock."""
    now = [1_800_000_000.0]
    async with Loopback(clock=lambda: now[0]) as server, aiohttp.ClientSession() as http:
        channel, ann, bot = furnish(server)
        call = Caller(server, http)
        begin = _presses(server, ann.id, bot.id, channel.id)
        late, early = begin(), begin()
        callback = {"type": 4, "data": {"content": "yes"}}
        status, payload = await call(
            "POST", f"/interactions/{early.id}/{early.token}/callback?with_response=true", callback
        )
        assert status == 200
        check("InteractionCallbackResponse", payload)
        _, payload = await call("POST", f"/interactions/{early.id}/{early.token}/callback", callback)
        assert payload["code"] == 40060
        now[0] += 3.5
        _, payload = await call("POST", f"/interactions/{late.id}/{late.token}/callback", callback)
        assert payload["code"] == 10062
        original = f"/webhooks/{bot.application_id}/{early.token}/messages/@original"
        status, payload = await call("PATCH", original, {"content": "changed"})
        assert (status, payload["content"]) == (200, "changed")
        now[0] += 900
        _, payload = await call("PATCH", original, {"content": "too late"})
        assert payload["code"] == 50027


def _presses(server: Loopback, user_id: int, bot_id: int, channel_id: int) -> Callable[[], Any]:
    bot = server.world.accounts[bot_id]
    assert isinstance(bot, Bot)
    channel = server.world.channels[channel_id]
    data = {"id": "1", "name": "ask", "type": 1}
    return lambda: interactions.begin(server.world, bot, user_id, channel, InteractionType.COMMAND, data)


async def test_limits_answer_429_with_discords_headers_when_they_are_on() -> None:
    """The sixth post in five seconds gets 429. Edits have a window of their own."""
    async with Loopback(limits=True) as server, aiohttp.ClientSession() as http:
        channel, *_ = furnish(server)
        call = Caller(server, http)
        here = f"/channels/{channel.id}/messages"
        answers = [await call("POST", here, {"content": str(number)}) for number in range(6)]
        assert [status for status, _ in answers] == [200] * 5 + [429]
        assert 0 < answers[5][1]["retry_after"] <= 5
        status, _ = await call("PATCH", f"{here}/{answers[0][1]['id']}", {"content": "edited"})
        assert status == 200


async def test_the_call_log_has_every_part_of_a_call() -> None:
    """It has the method, path, body, files, status, caller and times of a multipart post."""
    async with Loopback(strict=strictly()) as server, aiohttp.ClientSession() as http:
        channel, _, bot = furnish(server)
        form = aiohttp.FormData()
        form.add_field("payload_json", json.dumps({"content": "see"}))
        form.add_field("files[0]", b"abc", filename="a.txt")
        status, payload = await Caller(server, http)("POST", f"/channels/{channel.id}/messages", data=form)
        call = server.record[-1]
        assert (call.method, call.path, call.status) == ("POST", f"/channels/{channel.id}/messages", status)
        assert (call.body, call.files, call.bot) == ({"content": "see"}, (("a.txt", 3),), bot)
        assert call.started <= call.finished
        async with http.get(payload["attachments"][0]["url"]) as served:
            assert await served.read() == b"abc"
            assert served.headers["Content-Disposition"].startswith("attachment")


async def test_the_smaller_routes_fit_discords_description() -> None:
    """It calls the routes of guilds, members, single commands, reactions, bulk deletion and thread lists."""
    async with Loopback(strict=strictly()) as server, aiohttp.ClientSession() as http:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("threadline", token="T", guilds=(guild,), permissions=Permission.ADMINISTRATOR)
        call = Caller(server, http)
        said = [await ann.say(channel, f"m{number}") for number in range(4)]
        await ann.react(said[0], "👀")
        thread = await ann.open_thread(said[0], "talk")
        here, mine = f"/channels/{channel.id}", f"/applications/{bot.application_id}/commands"
        command = {"name": "ask", "description": "Ask", "type": 1}
        _, made = await call("POST", mine, command)
        _, private = await call("POST", f"{here}/threads", {"name": "secret", "type": 12})
        for method, path, body, status in (
            ("GET", f"/guilds/{guild.id}/channels", None, 200),
            ("POST", f"/guilds/{guild.id}/channels", {"name": "new"}, 201),
            ("GET", f"/guilds/{guild.id}/roles", None, 200),
            ("GET", f"/guilds/{guild.id}/members?limit=10", None, 200),
            ("GET", f"/guilds/{guild.id}/members/search?query=an&limit=5", None, 200),
            ("GET", f"/guilds/{guild.id}/members/1", None, 404),
            ("PATCH", f"/guilds/{guild.id}/members/@me", {"nick": "T"}, 200),
            ("GET", f"/guilds/{guild.id}/threads/active", None, 200),
            ("GET", mine, None, 200),
            ("GET", f"{mine}/{made['id']}", None, 200),
            ("PATCH", f"{mine}/{made['id']}", {"description": "Ask it"}, 200),
            ("PUT", f"/applications/{bot.application_id}/guilds/{guild.id}/commands", [command], 200),
            ("DELETE", f"{mine}/{made['id']}", None, 204),
            ("GET", f"{mine}/{made['id']}", None, 404),
            ("GET", "/users/@me/guilds", None, 200),
            ("GET", f"/users/{ann.id}", None, 200),
            ("PATCH", "/users/@me", {"username": "renamed"}, 200),
            ("GET", f"{here}/messages/{said[0].id}/reactions/%F0%9F%91%80", None, 200),
            ("DELETE", f"{here}/messages/{said[0].id}/reactions/%F0%9F%91%80/{ann.id}", None, 204),
            ("DELETE", f"{here}/messages/{said[0].id}/reactions/%F0%9F%91%80", None, 204),
            ("DELETE", f"{here}/messages/{said[0].id}/reactions", None, 204),
            ("POST", f"{here}/messages/bulk-delete", {"messages": [str(one.id) for one in said[1:3]]}, 204),
            ("GET", f"/channels/{thread.id}/thread-members", None, 200),
            ("GET", f"/channels/{thread.id}/thread-members/{ann.id}?with_member=true", None, 200),
            ("PUT", f"/channels/{thread.id}/thread-members/@me", None, 204),
            ("DELETE", f"/channels/{thread.id}/thread-members/{ann.id}", None, 204),
            ("DELETE", f"/channels/{thread.id}/thread-members/@me", None, 204),
            ("PATCH", f"/channels/{private['id']}", {"archived": True, "locked": True}, 200),
            ("GET", f"{here}/threads/archived/private", None, 200),
            ("GET", f"{here}/users/@me/threads/archived/private", None, 200),
            ("GET", f"{here}/pins", None, 200),
            ("PATCH", here, {"topic": "all and sundry", "name": "all"}, 200),
            ("DELETE", here, None, 200),
            ("GET", here, None, 404),
        ):
            answered, payload = await call(method, path, body)
            assert answered == status, (method, path, payload)


async def test_a_files_address_is_valid_for_a_day_and_its_message_has_the_next() -> None:
    """It needs Discord's three parameters, unchanged and in time."""
    async with Loopback(strict=strictly()) as server, aiohttp.ClientSession() as http:
        channel, ann, _ = furnish(server)
        said = await ann.say(channel, "look", files=[("a b.txt", b"abc")])
        call = Caller(server, http)

        async def address() -> URL:
            _, message = await call("GET", f"/channels/{channel.id}/messages/{said.id}")
            return URL(message["attachments"][0]["url"], encoded=True)

        async def given(url: URL) -> tuple[int, bytes]:
            async with http.get(url) as answer:
                return answer.status, await answer.read()

        first = await address()
        assert set(first.query) == {"ex", "is", "hm"}
        assert await given(first) == (200, b"abc")
        assert first == await address()
        longer = first.update_query(ex=f"{int(first.query['ex'], 16) + 1:x}")
        for changed in (first.with_query(None), longer):
            assert (await given(changed))[0] == 404
        server.jump(26 * 3600)
        assert await given(first) == (404, b"This content is no longer available.")
        assert await given(await address()) == (200, b"abc")
