"""P66: two processes with one token, or one journal, would both half work."""

from pathlib import Path

from tests.e2e.test_processes import bot_process, refused

from .live_bot import idle_lab


async def test_a_second_bot_on_the_same_journal_says_who_has_it(tmp_path: Path) -> None:
    """Exit code 1, one line, the first one works on."""
    async with idle_lab(tmp_path) as place, bot_process(place) as process:
        code, stderr = await refused(place)
        assert code == 1
        assert f"pid {process.pid}, configuration {place.config}" in stderr
        assert len(stderr.strip().splitlines()) == 1
        thread = await place.thread("say still here")
        await place.ann.sees(thread, "still here", by=place.bot)


async def test_a_second_bot_with_the_same_token_says_who_has_it(tmp_path: Path) -> None:
    """Another journal does not help: the Discord user is the same."""
    async with idle_lab(tmp_path) as place, bot_process(place) as process:
        other = tmp_path / "other" / "threadline.toml"
        other.parent.mkdir()
        place.config = other
        place.configure()
        code, stderr = await refused(place)
        assert code == 1
        assert f"pid {process.pid}" in stderr


async def test_a_journal_that_cannot_be_used_is_refused_and_can_be_put_aside(tmp_path: Path) -> None:
    """Exit code 2, the file and the command are named; with the flag the old file is kept under another name."""
    async with idle_lab(tmp_path) as place:
        journal = place.config.with_name("threadline.db")
        journal.write_bytes(b"this is no database, it is a text that goes on for a while" * 100)
        code, stderr = await refused(place)
        assert code == 2
        assert str(journal) in stderr
        assert "threadline run --new-journal" in stderr
        async with bot_process(place, "--new-journal"):
            pass  # It has begun its work with a new one.
        (aside,) = sorted(tmp_path.glob("threadline.db.broken-*[0-9]"))  # noqa: ASYNC240 - nothing else runs
        assert aside.read_bytes().startswith(b"this is no database")
