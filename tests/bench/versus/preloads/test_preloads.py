"""Bots that know only Discord's own address talk to loopback."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.versus.preloads import NotRedirected, environment, redirected_command, redirected_copy
from loopback import Loopback
from tests.loopback.discordjs_bot import installed
from tests.loopback.discordjs_bot import running as running_discordjs

BOT = Path(__file__).parent / "bot.py"

SERENITY_BOT = "THREADLINE_SERENITY_BOT"
"""Names a built `serenity_bot`; it takes minutes to build, so the suite does not."""


@asynccontextmanager
async def running(*command: str, env: Mapping[str, str]) -> AsyncIterator[None]:
    """Run a bot as a process."""
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **env})
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_discordpy_talks_to_loopback_without_an_address_in_the_bot() -> None:
    """The bot reads no variable and sets no address."""
    async with Loopback() as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("greeter", token="T", guilds=(guild,))
        async with running(sys.executable, str(BOT), "T", env=environment(server.endpoint)):
            await server.connected(bot)
            await ann.say(channel, "hello")
            await ann.sees(channel, "heard hello", by=bot)


async def test_discordjs_talks_to_loopback_although_it_asks_for_discord() -> None:
    """REST by TLS to Discord becomes plain HTTP, and loopback tells where the gateway is."""
    node = await installed()
    async with Loopback() as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("peer", token="T", guilds=(guild,))
        env = {**os.environ, **environment(server.endpoint)}
        async with running_discordjs(node, "https://discord.com", env) as peer:
            await peer.tells("ready")
            await ann.say(channel, "edit")
            await ann.sees(channel, "two", by=bot)


async def test_every_way_of_node_to_make_a_request_leads_to_loopback() -> None:
    """`fetch`, `https` and a bare TLS socket, imported as a module's names."""
    await installed()
    source = """
        import https, { get } from "node:https";
        import { connect } from "node:tls";
        const url = "https://discord.com/api/v10/gateway";
        const answers = [(await (await fetch(url)).json()).url];
        answers.push(await new Promise((done, failed) => get(url, (answer) => {
            let text = "";
            answer.on("data", (data) => (text += data)).on("end", () => done(JSON.parse(text).url));
        }).on("error", failed)));
        answers.push(await new Promise((done, failed) => {
            const socket = connect(443, "discord.com", {}, () => {
                socket.write("GET /api/v10/gateway HTTP/1.1\\r\\nHost: discord.com\\r\\nConnection: close\\r\\n\\r\\n");
            });
            let text = "";
            socket.on("error", failed).on("data", (data) => (text += data));
            socket.on("end", () => done(JSON.parse(text.split("\\r\\n\\r\\n")[1]).url));
        }));
        console.log(JSON.stringify(answers));
    """
    async with Loopback() as server:
        process = await asyncio.create_subprocess_exec(
            *("node", "--input-type=module", "--eval", source),
            env={**os.environ, **environment(server.endpoint)},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
    gateway = server.endpoint.replace("http", "ws", 1)
    assert said.decode().count(gateway) == 3


def test_a_sitecustomize_of_the_users_still_runs(tmp_path: Path) -> None:
    """Python imports only the first one that it finds."""
    (tmp_path / "sitecustomize.py").write_text("print('the user is here')")
    env = environment("http://127.0.0.1:8123", {"PYTHONPATH": str(tmp_path)})
    done = subprocess.run(
        (sys.executable, "-c", "print('and the program')"), env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["the user is here", "and the program", ""]


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
async def test_node_still_makes_tls_connections_to_every_other_host() -> None:
    """A connection to a plain server: the first byte of a TLS handshake arrives, 22."""
    heard = asyncio.get_running_loop().create_future()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as plain:
        port = plain.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *("node", "--eval", f"fetch('https://localhost:{port}').catch(() => {{}})"),
            env={**os.environ, **environment("http://127.0.0.1:9")},
        )
        await process.wait()
        assert heard.result() == b"\x16"


def test_a_compiled_program_is_copied_with_loopbacks_address_in_place_of_discords(tmp_path: Path) -> None:
    """Compiled code counts bytes, so no byte may move."""
    program, folder = tmp_path / "bot", tmp_path / "copies"
    folder.mkdir()
    program.write_bytes(b"\x7fELF\0https://discord.com/api/v10/gateway\0https://discord.com/developers\xff")
    program.chmod(0o755)
    copy, env = redirected_copy(str(program), "http://127.0.0.1:8123", folder)
    assert copy.read_bytes() == b"\x7fELF\0http://127.1:008123/api/v10/gateway\0https://discord.com/developers\xff"
    assert os.access(copy, os.X_OK)
    assert env["HTTPS_PROXY"]


def test_a_compiled_program_without_discords_address_is_refused(tmp_path: Path) -> None:
    """It would ask Discord itself."""
    program = tmp_path / "bot"
    program.write_bytes(b"\x7fELF\0nothing here\0")
    program.chmod(0o755)
    with pytest.raises(NotRedirected, match=r"is not a compiled program that holds https://discord\.com/api"):
        redirected_copy(str(program), "http://127.0.0.1:8123", tmp_path)
    with pytest.raises(NotRedirected, match="is not installed"):
        redirected_copy("a-program-that-is-not-here", "http://127.0.0.1:8123", tmp_path)


def test_a_command_line_is_redirected_in_the_way_that_fits_its_program(tmp_path: Path) -> None:
    """A script keeps its path, because it may read what lies beside it."""
    script, compiled = tmp_path / "script", tmp_path / "compiled"
    script.write_bytes(b"#!/bin/sh\ncurl https://discord.com/api/v10/gateway\n")
    compiled.write_bytes(b"\x7fELF\0https://discord.com/api\0")
    for program in (script, compiled):
        program.chmod(0o755)
    folder = tmp_path / "copies"
    folder.mkdir()
    argv, env = redirected_command((str(script), "run"), "http://127.0.0.1:8123", folder)
    assert argv == (str(script), "run")
    assert env == environment("http://127.0.0.1:8123")
    argv, env = redirected_command((str(compiled), "run"), "http://127.0.0.1:8123", folder)
    assert argv == (str(folder / "compiled"), "run")
    assert env.keys() > environment("http://127.0.0.1:8123").keys()


async def test_serenity_talks_to_loopback_although_it_asks_for_discord(tmp_path: Path) -> None:
    """A compiled bot whose TLS has its certificates compiled in."""
    program = os.environ.get(SERENITY_BOT)
    if program is None:
        pytest.skip(f"no bot on serenity: build tests/bench/versus/preloads/serenity, and name it in {SERENITY_BOT}")
    async with Loopback() as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("greeter", token="T", guilds=(guild,))
        copy, env = redirected_copy(program, server.endpoint, tmp_path)
        async with running(str(copy), "T", env=env):
            await server.connected(bot)
            await ann.say(channel, "hello")
            await ann.sees(channel, "heard hello", by=bot)
