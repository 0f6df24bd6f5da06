"""Discord's calls by the unmodified library against loopback: their effects, and their failures as types."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import discord
import pytest
import yarl

from bot.rest import http_trace
from bot.rest.api import NONCE_SECONDS, DiscordApi
from bot.rest.calls import Bucket, Urgency
from bot.rest.errors import Archived, ContentRefused, Gone, PermanentError, RestError, TryLater
from loopback import Loopback
from loopback.harness import Lab
from loopback.rest.rate_limits import Limit
from loopback.state.permissions import Permission
from tests.bot.fake_discord import performing
from tests.loopback.openapi import strictly

TOKEN = "token-of-the-test"
PATIENCE = 30.0
"""Seconds that only a test that hangs reaches."""


@dataclass
class Stage:
    """Loopback, and a client that has logged in over REST only."""

    discord: Loopback
    channel: Any
    ann: Any
    api: DiscordApi

    async def message(self, content: str = "text") -> int:
        return (await self.api.send(self.channel.id, content)).message_id

    async def open_thread(self, message_id: int) -> None:
        await self.api.open_thread(self.channel.id, message_id, "name", auto_archive_minutes=60, urgency=Urgency.FIRST)

    async def thread(self) -> Any:
        """Open a thread on a message of Ann's."""
        message = await self.ann.say(self.channel, "hello")
        await self.open_thread(message.id)
        await self.api.add_member(message.id, self.ann.id, urgency=Urgency.NOTICE)
        return await self.ann.sees_thread(message)


@asynccontextmanager
async def stage(*, limits: bool = False) -> AsyncIterator[Stage]:
    """A channel, Ann, and the bot; with Discord's rate limits, or none."""
    api = DiscordApi()
    with pytest.MonkeyPatch.context() as patch:
        async with Loopback(limits=limits, strict=strictly()) as place, performing(api.pacer):
            lab = Lab.furnish(place, "ann", token=TOKEN)
            patch.setattr(discord.http.Route, "BASE", f"{place.endpoint}/api/v10")
            patch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL("ws://127.0.0.1:9/"))
            trace = http_trace.trace(api.pacer)
            async with discord.Client(intents=discord.Intents.none(), http_trace=trace) as client:
                await client.login(TOKEN)
                api.use(client)
                yield Stage(place, lab.channel, lab.ann, api)


async def test_a_call_returns_the_message_as_stored() -> None:
    """Discord removes white space around a text."""
    async with stage() as it:
        sent = await it.api.send(it.channel.id, "  text  ")
        assert sent.content == "text"
        edited = await it.api.edit(it.channel.id, sent.message_id, "other")
        assert (edited.message_id, edited.content) == (sent.message_id, "other")


@pytest.mark.parametrize("name", ["changes.patch", "\xdcbersicht der \xc4nderungen.md", "\u6587\u66f8.txt", "_a.py"])
async def test_a_message_with_files_is_known_again(name: str) -> None:
    """Discord stores some files under another name than the one sent."""
    async with stage() as it:
        sent = await it.api.send(it.channel.id, "files", files=[(name, b"1")])
        (own,) = await it.api.own_messages(it.channel.id, after=0, urgency=Urgency.FINAL)
        assert own.message_id == sent.message_id
        assert own.has_files([name])
        assert own.matches("files", [(name, b"1")])
        assert not own.has_files(["other.png"])
        assert not own.has_files([name, name])


async def test_one_nonce_makes_one_message() -> None:
    """The second try gets the message that exists, unchanged."""
    async with stage() as it:
        first = await it.api.send(it.channel.id, "one", nonce="n")
        assert await it.api.send(it.channel.id, "two", nonce="n") == first


