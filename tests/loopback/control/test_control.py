"""The control port: a person acts by HTTP requests, against the unmodified discord.py."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import discord
from discord import app_commands

from loopback import Limit, Loopback, StrictRule
from loopback.control.application import application
from loopback.control.person_actions import PERSON_ACTIONS
from loopback.control.world_actions import WORLD_ACTIONS
from loopback.state.faults import FaultOptions, FaultTarget
from tests.loopback.discordpy import logged_in
from tests.loopback.test_discordpy import Client


class Script:
    """A script in any language, which posts and reads JSON."""

    def __init__(self, base: str, http: aiohttp.ClientSession) -> None:
        self.base = base
        self._http = http

    async def __call__(self, path: str, /, **fields: Any) -> Any:
        status, payload = await self.attempt(path, **fields)
        assert status in {200, 204}, payload
        return payload

    async def attempt(self, path: str, /, **fields: Any) -> tuple[int, Any]:
        async with self._http.post(f"{self.base}/{path}", json=fields) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None


async def test_a_script_posts_clicks_fills_forms_and_uses_commands() -> None:
    """It sets up the world, posts, sees, clicks, fills in a form, and uses a command with autocomplete."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        script = Script(await server.listen(application(server)), http)
        await script("add_guild", name="Lab")
        await script("add_channel", guild="Lab", name="general")
        await script("add_person", name="ann", guilds=["Lab"])
        await script("add_bot", name="threadline", token="T", guilds=["Lab"])
        client = Client()

        class Why(discord.ui.Modal, title="Why"):
            reason: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Reason")

            async def on_submit(self, interaction: discord.Interaction) -> None:
                await interaction.response.send_message(f"because {self.reason.value}")

        class Ask(discord.ui.View):
            @discord.ui.button(label="Why?")
            async def why(self, interaction: discord.Interaction, _: discord.ui.Button[Any]) -> None:
                await interaction.response.send_modal(Why())

        @client.tree.command(name="echo", description="Say it again")
        async def echo(interaction: discord.Interaction, text: str) -> None:
            await interaction.response.send_message(text, ephemeral=True)

        @echo.autocomplete("text")
        async def complete(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=current.upper(), value=current)]

        async with logged_in(server, client):
            await script("connected", bot="threadline")
            await client.tree.sync()
            files = [{"name": "a.txt", "base64": "YWJj"}]
            said = await script("people/ann/say", channel="general", text="hello", files=files)
            heard = await client.heard.get()
            assert await heard.attachments[0].read() == b"abc"
            await heard.reply("choose", view=Ask())
            card = await script("people/ann/sees", channel="general", pattern="^cho+se$", by="threadline")
            assert card["reply_to"] == said["id"]
            form = await script("people/ann/click", message=card["id"], button="Why?")
            sent = await script("people/ann/fill", interaction=form["interaction"], values={"Reason": "so"})
            assert sent["message"]["content"] == "because so"
            typed = await script(
                "people/ann/autocomplete", channel="general", command="echo", focused="text", text="ab"
            )
            assert [choice["name"] for choice in typed["choices"]] == ["AB"]
            used = await script("people/ann/slash", channel="general", command="echo", options={"text": "me"})
            settled = await script("people/ann/settled", interaction=used["interaction"], text="me")
            assert settled["message"]["ephemeral_to"] == said["author"]
            calls = await script("calls", method="POST", path="/channels/", status=200, at_least=1)
            assert calls[-1]["body"]["content"] == "choose"


