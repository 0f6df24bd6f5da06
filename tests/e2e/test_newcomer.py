"""From nothing to the first answer: `init`, `check` and `run`, with loopback as Discord."""

import asyncio
import json
import os
import pty
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot.cli.init.answers import Answers
from bot.cli.init.discord_login import log_in
from bot.cli.init.prompts import Prompter
from bot.config.presets import PRESETS
from loopback import Loopback
from loopback.harness import Lab
from loopback.state.entities import ALL_INTENTS
from tests.loopback.openapi import strictly
from tests.support.fork_server import start

from .live_bot import SCRIPTED, idle_lab

TOKEN = "MTIz.of-a-newcomer_"
NO_TEXT = ALL_INTENTS & ~(1 << 15)
"""What an application that is new may use: all but Message Content, as far as it matters here."""

BOUND = 60.0
"""Seconds after which a command counts as hanging."""


async def threadline(*args: str, cwd: Path, **environ: str) -> tuple[int, str]:
    """Run a command as a script does; return its exit code and its output."""
    process = await start(*args, cwd=cwd, env={**plain(), **environ})
    async with asyncio.timeout(BOUND):
        said = b"".join(await process.communicate())
    return process.returncode or 0, said.decode()


def plain() -> dict[str, str]:
    """Return the environment without a token."""
    return {name: value for name, value in os.environ.items() if name != "DISCORD_TOKEN"}


@asynccontextmanager
async def typed_into_a_shell(line: str, cwd: Path, **environ: str) -> AsyncIterator[None]:
    """Run a line as a person types it, ended by SIGTERM, with exit code 0."""
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f"exec {line}"),
        cwd=cwd,
        env={**plain(), "XDG_STATE_HOME": str(cwd), **environ},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(BOUND):
            assert await process.wait() == 0


async def test_a_newcomer_comes_from_a_token_to_the_first_answer_by_flags(tmp_path: Path) -> None:
    """The intent is enabled, the bot is invited, two files are written; the last line starts the bot."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("threadline", token=TOKEN, owner=ann, intents=NO_TEXT)
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        flags = ["--token-file", "token", "--endpoint", server.endpoint, "--channel", str(channel.id)]
        agent = ["--agent", " ".join(SCRIPTED), "--cwd", "project", "--no-check", "--yes"]
        setting_up = asyncio.create_task(threadline("init", *flags, *agent, cwd=tmp_path))
        await server.connected(bot)
        server.invite(guild, bot)
        code, said = await setting_up
        assert code == 0, said
        assert "The Message Content intent is on." in said
        assert f"client_id={bot.application_id}&scope=bot+applications.commands&permissions=" in said
        assert TOKEN not in said + (tmp_path / "threadline.toml").read_text()
        assert (tmp_path / "threadline.env").stat().st_mode & 0o777 == 0o600

        code, checked = await threadline("check", cwd=tmp_path)
        assert code == 0, checked
        assert "ok       #general in Lab: the bot has all permissions" in checked, checked
        assert "ok       agents.default: asks before it acts: yes" in checked

        async with typed_into_a_shell(said.splitlines()[-1], tmp_path):
            await server.connected(bot)
            message = await ann.say(channel, f"{bot.mention} say hello")
            thread = await ann.sees_thread(message)
            await ann.sees(thread, "hello", by=bot)


async def test_a_newcomer_comes_from_a_token_to_the_first_answer_by_questions(tmp_path: Path) -> None:
    """It begins with where to make a token. A wrong answer is asked for again, and the token is not shown."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channels = [server.add_channel(guild, name) for name in ("general", "builds", "random")]
        writers, _ = (server.add_role(guild, name) for name in ("writers", "admins"))
        bot = server.add_bot("threadline", token=TOKEN, guilds=(guild,), intents=NO_TEXT)
        answers = [
            ("https://discord.com/developers/applications", None),
            ("Message Content Intent on", None),
            ("The bot's token: ", "MTIz.mistyped"),
            ("The bot's token: ", f'"{TOKEN}"'),
            ("The bot's token: ", TOKEN),
            ("Turn the Message Content intent on? [Y/n]: ", ""),
            ("Numbers [1]: ", "7"),
            ("Numbers [1]: ", "1, 3"),
            ("Who may talk to the bot?\r\n  1. Only you\r\n  2. A role\r\n  3. Everybody who sees the channel", None),
            ("Number [1]: ", "2"),
            ("1. @admins in Lab\r\n  2. @writers in Lab", None),
            ("Number: ", "1, 2"),
            ("Number: ", "2"),
            (f"{len(PRESETS) + 1}. Another one, by its command", None),
            ("Number", str(len(PRESETS) + 1)),
            ("The command, with arguments: ", "sh -c 'exit"),
            ("The command, with arguments: ", "claud"),
            ("The command, with arguments: ", " ".join(SCRIPTED)),
            ("The folder in which the agent works", str(tmp_path / "project")),
            ("Check the setup now? [Y/n]: ", "y"),
        ]
        said = await typed(["init", "--no-sandbox", "--endpoint", server.endpoint], answers, cwd=tmp_path)
        assert bot.allowed_intents == ALL_INTENTS
        assert TOKEN not in said
        assert "Discord refused the token" in said
        assert "that is not a token" in said
        assert "No closing quotation\r\nTry again:" in said
        assert '"claud" was not found on PATH; did you mean claude?\r\nTry again:' in said
        written = (tmp_path / "threadline.toml").read_text()
        assert [str(each.id) in written for each in channels] == [True, False, True]
        assert f'# role:{writers.id} is @writers in Lab.\nusers = ["owner", "role:{writers.id}"]' in written

        async with typed_into_a_shell(said.splitlines()[-1], tmp_path):
            await server.connected(bot)
            cleo = server.add_person("cleo", guilds=(guild,), roles=(writers,))
            message = await cleo.say(channels[0], f"{bot.mention} say hello")
            thread = await cleo.sees_thread(message)
            await cleo.sees(thread, "hello", by=bot)