async def test_an_answer_refers_to_its_request_only_where_the_history_may_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Discord refuses the reference (160002); the text is posted without it, and the place is not lost."""
    async with stage() as it:
        asked = await it.ann.say(it.channel, "hello")
        pointing = await it.api.send(it.channel.id, "one", reply_to=asked.id)
        it.discord.world.overwrite(it.channel, it.channel.guild_id, deny=int(Permission.READ_MESSAGE_HISTORY))
        lost: list[int] = []
        it.api.listen(on_lost=lost.append)
        plain = await it.api.send(it.channel.id, "two", reply_to=asked.id, nonce="n")
        stands = {each.id: each.reference for each in it.discord.messages(it.channel)}
        assert (stands[pointing.message_id] is None, stands[plain.message_id] is None) == (False, True)
        it.discord.world.overwrite(
            it.channel, it.channel.guild_id, deny=int(Permission.READ_MESSAGE_HISTORY | Permission.SEND_MESSAGES)
        )
        monkeypatch.setattr("bot.rest.api.CONFIRM_SECONDS", 0.0)
        with pytest.raises(PermanentError):
            await it.api.send(it.channel.id, "three", reply_to=asked.id)
        assert lost == [it.channel.id]


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ({"status": 503}, 0.0),
        ({"status": 408}, 0.0),
        ({"reset": True}, 0.0),
        ({"answer_lost": True}, 0.0),
        ({"status": 429, "body": {"message": "slow down", "retry_after": 1.25, "global": False}}, 1.25),
        ({"status": 429, "body": {"message": "slow down", "retry_after": 1.25, "global": False}, "via": False}, 1.25),
        ({"code": 20028, "retry_after": 1.25}, 1.25),
        ({"code": 130000}, 0.0),
    ],
    ids=["503", "408", "reset", "answer lost", "429", "429 without Via", "channel full", "overloaded"],
)
async def test_what_may_pass_is_to_be_tried_later(fault: dict[str, Any], seconds: float) -> None:
    """The library neither sleeps nor tries again with an outdated text (P16)."""
    async with stage() as it:
        message_id = await it.message()
        it.discord.fault(method="PATCH", **fault)
        with pytest.raises(TryLater) as caught:
            await it.api.edit(it.channel.id, message_id, "other")
        assert caught.value.seconds == seconds
        assert it.api.pacer.refused == (seconds > 0)
        assert (await it.api.edit(it.channel.id, message_id, "other")).content == "other"


@pytest.mark.parametrize("edge", ["html 403", "html 429", "1015", "1020", "40333"])
async def test_under_a_block_by_the_edge_one_call_in_a_while_leaves(edge: str) -> None:
    """Each counts against the bot's address. The reason is a line, never a page. The first answer ends the block."""
    async with stage() as it:
        message_id = await it.message()
        block = it.discord.fault(edge=edge, times=None)
        with pytest.raises(TryLater) as caught:
            await it.api.edit(it.channel.id, message_id, "other")
        assert caught.value.seconds == http_trace.REFUSED_SECONDS
        assert len(str(caught.value)) < 100
        assert "<" not in str(caught.value)
        assert "the network in front of Discord refuses the bot" in it.api.pacer.trouble
        for _ in range(20):
            with pytest.raises(TryLater, match="Discord is away"):
                await it.api.typing(it.channel.id)
        assert block.hits == 1
        restored: list[bool] = []
        it.api.listen(on_restored=lambda: restored.append(True))
        block.remove()
        it.api.pacer._scheduler.breaker._probe_at = 0.0
        await it.api.edit(it.channel.id, message_id, "other", urgency=Urgency.FINAL)
        await it.api.typing(it.channel.id)
        assert restored == [True]
        assert it.api.pacer.trouble == ""


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (404, TryLater, "Discord answered 404 Not Found"),
        (400, TryLater, "Discord answered 400 Bad Request"),
        (413, ContentRefused, f"Discord answered 413 {HTTPStatus(413).phrase}"),
    ],
)
async def test_an_answer_of_the_network_in_front_of_discord_says_nothing_about_the_place(
    status: int, kind: type[RestError], reason: str
) -> None:
    """Its page is not shown to people. A message that is too large for it cannot be sent at all."""
    async with stage() as it:
        it.discord.fault(status=status, body="<html>a page</html>", via=False)
        with pytest.raises(RestError) as caught:
            await it.api.send(it.channel.id, "text")
        assert (type(caught.value), str(caught.value)) == (kind, reason)


