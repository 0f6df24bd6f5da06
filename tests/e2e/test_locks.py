"""Two processes with one token or one journal exclude each other, because both would work by half."""

from pathlib import Path

from .bot_process import bot_process, run_to_exit
from .live_bot import idle_lab


async def test_a_second_bot_on_the_same_journal_says_who_has_it(tmp_path: Path) -> None:
    """Exit code 1 and one line; the first bot works on."""
    async with idle_lab(tmp_path) as lab, bot_process(lab) as process:
        code, stderr = await run_to_exit(lab)
        assert code == 1
        assert f"pid {process.pid}, configuration {lab.config}" in stderr
        assert len(stderr.strip().splitlines()) == 1
        await lab.conversation("say still here", "still here")


async def test_a_second_bot_with_the_same_token_says_who_has_it(tmp_path: Path) -> None:
    """Another journal does not help, since the Discord user is the same."""
    async with idle_lab(tmp_path) as lab, bot_process(lab) as process:
        other = tmp_path / "other" / "threadline.toml"
        other.parent.mkdir()
        lab.config = other
        lab.configure()
        code, stderr = await run_to_exit(lab)
        assert code == 1
        assert f"pid {process.pid}" in stderr


async def test_a_journal_that_cannot_be_used_is_refused_and_can_be_put_aside(tmp_path: Path) -> None:
    """Exit code 2, with the file and the command; the flag keeps the old file under another name."""
    async with idle_lab(tmp_path) as lab:
        journal = lab.config.with_name("threadline.db")
        journal.write_bytes(b"this is no database, it is a text that goes on for a while" * 100)
        code, stderr = await run_to_exit(lab)
        assert code == 2
        assert str(journal) in stderr
        assert "threadline run --new-journal" in stderr
        async with bot_process(lab, "--new-journal"):
            pass  # It has begun its work with a new one.
        (aside,) = sorted(tmp_path.glob("threadline.db.broken-*[0-9]"))  # noqa: ASYNC240 - nothing else runs
        assert aside.read_bytes().startswith(b"this is no database")
