"""Everything that goes to Discord goes through the proxy: REST, the gateway, and people's files."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from loopback import Loopback
from loopback.harness import Lab
from tests.loopback.openapi import strictly
from tests.support.connect_proxy import HOSTS, OPENSSL, ConnectProxy, certificate

from .live_bot import SCRIPTED

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no openssl to make a certificate")

TOKEN = "MTIz.behind-a-proxy"
PASSWORD = "pa%ss:wörd"
QUOTED = "pa%25ss%3Aw%C3%B6rd"

BOUND = 60.0
"""Seconds before a command counts as hanging."""


@dataclass
class Site:
    """A machine from which Discord can be reached by the proxy alone."""

    server: Loopback
    lab: Lab
    proxy: ConnectProxy
    port: int
    folder: Path
    certificate: Path

    def configure(self, proxy: str = "") -> None:
        """Write a configuration, with that line about the proxy."""
        command, *args = SCRIPTED
        (self.folder / "project").mkdir(exist_ok=True)
        (self.folder / "threadline.toml").write_text(
            f'[discord]\ntoken = "${{DISCORD_TOKEN}}"\nendpoint = "https://{HOSTS[0]}"\n{proxy}\n'
            f'[access]\nchannels = ["{self.lab.channel.id}"]\nusers = ["*"]\n'
            f'[agents.default]\ncommand = "{command}"\nargs = {args!r}\ncwd = "project"\n'
            '[journal]\npath = "threadline.db"\n'
        )

    async def start(self, *args: str, **environ: str) -> asyncio.subprocess.Process:
        """Start a command in a new interpreter, which trusts the proxy's certificate."""
        names = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
        kept = {name: value for name, value in os.environ.items() if name.upper() not in names}
        own = {"DISCORD_TOKEN": TOKEN, "SSL_CERT_FILE": str(self.certificate), "XDG_STATE_HOME": str(self.folder)}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *args),
            cwd=self.folder,
            env={**kept, **own, **environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """Run a Discord behind a proxy. Its files are on a host of their own."""
    files = certificate(folder)
    async with Loopback(strict=strictly()) as server:
        lab = Lab.furnish(server, "ann", token=TOKEN)
        proxy = ConnectProxy(server.endpoint, *files, user="ann", password=PASSWORD)
        async with proxy.listening() as port:
            server.world.cdn = f"https://{HOSTS[1]}"
            yield Site(server, lab, proxy, port, folder, files[0])


async def ended(process: asyncio.subprocess.Process, *, stop: bool = False) -> tuple[int | None, str]:
    """Return the exit code and all output of a command, after a SIGTERM with `stop`."""
    if stop and process.returncode is None:
        process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(BOUND):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.parametrize("configured", [True, False], ids=["by the configuration", "by the environment"])
async def test_rest_the_gateway_and_files_go_through_the_proxy_and_its_password_is_shown_nowhere(
    tmp_path: Path, *, configured: bool
) -> None:
    """The hosts have no address here, so nothing could go past it."""
    async with site(tmp_path) as it:
        address = f"http://ann:{QUOTED}@127.0.0.1:{it.port}"
        it.configure(f'proxy = "{address}"' if configured else "")
        environ = {} if configured else {"HTTPS_PROXY": address}
        process = await it.start("run", "--log-level", "debug", **environ)
        try:
            await it.server.connected(it.lab.bot)
            file = ("notes.txt", b"what a person attached")
            message = await it.lab.ann.say(it.lab.channel, f"{it.lab.bot.mention} echo", files=[file])
            thread = await it.lab.ann.sees_thread(message)
            await it.lab.ann.sees(thread, "what a person attached", by=it.lab.bot)
        finally:
            code, said = await ended(process, stop=True)
    assert code == 0, said
    assert set(it.proxy.tunnels) == set(HOSTS)
    assert it.proxy.refused == 0
    assert f"http://127.0.0.1:{it.port}" in said
    log = (tmp_path / "threadline.log").read_text()
    for secret in (PASSWORD, QUOTED):
        assert secret not in said + log


@pytest.mark.parametrize("command", ["run", "check"])
async def test_a_proxy_that_refuses_is_one_line_without_its_password(tmp_path: Path, command: str) -> None:
    """It says that the proxy is the reason, and which setting to correct."""
    async with site(tmp_path) as it:
        it.configure(f'proxy = "http://ann:wrong-word@127.0.0.1:{it.port}"')
        code, said = await ended(await it.start(command))
    assert code == 1
    assert "the proxy refused the connection: 407 Proxy Authentication Required; correct the user and" in said
    assert "wrong-word" not in said
    assert it.proxy.tunnels == []


async def test_a_proxy_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    """Its address, and the system's reason."""
    async with site(tmp_path) as it:
        it.configure('proxy = "http://ann:wrong-word@127.0.0.1:9"')
        code, said = await ended(await it.start("run"))
    assert code == 1
    assert "the proxy 127.0.0.1:9 cannot be reached: Connection refused" in said
    assert "wrong-word" not in said