async def test_calls_wait_while_the_token_is_refused_as_it_may_be_replaced() -> None:
    """The refusal of a token that an interaction has is one of that call alone."""
    async with stage() as it:
        it.discord.fault(code=50027)
        with pytest.raises(PermanentError):
            await it.api.send(it.channel.id, "text")
        it.discord.fault(status=401, body={"message": "401: Unauthorized", "code": 0})
        with pytest.raises(TryLater):
            await it.api.send(it.channel.id, "text")
        assert "refuses the bot's token" in it.api.pacer.trouble


@pytest.mark.parametrize("status", [401, 408])
async def test_a_time_out_or_a_refused_token_is_no_refusal_even_without_a_trace(status: int) -> None:
    """A client that only checks the installation has no trace."""
    async with stage() as it, discord.Client(intents=discord.Intents.none()) as client:
        await client.login(TOKEN)
        it.api.use(client)
        it.discord.fault(status=status)
        with pytest.raises(TryLater):
            await it.api.send(it.channel.id, "text")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(200000, ContentRefused), (240000, ContentRefused), (50013, TryLater), (20029, TryLater), (160005, Archived)],
)
async def test_a_refusal_says_whether_another_text_would_be_taken(code: int, kind: type[RestError]) -> None:
    """A refusal concerns the place, the content, or the moment; a second one confirms that a place is lost."""
    async with stage() as it:
        it.discord.fault(code=code)
        with pytest.raises(RestError) as caught:
            await it.api.send(it.channel.id, "text")
        assert type(caught.value) is kind


async def test_writes_to_a_server_with_too_many_wait_in_all_its_channels() -> None:
    """Discord says so in answer to one call (20029); other servers are not concerned."""
    async with stage() as it:
        servers = {it.channel.id: 1, it.channel.id + 1: 1, it.channel.id + 2: 2}
        it.api.pacer._scheduler._server_of = servers.get
        it.discord.fault(code=20029, retry_after=PATIENCE)
        with pytest.raises(TryLater):
            await it.api.send(it.channel.id, "text", urgency=Urgency.FINAL)

        async def edit(channel_id: int) -> None:
            async with it.api.pacer.turn(Urgency.FIRST, channel_id, Bucket.EDIT):
                pass

        waits = [asyncio.create_task(edit(each)) for each in servers]
        await waits[2]
        assert [wait.done() for wait in waits] == [False, False, True]
        for wait in waits:
            wait.cancel()


async def test_an_upload_has_the_time_that_its_bytes_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound includes the upload: 25 MiB in 20 s would need 10 Mbit/s."""
    async with stage() as it, asyncio.timeout(PATIENCE):
        monkeypatch.setattr(http_trace, "ANSWER_SECONDS", 0.2)
        monkeypatch.setattr(http_trace, "SLOWEST_BYTES", 10.0)
        it.discord.fault(method="POST", slow=1.0, times=2)
        with pytest.raises(TryLater, match="did not answer"):
            await it.api.send(it.channel.id, "", files=[("a.txt", b"")])
        await it.api.send(it.channel.id, "", files=[("a.txt", b"x" * 1000)])


async def test_a_server_error_is_not_tried_again_by_the_library() -> None:
    """The library would send the same text five times in 25 s, from every thread that writes."""
    async with stage() as it:
        message_id = await it.message()
        broken = it.discord.fault(method="PATCH", status=500, times=None)
        with pytest.raises(TryLater):
            await it.api.edit(it.channel.id, message_id, "other")
        assert broken.hits == 1


async def test_a_message_whose_answer_was_lost_long_ago_is_found_again() -> None:
    """A message known to be another, with the same text, does not count."""
    async with stage() as it:
        await it.api.send_once(it.channel.id, "same", tried=0.0)
        it.discord.fault(method="POST", answer_lost=True)
        with pytest.raises(TryLater):
            await it.api.send_once(it.channel.id, "same", tried=0.0, nonce="n")
        long = 2 * NONCE_SECONDS
        found = await it.api.send_once(it.channel.id, "same", tried=long, nonce="m")
        assert [each.id for each in it.discord.messages(it.channel)][1:] == [found.message_id]
        new = await it.api.send_once(it.channel.id, "other", tried=long)
        assert [each.id for each in it.discord.messages(it.channel)][2:] == [new.message_id]


async def test_a_call_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would wait five minutes, and so would the reply."""
    async with stage() as it, asyncio.timeout(PATIENCE):
        message_id = await it.message()
        monkeypatch.setattr(http_trace, "ANSWER_SECONDS", 0.2)
        it.discord.fault(method="PATCH", slow=PATIENCE)
        with pytest.raises(TryLater, match="did not answer"):
            await it.api.edit(it.channel.id, message_id, "other")