SCRIPT = f"#!{sys.executable}\nimport sys\nfrom bot.cli import main\nsys.exit(main())\n"
"""What pip installs as `threadline`."""


@pytest.mark.parametrize(
    ("installed", "called", "flags", "last"),
    [
        ("bin/threadline", "threadline", [], "threadline run"),
        (".venv/bin/threadline", ".venv/bin/threadline", [], ".venv/bin/threadline run"),
        ("bin/threadline", "threadline", ["-c", "an other.toml"], "threadline run -c 'an other.toml'"),
    ],
    ids=["installed", "a checkout", "a file of another name"],
)
async def test_the_last_line_of_init_is_a_command_that_works_where_it_was_called(
    tmp_path: Path, installed: str, called: str, flags: list[str], last: str
) -> None:
    """It is typed into the same shell."""
    script = tmp_path / installed
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT)
    script.chmod(0o700)
    path = f"{script.parent}:{os.environ['PATH']}" if called == "threadline" else "/usr/bin:/bin"
    async with Loopback(strict=strictly()) as server:
        lab = Lab.furnish(server, "ann", token=TOKEN)
        line = [called, "init", "--yes", "--endpoint", server.endpoint, "--agent", shlex.join(SCRIPTED), *flags]
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", shlex.join(line)),
            cwd=tmp_path,
            env={**plain(), "PATH": path, "DISCORD_TOKEN": TOKEN},
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(BOUND):
            said, _ = await process.communicate()
        assert said.decode().splitlines()[-1] == last, said.decode()
        async with typed_into_a_shell(last, tmp_path, PATH=path):
            await server.connected(lab.bot)


class Willing(Prompter):
    """Agrees to everything, and records whether an event loop ran, which would delay Ctrl-C until the answer."""

    def __init__(self) -> None:
        super().__init__(ask=True)
        self.in_a_loop: list[bool] = []

    def confirm(self, words: str, *, given: bool | None, default: bool) -> bool:
        """Agree."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.in_a_loop.append(False)
        else:
            self.in_a_loop.append(True)
        return True


async def test_nothing_is_asked_while_an_event_loop_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the program at the question about the intent too, without Enter."""
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    async with Loopback(strict=strictly()) as server:
        bot = server.add_bot("threadline", token=TOKEN, intents=NO_TEXT)
        answers = Answers(
            path=tmp_path / "threadline.toml",
            token_file=None,
            endpoint=server.endpoint,
            intent=None,
            channels=(),
            users=(),
            agent="",
            cwd="",
            sandbox=None,
            wait=0,
            yes=False,
            force=False,
            check=None,
        )
        ask = Willing()
        _, application_id = await asyncio.to_thread(log_in, answers, ask)
    assert (application_id, bot.allowed_intents) == (bot.application_id, ALL_INTENTS)
    assert ask.in_a_loop == [False]


