"""Real agents without a login: what a thread learns before the first failure, and a login from Discord.

They are installed below AGENTS_HOME, as `npm/NAME/node_modules/.bin`; without that these tests are skipped. Nothing
reaches the network: a server here stands for the issuer of Codex's device codes.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from loopback.harness import in_toml
from loopback.state.components import text_of

from .live_bot import BotLab, bot_lab, said

HOME = Path(os.environ.get("AGENTS_HOME", "/nonexistent")) / "npm"
SECONDS = 60.0
"""A real agent starts in seconds, but not on a busy machine."""

NO_NETWORK = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}

pytestmark = pytest.mark.real_time


@asynccontextmanager
async def real(name: str, command: str, folder: Path, **env: str) -> AsyncIterator[BotLab]:
    """Run the bot with a real agent that has never been logged in."""
    bins = HOME / name / "node_modules" / ".bin"
    if not bins.is_dir():
        pytest.skip(f"{name} is not installed below AGENTS_HOME")
    (folder / "home").mkdir()
    path = f"{HOME / 'node' / 'node_modules' / '.bin'}:{os.environ['PATH']}"
    given = {**NO_NETWORK, "HOME": str(folder / "home"), "PATH": path, "IS_SANDBOX": "1", **env}
    lines = ", ".join(f"{key} = {in_toml(value)}" for key, value in given.items())
    preset = f'preset = "{name}"\nenv = {{ {lines} }}\n'
    async with bot_lab(folder, agent=(str(bins / command),), agent_extra=preset) as lab:
        yield lab


@asynccontextmanager
async def issuer() -> AsyncIterator[str]:
    """Serve device codes that nobody ever confirms; return the address."""

    async def code(_request: web.Request) -> web.Response:
        return web.json_response({"device_auth_id": "1", "user_code": "WXYZ-98765", "interval": "1"})

    async def pending(_request: web.Request) -> web.Response:
        return web.json_response({"error": "pending"}, status=403)

    app = web.Application()
    app.router.add_post("/api/accounts/deviceauth/usercode", code)
    app.router.add_post("/api/accounts/deviceauth/token", pending)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def test_claude_code_says_that_it_is_logged_out_and_what_to_run(tmp_path: Path) -> None:
    """Its login needs a terminal, so there is no button."""
    async with real("claude", "claude-agent-acp", tmp_path) as lab:
        thread = await lab.thread("hello")
        notice = await lab.ann.sees(thread, "is logged out", by=lab.bot, timeout=SECONDS)
        assert notice.components == []
        assert "run `threadline login default`" in notice.content
        await lab.ann.sees(thread, "Authentication required", by=lab.bot, timeout=SECONDS)
        assert "no login that works from Discord" in said(await lab.ann.slash(thread, "login"))


async def test_codex_shows_its_page_and_code_to_the_person_alone(tmp_path: Path) -> None:
    """Its device code comes by an elicitation; a cancel ends the login in Codex too."""
    async with issuer() as address, real("codex", "codex-acp", tmp_path, CODEX_APP_SERVER_LOGIN_ISSUER=address) as lab:
        thread = await lab.thread("hello")
        notice = await lab.ann.sees(thread, "Codex is logged out", by=lab.bot, timeout=SECONDS)
        pressed = await lab.ann.click(notice, "Log in")
        shown = await pressed.settled("WXYZ-98765", timeout=SECONDS)
        assert shown.ephemeral_to == lab.ann.id
        assert f"{address}/codex/device" in text_of(shown)
        await lab.ann.click(shown, "Cancel")
        await pressed.settled("The login was cancelled", timeout=SECONDS)
        written = [text_of(each) for each in lab.said_by_bot(thread) if each.ephemeral_to is None]
        assert not any("WXYZ" in each or address in each for each in written)
