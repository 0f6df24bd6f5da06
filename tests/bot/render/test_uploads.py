"""Attached files: plain unique names, sizes that Discord takes, unchanged data."""

import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.render import uploads as files
from bot.render.code_blocks import Fence
from bot.render.spool import IN_MEMORY, IN_TROUBLE, Spool
from bot.render.uploads import File, UploadShelf, batches, code_name, parts
from bot.text.sizes import MAX_FILE_BYTES, format_size


@given(st.lists(st.text(max_size=120), max_size=20))
def test_a_name_is_plain_and_unique_in_its_reply(wanted: list[str]) -> None:
    """Whatever an agent calls it: without a path, not hidden, and unique without regard to case (P62)."""
    shelf = UploadShelf()
    names = [shelf.name(each) for each in wanted]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert name
        assert not name.startswith(".")
        assert not set("/\\`\n\0:") & set(name)
        assert len(name) <= files.LONGEST_NAME + 4


@pytest.mark.parametrize(
    ("info", "first_line", "name"),
    [
        ("python", "x = 1", "code.py"),
        ("", "x = 1", "code.txt"),
        ("rs", "", "code.rs"),
        ("C++", "", "code.cpp"),
        ("python3", "", "code.py"),
        ("typescriptreact", "", "code.tsx"),
        ("weird-language", "", "code.txt"),
        ("py src/app.py", "", "src/app.py"),
        ('js title="a.test.mjs"', "", "a.test.mjs"),
        ("ts:lib/b.ts", "", "lib/b.ts"),
        ("python", "# src/a_b.py", "src/a_b.py"),
        ("js", "// file: x.js", "x.js"),
        ("html", "<!-- index.html -->", "index.html"),
        ("css", "/* main.css */", "main.css"),
        ("sql", "-- q.sql", "q.sql"),
        ("python", "# this uses numpy.array and more", "code.py"),
    ],
)
def test_a_code_file_is_named_by_what_the_agent_says_of_it(info: str, first_line: str, name: str) -> None:
    """In the info string, in a comment in the first line, else by the language."""
    assert code_name(Fence("```", info), first_line) == name


def test_files_are_grouped_into_as_few_messages_as_the_limits_allow() -> None:
    """Ten files and 25 MiB a message, in order."""
    spool = Spool()
    small = [File(f"{number}", 0, spool, 0, 1) for number in range(12)]
    large = [File("a", 0, spool, 0, MAX_FILE_BYTES), File("b", 0, spool, 0, MAX_FILE_BYTES)]
    assert [[file.name for file in batch] for batch in batches([*small, *large, large[0]])] == [
        [str(number) for number in range(10)],
        ["10", "11", "a", "b"],
        ["a"],
    ]
    assert batches([]) == []


def test_a_file_that_is_too_large_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they are the whole file."""
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 10)
    found = list(parts("reply.md", 3, Spool(b"x" * 25)))
    assert [(file.name, file.page, file.size) for file in found] == [
        ("reply.md", 3, 10),
        ("reply-2.md", 3, 10),
        ("reply-3.md", 3, 5),
    ]
    assert b"".join(file.source() for file in found) == b"x" * 25


@pytest.mark.parametrize("size", [0, 10, IN_MEMORY * 3])
def test_a_spool_returns_what_was_written(size: int) -> None:
    """In memory or on disk; reading does not change where the next write goes."""
    spool = Spool(b"head")
    spool.write(b"x" * size)
    assert spool.read(0, 4) == b"head"
    spool.write(b"tail")
    assert spool.size == size + 8
    assert spool.read() == b"head" + b"x" * size + b"tail"
    spool.close()


def test_a_spool_without_a_temporary_directory_keeps_what_memory_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most files are smaller; of a larger one it keeps the beginning, and knows how much is missing."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    small, large = Spool(b"x" * IN_MEMORY * 4), Spool()
    for number in range(20):
        large.write(b"%d" % (number % 10) * IN_MEMORY)
    assert (small.read(), small.lost) == (b"x" * IN_MEMORY * 4, 0)
    assert large.read() == b"".join(b"%d" % (number % 10) * IN_MEMORY for number in range(16))
    assert (large.size, large.lost) == (IN_TROUBLE, 4 * IN_MEMORY)
    assert large.trouble == "No such file or directory"


def test_a_spool_whose_disk_is_full_keeps_what_is_on_it_and_continues_in_memory() -> None:
    """Where a write fails half-way each byte is kept once."""
    spool, soft = Spool(b"a" * 100_000), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, soft[1]))
    try:
        spool.write(b"b" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, soft)
    spool.write(b"c" * 100_000)
    assert spool.read() == b"a" * 100_000 + b"b" * 100_000 + b"c" * 100_000
    assert spool.read(99_999, 2) == b"ab"
    assert spool.read(199_999, 2) == b"bc"
    assert (spool.lost, spool.trouble) == (0, "File too large")


def test_bytes_that_come_after_a_spool_is_closed_are_dropped() -> None:
    """Late text must not fail because the file has been sent."""
    spool = Spool(b"early")
    spool.close()
    spool.write(b"late")
    assert spool.lost == 4
    with pytest.raises(OSError, match="no longer available"):
        spool.read()


@pytest.mark.parametrize(("size", "words"), [(5, "5 bytes"), (2048, "2 KiB"), (10 * 1024 * 1024, "10 MiB")])
def test_sizes_are_written_for_people(size: int, words: str) -> None:
    """In units that are easy to read."""
    assert format_size(size) == words