async def typed(args: Sequence[str], answers: Sequence[tuple[str, str | None]], *, cwd: Path) -> str:
    """Run a command in a terminal, answer each question when it appears, and return all output.

    A text without an answer is waited for.
    """
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *args),
        cwd=cwd,
        env=plain(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, seen = "", 0
    try:
        async with asyncio.timeout(BOUND):
            for question, answer in answers:
                while question not in shown[seen:]:
                    shown += (await asyncio.to_thread(os.read, ours, 4096)).decode()
                seen = shown.index(question, seen) + len(question)
                if answer is not None:
                    os.write(ours, f"{answer}\n".encode())
            shown += await asyncio.to_thread(_rest, ours)
            await process.wait()
    except (TimeoutError, OSError) as error:
        raise AssertionError(f"{error!r}: {shown}") from error
    finally:
        os.close(ours)
    assert process.returncode == 0, shown
    return shown


def _rest(terminal: int) -> str:
    """Read until the other end of a terminal is closed, which Linux reports as an error."""
    parts = []
    with suppress(OSError):
        while part := os.read(terminal, 4096):
            parts.append(part)
    return b"".join(parts).decode()


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "The bot's token: there is no terminal to ask in; give --token-file"),
        (["--token-file", "none"], "--token-file: cannot be read"),
        (["--token-file", "spaces"], "that is not a token"),
        (["--token-file", "token", "--endpoint", "localhost"], 'must be an address like "http://127.0.0.1:8377"'),
        (["--token-file", "token", "--endpoint", "http://127.0.0.1:9"], "cannot connect to http://127.0.0.1:9"),
        (["--token-file", "empty"], "--token-file: is empty"),
        (["-c", "there.toml"], "there.toml exists; --force replaces it"),
        (["-c", "token.toml"], "token.env exists; --force replaces it"),
        (["-c", "nowhere/threadline.toml"], "nowhere: there is no such folder"),
        (["--channel", "general"], "--channel: general is not an ID"),
        (["--user", "bob"], "--user: entry 1 is not valid; write a user ID"),
        (["--agent", "it's"], "--agent: No closing quotation in it's"),
        (["--agent", " "], "--agent: No command in  "),
        (["--agent", "nosuch --acp"], '--agent: "nosuch" was not found on PATH; known by name: claude, codex'),
        (["--agent", "claud"], '--agent: "claud" was not found on PATH; did you mean claude?'),
    ],
)
async def test_what_cannot_be_is_one_line_and_nothing_is_written(tmp_path: Path, args: list[str], words: str) -> None:
    """Exit code 2 for a mistake of the person, 1 where Discord is away. The line names the flag that helps."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "spaces").write_text("Bot MTIz.copied")
    for name in ("there.toml", "token.env", "empty"):
        (tmp_path / name).touch()
    before = names(tmp_path)
    code, said = await threadline("init", "--yes", *args, cwd=tmp_path)
    (line,) = said.splitlines()
    assert (code, line.startswith("threadline: ")) == (1 if "cannot connect" in words else 2, True)
    assert words in line
    assert names(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_to_is_noticed_before_anything_is_asked(tmp_path: Path) -> None:
    """No person answers five questions in vain."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    code, said = await threadline("init", "--yes", "-c", "closed/threadline.toml", cwd=tmp_path, DISCORD_TOKEN=TOKEN)
    assert (code, said) == (2, f"threadline: {folder}: this account cannot write here; name another file with -c\n")


@pytest.mark.parametrize("folder", [".", "other/.."])
async def test_the_agents_folder_may_not_be_that_of_the_configuration(tmp_path: Path, folder: str) -> None:
    """The agent could read the token there, by any name of the folder; no file is written."""
    async with Loopback(strict=strictly()) as server:
        Lab.furnish(server, "ann", token=TOKEN)
        args = ["--yes", "--endpoint", server.endpoint, "--agent", "true", "--cwd", folder]
        code, said = await threadline("init", *args, cwd=tmp_path, DISCORD_TOKEN=TOKEN)
    assert code == 2
    assert "the agent could read and change threadline.toml there" in said
    assert names(tmp_path) == []


async def test_a_server_that_nobody_invites_it_to_ends_the_wait(tmp_path: Path) -> None:
    """Where the intent cannot be enabled by API, the click is explained; the wait for it is bounded."""
    async with Loopback(strict=strictly()) as server:
        bot = server.add_bot("threadline", token=TOKEN, intents=NO_TEXT)
        server.fault(method="PATCH", path="/applications/@me", status=403, body={"message": "Not yours", "code": 50013})
        args = ["--yes", "--endpoint", server.endpoint, "--wait", "0.2", "--agent", "true"]
        code, said = await threadline("init", *args, cwd=tmp_path, DISCORD_TOKEN=TOKEN)
    assert code == 1
    assert "Discord did not allow that (Not yours).\nTurn on Message Content Intent here" in said
    assert f"https://discord.com/developers/applications/{bot.application_id}/bot" in said
    assert said.endswith("the bot has not joined a server; invite it with the link above, and run this again\n")
    assert names(tmp_path) == []