async def test_a_deleted_message_is_distinguished_from_a_deleted_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply continues in a new message, but not in a new channel."""
    async with stage() as it:
        with pytest.raises(Gone):
            await it.api.edit(it.channel.id, 1, "other")
        monkeypatch.setattr("bot.rest.api.CONFIRM_SECONDS", 0.0)
        with pytest.raises(PermanentError):
            await it.api.edit(1, 1, "other")


NO_ACCESS: dict[str, Any] = {"status": 403, "body": {"message": "Missing Access", "code": 50001}}
NO_RIGHT: dict[str, Any] = {"status": 403, "body": {"message": "Missing Permissions", "code": 50013}}


@pytest.mark.parametrize("fault", [NO_ACCESS, NO_RIGHT], ids=["no access", "no right"])
async def test_a_place_is_lost_when_discord_says_so_twice(
    monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    """Two refusals at the same time count as one, and a call of the same kind that works clears the suspicion."""
    async with stage() as it:
        told: list[int] = []
        it.api.listen(on_lost=told.append)
        message_id = await it.message()
        monkeypatch.setattr("bot.rest.api.CONFIRM_SECONDS", PATIENCE)
        it.discord.fault(method="PATCH", times=2, **fault)
        for _ in range(2):
            with pytest.raises(TryLater) as caught:
                await it.api.edit(it.channel.id, message_id, "other")
            assert caught.value.seconds == PATIENCE
        await it.api.edit(it.channel.id, message_id, "other")
        it.discord.fault(method="PATCH", times=2, **fault)
        with pytest.raises(TryLater):
            await it.api.edit(it.channel.id, message_id, "another")
        assert told == []
        monkeypatch.setattr("bot.rest.api.CONFIRM_SECONDS", 0.0)
        with pytest.raises(PermanentError):
            await it.api.edit(it.channel.id, message_id, "another")
        assert told == [it.channel.id]


async def test_an_old_refusal_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two mistakes with minutes between them confirm nothing."""
    async with stage() as it:
        monkeypatch.setattr("bot.rest.api.SUSPECT_SECONDS", 0.0)
        message_id = await it.message()
        it.discord.fault(method="PATCH", times=2, **NO_ACCESS)
        for _ in range(2):
            with pytest.raises(TryLater):
                await it.api.edit(it.channel.id, message_id, "other")


@pytest.mark.parametrize("body", ["", "<html>", "{", "null", "[]", "{}", '"id"', '{"id": "x"}'])
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
async def test_an_answer_that_cannot_be_read_counts_as_lost(body: str, kind: str) -> None:
    """The message was posted, and a second try does not post another."""
    async with stage() as it:
        for method in ("POST", "PATCH"):
            it.discord.fault(method=method, answer_lost=True, body=body, content_type=kind)
        with pytest.raises(TryLater, match="could not be read"):
            await it.api.send(it.channel.id, "text", nonce="n")
        sent = await it.api.send(it.channel.id, "text", nonce="n")
        with pytest.raises(TryLater, match="could not be read"):
            await it.api.edit(it.channel.id, sent.message_id, "other")
        assert [each.content for each in it.discord.messages(it.channel)] == ["other"]


