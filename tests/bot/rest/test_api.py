"""The calls over the unmodified library against loopback: failures become types that say what to do."""

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
from bot.rest.api import NONCE_SECONDS, Archived, ContentRefused, DiscordApi, Gone, PermanentError, RestError, TryLater
from bot.rest.calls import Bucket, Urgency
from loopback import Loopback
from loopback.harness import Lab
from loopback.rest.rate_limits import Limit
from loopback.state.permissions import Permission
from tests.bot.fake_discord import performing
from tests.loopback.openapi import strictly

TOKEN = "token-of-the-test"
PATIENCE = 30.0
"""Bounds what hangs; nothing here takes so long."""


@dataclass
class Stage:
    """Loopback, and a client that has logged in over REST alone."""

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
async def stage(monkeypatch: pytest.MonkeyPatch, *, limits: bool = False) -> AsyncIterator[Stage]:
    """A channel, Ann, and the bot; rate limits as Discord has them, or none."""
    api = DiscordApi()
    async with Loopback(limits=limits, strict=strictly()) as place, performing(api.pacer):
        lab = Lab.furnish(place, "ann", token=TOKEN)
        monkeypatch.setattr(discord.http.Route, "BASE", f"{place.endpoint}/api/v10")
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL("ws://127.0.0.1:9/"))
        trace = http_trace.trace(api.pacer)
        async with discord.Client(intents=discord.Intents.none(), http_trace=trace) as client:
            await client.login(TOKEN)
            api.use(client)
            yield Stage(place, lab.channel, lab.ann, api)


async def test_a_call_says_how_the_message_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Discord has stored it, which is not always as it was meant."""
    async with stage(monkeypatch) as it:
        sent = await it.api.send(it.channel.id, "  text  ")
        assert sent.content == "text"
        edited = await it.api.edit(it.channel.id, sent.message_id, "other")
        assert (edited.message_id, edited.content) == (sent.message_id, "other")


@pytest.mark.parametrize("name", ["changes.patch", "\xdcbersicht der \xc4nderungen.md", "\u6587\u66f8.txt", "_a.py"])
async def test_a_message_with_files_is_known_again(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Also where Discord keeps another name than the one that was sent; another file is another."""
    async with stage(monkeypatch) as it:
        sent = await it.api.send(it.channel.id, "files", files=[(name, b"1")])
        (own,) = await it.api.own_messages(it.channel.id, after=0, urgency=Urgency.FINAL)
        assert own.message_id == sent.message_id
        assert own.has_files([name])
        assert own.matches("files", [(name, b"1")])
        assert not own.has_files(["other.png"])
        assert not own.has_files([name, name])


async def test_one_nonce_makes_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try gets the message that exists, as it is."""
    async with stage(monkeypatch) as it:
        first = await it.api.send(it.channel.id, "one", nonce="n")
        assert await it.api.send(it.channel.id, "two", nonce="n") == first


async def test_an_answer_points_at_its_request_only_where_the_history_may_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Discord refuses the pointing (160002); the words are posted without it, and the place is not lost."""
    async with stage(monkeypatch) as it:
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
async def test_what_may_pass_is_to_be_tried_later(
    monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], seconds: float
) -> None:
    """At once: the library neither sleeps nor tries again with a text that is old by then (P16)."""
    async with stage(monkeypatch) as it:
        message_id = await it.message()
        it.discord.fault(method="PATCH", **fault)
        with pytest.raises(TryLater) as caught:
            await it.api.edit(it.channel.id, message_id, "other")
        assert caught.value.seconds == seconds
        assert it.api.pacer.refused == (seconds > 0)
        assert (await it.api.edit(it.channel.id, message_id, "other")).content == "other"