async def test_a_server_without_a_channel_for_it_is_named(tmp_path: Path) -> None:
    """The bot has joined but lacks a channel, which another invitation would not bring."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        server.add_bot("threadline", token=TOKEN, guilds=(guild,))
        args = ["--yes", "--endpoint", server.endpoint, "--wait", "0.2", "--cwd", "~nobody-of-that-name/project"]
        code, said = await threadline("init", *args, cwd=tmp_path, DISCORD_TOKEN=TOKEN)
        assert code == 1
        assert said.splitlines()[-1].startswith("threadline: the bot cannot see any channel in Lab; ")
        assert names(tmp_path) == []


async def test_the_wait_for_a_channel_names_it(tmp_path: Path) -> None:
    """A mistyped ID is seen at once, and not after the ten minutes."""
    async with Loopback(strict=strictly()) as server:
        Lab.furnish(server, "ann", token=TOKEN)
        args = ["--yes", "--endpoint", server.endpoint, "--wait", "0.2", "--channel", "12", "--agent", "true"]
        code, said = await threadline("init", *args, cwd=tmp_path, DISCORD_TOKEN=TOKEN)
    assert code == 1
    assert "Waiting up to 0.2 s for the bot to see the channel 12 ...\n" in said
    assert names(tmp_path) == []


async def test_an_id_that_is_no_channels_is_told_what_it_is_and_not_waited_for(tmp_path: Path) -> None:
    """It can never become one; no file is written."""
    async with Loopback(strict=strictly()) as server:
        guild = Lab.furnish(server, "ann", token=TOKEN).guild
        args = ["--yes", "--endpoint", server.endpoint, "--channel", str(guild.id), "--agent", "true"]
        code, said = await threadline("init", *args, cwd=tmp_path, DISCORD_TOKEN=TOKEN)
    assert code == 2
    assert said.endswith(f"threadline: --channel: {guild.id} is the server Lab, not a channel\n")
    assert names(tmp_path) == []


async def test_a_voice_channel_can_be_named_and_is_not_offered(tmp_path: Path) -> None:
    """A new server has a text channel and a voice channel; the default is the first."""
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        lounge, general = server.add_channel(guild, "lounge", kind=2), server.add_channel(guild, "general")
        server.add_bot("threadline", token=TOKEN, guilds=(guild,))
        args = ["--yes", "--force", "--endpoint", server.endpoint, "--agent", "true"]
        for flags, channel in (([], general), (["--channel", str(lounge.id)], lounge)):
            code, said = await threadline("init", *args, *flags, cwd=tmp_path, DISCORD_TOKEN=TOKEN)
            assert code == 0, said
            assert f'"{channel.id}",  # #{channel.name} in Lab' in (tmp_path / "threadline.toml").read_text()


async def test_the_agents_path_is_meant_from_where_it_is_typed(tmp_path: Path) -> None:
    """The agent starts in its own folder, where the relative path would lead elsewhere."""
    async with Loopback(strict=strictly()) as server:
        Lab.furnish(server, "ann", token=TOKEN)
        (tmp_path / "agent").touch(mode=0o700)
        args = ["--yes", "--endpoint", server.endpoint, "--agent", "./agent --fast", "--cwd", "project"]
        code, said = await threadline("init", *args, cwd=tmp_path, DISCORD_TOKEN=TOKEN)
    assert code == 0, said
    assert f'command = "{tmp_path}/agent"\nargs = ["--fast"]' in (tmp_path / "threadline.toml").read_text()


async def test_the_log_tells_each_turn_in_a_line_and_the_agents_own_words_with_its_name(tmp_path: Path) -> None:
    """JSON lines bind thread, session and turn, and stderr to its agent."""
    async with idle_lab(tmp_path) as lab:
        options = ("--log-format", "json", "--log-level", "debug")
        process = await start("run", *options, cwd=tmp_path, env={**plain(), "XDG_STATE_HOME": str(tmp_path)})
        try:
            await lab.discord.connected(lab.bot)
            thread = await lab.conversation("stderr 100\nsay done", "done")
        finally:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(BOUND):
                _, said = await process.communicate()
    lines = [json.loads(line) for line in said.decode().splitlines()]
    assert "ready: mention @threadline in #general" in [line["event"] for line in lines]
    assert any(f"the channels #general ({lab.channel.id})" in line["event"] for line in lines)
    (turn,) = [line for line in lines if line["event"] == "turn ended"]
    assert (turn["level"], turn["stop_reason"], turn["tool_calls"]) == ("info", "end_turn", 0)
    assert (turn["thread_id"], turn["turn"], bool(turn["session_id"])) == (thread.id, thread.id, True)
    words = [line for line in lines if line.get("line", "").startswith("stderr of the scripted agent")]
    assert [(line["level"], line["agent"], line["thread_id"]) for line in words] == [("debug", "default", thread.id)]
    kept = (tmp_path / "threadline.log").read_text().splitlines()
    assert "turn ended" in [json.loads(line)["event"] for line in kept]
    assert TOKEN not in said.decode()