async def test_a_script_uses_threads_reactions_and_messages() -> None:
    """The world shows the effects of its actions."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        script = Script(await server.listen(application(server)), http)
        guild = server.add_guild("Lab")
        server.add_channel(guild, "general")
        for name in ("ann", "bob"):
            server.add_person(name, guilds=(guild,))
        bot = server.add_bot("threadline", token="T", guilds=(guild,))
        said = await script("people/ann/say", channel="general", text="one")
        await script("people/ann/edit", message=said["id"], text="two")
        await script("people/bob/react", message=said["id"], emoji="👀")
        thread = await script("people/ann/open_thread", message=said["id"], name="talk")
        await script("people/bob/join", thread=thread["id"])
        assert (await script("people/bob/sees_thread", message=said["id"]))["name"] == "talk"
        await script("people/ann/rename", channel=thread["id"], name="talks")
        await script("people/ann/archive", thread="talks")
        (seen,) = (one for one in await script("messages", channel="general") if one["id"] == said["id"])
        assert [one["content"] for one in seen["history"]] == ["one", "two"]
        assert list(seen["reactions"]) == ["👀"]
        there = await script("world")
        assert [one["archived"] for one in there["channels"] if one["id"] == thread["id"]] == [True]
        direct = await script("people/ann/direct", user=str(bot.id))
        await script("people/ann/say", channel=direct["id"], text="psst")
        await script("people/ann/delete", message=said["id"])
        assert said["id"] not in [one["id"] for one in await script("messages", channel="general")]


async def test_a_refused_request_has_a_status_and_a_reason() -> None:
    """It is 400 for an invalid request, 404 for an unknown name, 409 for a time-out, or Discord's own refusal."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        script = Script(await server.listen(application(server)), http)
        guild = server.add_guild("Lab")
        server.add_channel(guild, "general")
        server.add_person("ann", guilds=(guild,))
        eve = server.add_person("eve")
        for path, fields, status, words in (
            ("people/ann/say", {"channel": "general", "txt": "x"}, 400, "unknown field 'txt'"),
            ("people/ann/say", {"channel": "general", "text": 7}, 400, "'text' is to be a string"),
            ("people/ann/sees", {"channel": "general", "pattern": "("}, 400, "no regular expression"),
            ("people/nobody/say", {"channel": "general"}, 404, "no user 'nobody'"),
            ("people/ann/dance", {}, 404, "no act 'dance'"),
            ("dance", {}, 404, "nothing is called 'dance'"),
            ("people/ann/sees", {"channel": "general", "text": "x", "timeout": 0.01}, 409, "did not see 'x'"),
            (f"people/{eve.id}/say", {"channel": "general", "text": "x"}, 403, "Missing Access"),
            ("jump", {"seconds": -1}, 400, "does not go back"),
            ("fault", {"rule": {"status": 500, "reset": True}}, 400, "one of status"),
            ("fault", {"rule": {"code": 7}}, 400, "no refusal has the code 7"),
            ("fault", {"rule": {"status": 500, "pattern": "("}}, 400, "unterminated"),
        ):
            answered, payload = await script.attempt(path, **fields)
            assert (answered, words in payload["message"]) == (status, True), payload


async def test_a_script_controls_faults_limits_and_the_clock() -> None:
    """It adds, lists and removes a rule, switches on a limit, and moves the clock."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        script = Script(await server.listen(application(server)), http)
        rule = await script("fault", rule={"method": "PATCH", "pattern": "/messages/", "status": 503, "times": 2})
        assert [one["rule"] for one in await script("faults")] == ["<PATCH /messages/: 503, 0 hits, 2 left>"]
        await script("remove_fault", fault=rule["fault"])
        blocked = await script("fault", rule={"says": "darn", "code": 200000, "times": None})
        await script("fault", rule={"edge": "1015", "path": "/channels/"})
        assert [one["rule"] for one in await script("faults")] == [
            "<saying 'darn': 400, 0 hits>",
            "</channels/: 429, 0 hits, 1 left>",
        ]
        await script("remove_fault", fault=blocked["fault"])
        server.faults.clear()
        assert await script("faults") == []
        assert (await script("limits", active=["messages"]))["active"] == ["messages"]
        assert (await script("rules", active=["nonces"]))["active"] == ["nonces"]
        assert server.rules == {StrictRule.NONCES}
        before = server.clock()
        assert (await script("jump", seconds=3600))["now"] >= before + 3600
        async with http.get(script.base) as answer:
            listed = await answer.json()
        assert listed["/people/{person}/click"]["fields"] == ["button", "custom_id", "message"]
        assert all(one["does"].endswith(".") or ";" in one["does"] for one in listed.values())


async def test_a_wait_over_http_ends_with_the_matching_message() -> None:
    """The answer to `sees` comes after the edit that makes it match."""
    async with Loopback() as server, aiohttp.ClientSession() as http:
        script = Script(await server.listen(application(server)), http)
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        server.add_person("ann", guilds=(guild,))
        bob = server.add_person("bob", guilds=(guild,))
        said = await bob.say(channel, "one")
        waiting = asyncio.create_task(script("people/ann/sees", channel="general", text="two", by="bob"))
        await bob.edit(said, "two")
        assert (await waiting)["id"] == str(said.id)


def test_every_action_limit_rule_and_option_of_a_fault_is_in_the_docs() -> None:
    """docs/loopback.md names each of them."""
    text = (Path(__file__).parents[3] / "docs" / "loopback.md").read_text()
    words = {
        *PERSON_ACTIONS,
        *WORLD_ACTIONS,
        *Limit,
        *StrictRule,
        *FaultOptions.__annotations__,
        *FaultTarget.__annotations__,
    }
    fields = frozenset[str]().union(
        *(act.fields for act in PERSON_ACTIONS.values()), *(cue.fields for cue in WORLD_ACTIONS.values())
    )
    assert [word for word in sorted(words | fields) if f"`{word}`" not in text] == []