@pytest.mark.parametrize("edge", ["html 403", "html 429", "1015", "1020", "40333"])
async def test_under_a_block_by_the_edge_one_call_in_a_while_leaves(monkeypatch: pytest.MonkeyPatch, edge: str) -> None:
    """All count against the bot's address; the reason is a line, never a page. The first answer ends it."""
    async with stage(monkeypatch) as it:
        message_id = await it.message()
        block = it.discord.fault(edge=edge, times=None)
        with pytest.raises(TryLater) as caught:
            await it.api.edit(it.channel.id, message_id, "other")
        assert caught.value.seconds == http_trace.REFUSED_SECONDS
        assert len(str(caught.value)) < 100
        assert "<" not in str(caught.value)
        assert "the network before Discord refuses the bot" in it.api.pacer.trouble
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
        (404, TryLater, "Discord's network answered 404 Not Found"),
        (400, TryLater, "Discord's network answered 400 Bad Request"),
        (413, ContentRefused, f"Discord's network answered 413 {HTTPStatus(413).phrase}"),
    ],
)
async def test_what_stands_before_discord_says_nothing_of_the_place(
    monkeypatch: pytest.MonkeyPatch, status: int, kind: type[RestError], reason: str
) -> None:
    """Its page is no word of Discord's, and is not shown to people; what is too large for it cannot be sent at all."""
    async with stage(monkeypatch) as it:
        it.discord.fault(status=status, body="<html>a page</html>", via=False)
        with pytest.raises(RestError) as caught:
            await it.api.send(it.channel.id, "text")
        assert (type(caught.value), str(caught.value)) == (kind, reason)


async def test_a_time_out_is_no_refusal_also_where_no_schedule_sees_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a client that only looks whether all is well."""
    async with stage(monkeypatch) as it, discord.Client(intents=discord.Intents.none()) as client:
        await client.login(TOKEN)
        it.api.use(client)
        it.discord.fault(status=408)
        with pytest.raises(TryLater):
            await it.api.send(it.channel.id, "text")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(200000, ContentRefused), (240000, ContentRefused), (50013, TryLater), (20029, TryLater), (160005, Archived)],
)
async def test_a_refusal_says_whether_another_text_would_be_taken(
    monkeypatch: pytest.MonkeyPatch, code: int, kind: type[RestError]
) -> None:
    """Of the place, of the content, or of the moment; that a place is lost is believed the second time."""
    async with stage(monkeypatch) as it:
        it.discord.fault(code=code)
        with pytest.raises(RestError) as caught:
            await it.api.send(it.channel.id, "text")
        assert type(caught.value) is kind


async def test_what_is_written_in_a_full_server_waits_in_all_its_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discord says so of one call (20029); another server is not concerned."""
    async with stage(monkeypatch) as it:
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
    """Sending is part of it: 25 MiB in 20 s would need 10 Mbit/s."""
    async with stage(monkeypatch) as it, asyncio.timeout(PATIENCE):
        monkeypatch.setattr(http_trace, "ANSWER_SECONDS", 0.2)
        monkeypatch.setattr(http_trace, "SLOWEST_BYTES", 10.0)
        it.discord.fault(method="POST", slow=1.0, times=2)
        with pytest.raises(TryLater, match="did not answer"):
            await it.api.send(it.channel.id, "", files=[("a.txt", b"")])
        await it.api.send(it.channel.id, "", files=[("a.txt", b"x" * 1000)])


async def test_a_server_error_is_not_tried_again_by_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would send the same text five times within 25 s, from every thread that writes."""
    async with stage(monkeypatch) as it:
        message_id = await it.message()
        broken = it.discord.fault(method="PATCH", status=500, times=None)
        with pytest.raises(TryLater):
            await it.api.edit(it.channel.id, message_id, "other")
        assert broken.hits == 1


async def test_a_message_whose_answer_was_lost_long_ago_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one that is known to be another, which says the same."""
    async with stage(monkeypatch) as it:
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
    """The library would wait for five minutes, and the reply with it."""
    async with stage(monkeypatch) as it, asyncio.timeout(PATIENCE):
        message_id = await it.message()
        monkeypatch.setattr(http_trace, "ANSWER_SECONDS", 0.2)
        it.discord.fault(method="PATCH", slow=PATIENCE)
        with pytest.raises(TryLater, match="did not answer"):
            await it.api.edit(it.channel.id, message_id, "other")


