"""The command `threadline check --live` in a process of its own."""

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.operations.locks import journal_lock
from loopback import Limit, Loopback
from loopback.harness import Lab, command, configuration, lines
from loopback.state.permissions import Permission
from tests.loopback.openapi import strictly
from tests.support.fork_server import Forked, start

TOKEN = "token.of.the.live.check"
GENEROUS = 60.0


@asynccontextmanager
async def lab_with_configuration(folder: Path) -> AsyncIterator[Lab]:
    """Provide a lab, with the configuration of its bot in `folder`."""
    async with Loopback(limits=True, strict=strictly()) as discord:
        lab = Lab.furnish(discord, "ann", token=TOKEN)
        text = configuration(lab, folder, lines(command(["agent"])))
        (folder / "threadline.toml").write_text(text, "utf-8")
        yield lab


@asynccontextmanager
async def checking(folder: Path, *options: str) -> AsyncIterator[Forked]:
    """Run the command for the block, and end it in any case."""
    process = await start("check", "-c", str(folder / "threadline.toml"), *options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def outcome(folder: Path, options: Sequence[str]) -> tuple[int | None, str]:
    """Run the command to its end; return the exit code and what it printed."""
    async with checking(folder, *options) as process:
        said, complained = await process.communicate()
    return process.returncode, (said + complained).decode()


async def test_without_a_terminal_it_starts_only_with_yes(tmp_path: Path) -> None:
    """It says what it would do, posts nothing, and ends with code 2."""
    async with lab_with_configuration(tmp_path) as lab:
        code, said = await outcome(tmp_path, ["--live", str(lab.channel.id)])
        assert lab.discord.messages(lab.channel) == []
    assert code == 2
    assert "This posts in #general in Lab. Everyone in the channel sees it." in said
    assert said.splitlines()[-1] == "threadline: a person must confirm this in a terminal; --yes confirms it here"


async def test_in_a_terminal_it_asks_and_a_no_ends_it(tmp_path: Path) -> None:
    """It says what it would do, and that a person would have to press buttons. Nothing is posted."""
    async with lab_with_configuration(tmp_path) as lab:
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "check", "-c", str(tmp_path / "threadline.toml")),
            *("--live", str(lab.channel.id)),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            async with asyncio.timeout(GENEROUS):
                shown = ""
                while "Start? [y/N]: " not in shown:
                    shown += (await asyncio.to_thread(os.read, ours, 4096)).decode()
                os.write(ours, b"n\n")
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            os.close(ours)
        assert lab.discord.messages(lab.channel) == []
    assert process.returncode == 1
    assert "Then it asks you to press buttons in the thread" in shown


async def test_it_names_the_permissions_that_it_lacks_and_posts_nothing(tmp_path: Path) -> None:
    """A person must grant them: code 2."""
    async with lab_with_configuration(tmp_path) as lab:
        denied = Permission.MANAGE_THREADS | Permission.ADD_REACTIONS
        lab.discord.world.overwrite(lab.channel, lab.bot.id, deny=denied)
        code, said = await outcome(tmp_path, ["--live", str(lab.channel.id), "--yes"])
        assert lab.discord.messages(lab.channel) == []
    words = "the live check needs these permissions in #general, which the bot lacks: Add Reactions, Manage Threads"
    assert (code, said.strip()) == (2, f"threadline: {words}")


@pytest.mark.parametrize("kind", [2, 15, None])
async def test_it_needs_a_text_channel_that_the_bot_sees(tmp_path: Path, kind: int | None) -> None:
    """Not a voice channel, a forum, or an unknown one."""
    async with lab_with_configuration(tmp_path) as lab:
        channel_id = 41 if kind is None else lab.discord.add_channel(lab.guild, "other", kind=kind).id
        code, said = await outcome(tmp_path, ["--live", str(channel_id), "--yes"])
    wanted = "the bot does not see the channel 41" if kind is None else f"{channel_id} is not a text channel"
    assert code == 2
    assert wanted in said


async def test_a_forum_needs_a_tag(tmp_path: Path) -> None:
    """Without one there is nothing to change."""
    async with lab_with_configuration(tmp_path) as lab:
        forum = lab.discord.add_channel(lab.guild, "ideas", kind=15)
        code, said = await outcome(tmp_path, ["--live", str(lab.channel.id), "--forum", str(forum.id), "--yes"])
    words = f"the channel {forum.id} is not a forum with tags in the same server; --forum needs one"
    assert (code, said.strip()) == (2, f"threadline: {words}")


async def test_it_does_not_run_beside_the_bot(tmp_path: Path) -> None:
    """Both would count identifies, and the bot would take the presses for its own."""
    async with lab_with_configuration(tmp_path) as lab:
        with journal_lock(tmp_path / "threadline.db", tmp_path / "threadline.toml"):
            code, said = await outcome(tmp_path, ["--live", str(lab.channel.id), "--yes"])
        assert lab.bot.identifies == 0
    assert code == 1
    assert "is in use by" in said


async def test_it_does_not_spend_the_last_identifies(tmp_path: Path) -> None:
    """They are kept for the person who repairs what makes the bot log in again and again."""
    async with lab_with_configuration(tmp_path) as lab:
        lab.discord.limits.change(Limit.IDENTIFIES, 51, 86400.0)
        lab.discord.limits.identify(lab.bot.id)
        code, said = await outcome(tmp_path, ["--live", str(lab.channel.id), "--yes"])
        assert lab.bot.identifies == 0
        assert lab.discord.messages(lab.channel) == []
    assert code == 1
    assert "the bot has used up its logins for today" in said


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_and_nothing_is_left(tmp_path: Path, end: signal.Signals) -> None:
    """What it has made is deleted, and what it has recorded is kept."""
    record = tmp_path / "record.ndjson"
    async with lab_with_configuration(tmp_path) as lab:
        async with checking(tmp_path, "--live", str(lab.channel.id), "--yes", "--record", str(record)) as process:
            await lab.ann.sees(lab.channel, "live check: edit 1", by=lab.bot, timeout=GENEROUS)
            process.send_signal(end)
            said, _ = await process.communicate()
        assert lab.discord.messages(lab.channel) == []
    assert process.returncode == (143 if end is signal.SIGTERM else 1)
    assert "Nothing of the check is left in the channel." in said.decode()
    assert "PATCH" in record.read_text()


async def test_it_does_not_begin_if_it_cannot_record(tmp_path: Path) -> None:
    """Seven minutes would be lost."""
    async with lab_with_configuration(tmp_path) as lab:
        record = tmp_path / "nowhere" / "record.ndjson"
        code, said = await outcome(tmp_path, ["--live", str(lab.channel.id), "--yes", "--record", str(record)])
        assert lab.discord.messages(lab.channel) == []
    assert code == 2
    assert said.splitlines()[-1] == f"threadline: {record}: cannot be written: No such file or directory"


async def test_its_options_need_it(tmp_path: Path) -> None:
    """A record of a check that only looks would be empty."""
    async with lab_with_configuration(tmp_path):
        code, said = await outcome(tmp_path, ["--yes"])
    assert (code, said.strip()) == (2, "threadline: --forum, --load, --people, --record and --yes belong to --live")


async def test_it_posts_nothing_if_discord_is_to_be_skipped(tmp_path: Path) -> None:
    """The two flags contradict each other."""
    async with lab_with_configuration(tmp_path) as lab:
        code, said = await outcome(tmp_path, ["--offline", "--live", str(lab.channel.id), "--yes"])
        assert not lab.discord.record
    assert (code, said.strip()) == (2, "threadline: --live needs Discord, which --offline skips; leave one of them out")