async def test_an_archived_thread_can_be_opened_again() -> None:
    """An edit alone does not open it."""
    async with stage() as it:
        thread = await it.thread()
        sent = await it.api.send(thread.id, "text")
        thread.archived = True
        with pytest.raises(Archived):
            await it.api.edit(thread.id, sent.message_id, "other")
        await it.api.reopen(thread.id, urgency=Urgency.NOTICE)
        assert (await it.api.edit(thread.id, sent.message_id, "other")).content == "other"


async def test_a_locked_thread_refuses_to_be_opened() -> None:
    """The lock is a person's decision, even where the bot may manage threads."""
    async with stage() as it:
        thread = await it.thread()
        thread.archived = thread.locked = True
        told: list[int] = []
        it.api.listen(on_locked=told.append)
        with pytest.raises(PermanentError, match="locked"):
            await it.api.reopen(thread.id, urgency=Urgency.NOTICE)
        assert thread.archived
        assert told == [thread.id]


@pytest.mark.parametrize(
    ("denied", "lost"), [(Permission.VIEW_CHANNEL, True), (Permission.CREATE_PUBLIC_THREADS, False)]
)
async def test_a_refused_thread_is_lost_only_if_its_channel_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, denied: Permission, *, lost: bool
) -> None:
    """In a channel that the bot can view, it can answer without a thread."""
    async with stage() as it:
        told: list[int] = []
        it.api.listen(on_lost=told.append)
        message = await it.ann.say(it.channel, "hello")
        it.discord.world.overwrite(it.channel, it.channel.guild_id, deny=int(denied))
        with pytest.raises(TryLater):
            await it.open_thread(message.id)
        assert told == []
        monkeypatch.setattr("bot.rest.api.CONFIRM_SECONDS", 0.0)
        with pytest.raises(PermanentError):
            await it.open_thread(message.id)
        assert told == [message.id] * lost


async def test_a_thread_that_exists_counts_as_opened() -> None:
    """Another bot may have been faster (P9)."""
    async with stage() as it:
        thread = await it.thread()
        await it.open_thread(thread.id)


async def test_a_discord_that_only_opens_no_threads_is_no_outage() -> None:
    """Discord's other answers count, and tell when the message was deleted."""
    async with stage() as it:
        messages = [await it.ann.say(it.channel, "hello") for _ in range(3)]
        it.discord.fault(method="POST", path=re.compile("/threads$"), status=503, times=None)
        for message in messages:
            with pytest.raises(TryLater):
                await it.open_thread(message.id)
        assert it.api.pacer.trouble == ""
        await it.ann.delete(message)
        with pytest.raises(Gone):
            await it.open_thread(message.id)


async def test_threads_are_opened_although_their_window_lasts_minutes() -> None:
    """The library would refuse all but the first call of a window longer than its own bound."""
    async with stage(limits=True) as it, asyncio.timeout(PATIENCE):
        for _ in range(5):
            await it.thread()
        assert it.api.pacer.refused == 0


async def test_a_call_without_a_working_client_is_to_be_tried_later() -> None:
    """There may be no client yet, or one that was closed."""
    async with stage() as it:
        with pytest.raises(TryLater):
            await DiscordApi().send(it.channel.id, "text")
        assert it.api.client is not None
        await it.api.client.close()
        with pytest.raises(TryLater):
            await it.message()


async def test_the_schedule_learns_limits_from_headers() -> None:
    """After the first answer states a limit of three, the fourth call waits for the window's end."""
    async with stage(limits=True) as it, asyncio.timeout(PATIENCE):
        it.discord.limits.change(Limit.MESSAGES, 3, 1.0)
        for _ in range(7):
            await it.api.send(it.channel.id, "text", urgency=Urgency.NOTICE)
        assert it.api.pacer.refused == 0