async def test_a_message_that_is_gone_is_told_apart_from_a_channel_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one goes on in a new message; the other is the end."""
    async with stage(monkeypatch) as it:
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
    """Not of two calls at the same time, nor if a call of the kind has worked meanwhile."""
    async with stage(monkeypatch) as it:
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


async def test_what_discord_said_once_long_ago_is_as_if_it_had_not_said_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two mistakes with minutes between them are not one that was confirmed."""
    async with stage(monkeypatch) as it:
        monkeypatch.setattr("bot.rest.api.SUSPECT_SECONDS", 0.0)
        message_id = await it.message()
        it.discord.fault(method="PATCH", times=2, **NO_ACCESS)
        for _ in range(2):
            with pytest.raises(TryLater):
                await it.api.edit(it.channel.id, message_id, "other")


@pytest.mark.parametrize("body", ["", "<html>", "{", "null", "[]", "{}", '"id"', '{"id": "x"}'])
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
async def test_an_answer_that_cannot_be_read_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, body: str, kind: str
) -> None:
    """What was sent is there, and is not there twice when it is sent again."""
    async with stage(monkeypatch) as it:
        for method in ("POST", "PATCH"):
            it.discord.fault(method=method, answer_lost=True, body=body, content_type=kind)
        with pytest.raises(TryLater, match="could not be read"):
            await it.api.send(it.channel.id, "text", nonce="n")
        sent = await it.api.send(it.channel.id, "text", nonce="n")
        with pytest.raises(TryLater, match="could not be read"):
            await it.api.edit(it.channel.id, sent.message_id, "other")
        assert [each.content for each in it.discord.messages(it.channel)] == ["other"]


async def test_an_archived_thread_can_be_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit does not open it by itself."""
    async with stage(monkeypatch) as it:
        thread = await it.thread()
        sent = await it.api.send(thread.id, "text")
        thread.archived = True
        with pytest.raises(Archived):
            await it.api.edit(thread.id, sent.message_id, "other")
        await it.api.reopen(thread.id, urgency=Urgency.NOTICE)
        assert (await it.api.edit(thread.id, sent.message_id, "other")).content == "other"


async def test_a_locked_thread_refuses_to_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is a person's decision, although the bot may manage threads here."""
    async with stage(monkeypatch) as it:
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
async def test_a_thread_that_is_refused_is_no_place_where_its_channel_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, denied: Permission, *, lost: bool
) -> None:
    """In a channel that the bot sees there is another way to answer."""
    async with stage(monkeypatch) as it:
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


async def test_a_thread_that_exists_is_as_good_as_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another bot may have been faster (P9)."""
    async with stage(monkeypatch) as it:
        thread = await it.thread()
        await it.open_thread(thread.id)


async def test_a_discord_that_only_opens_no_threads_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other answers are heard; they also say when the message of a thread is gone."""
    async with stage(monkeypatch) as it:
        messages = [await it.ann.say(it.channel, "hello") for _ in range(3)]
        it.discord.fault(method="POST", path=re.compile("/threads$"), status=503, times=None)
        for message in messages:
            with pytest.raises(TryLater):
                await it.open_thread(message.id)
        assert it.api.pacer.trouble == ""
        await it.ann.delete(message)
        with pytest.raises(Gone):
            await it.open_thread(message.id)


async def test_threads_are_opened_although_their_window_lasts_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would refuse all but the first call of a window that is longer than it is ready to wait."""
    async with stage(monkeypatch, limits=True) as it, asyncio.timeout(PATIENCE):
        for _ in range(5):
            await it.thread()
        assert it.api.pacer.refused == 0


async def test_a_call_that_a_client_cannot_make_is_to_be_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a client, and with one that was closed."""
    async with stage(monkeypatch) as it:
        with pytest.raises(TryLater):
            await DiscordApi().send(it.channel.id, "text")
        assert it.api.client is not None
        await it.api.client.close()
        with pytest.raises(TryLater):
            await it.message()


async def test_what_headers_say_reaches_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another limit than expected is learnt from the first answer: the third call waits for the window's end."""
    async with stage(monkeypatch, limits=True) as it, asyncio.timeout(PATIENCE):
        it.discord.limits.change(Limit.MESSAGES, 3, 1.0)
        for _ in range(7):
            await it.api.send(it.channel.id, "text", urgency=Urgency.NOTICE)
        assert it.api.pacer.refused == 0
