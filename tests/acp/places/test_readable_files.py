"""What the checks of a file must hold against: the kernel's files, withheld ones, and changes at the wrong moment."""

import os
from pathlib import Path
from typing import Any

import pytest

from acp import FileProblem, FileRefused
from acp.places.readable_files import ReadableFiles

LIMIT = 10


def problem(files: ReadableFiles, path: Path | str) -> FileProblem:
    """Return why the file is not read."""
    with pytest.raises(FileRefused) as refused:
        files.read_now(str(path), LIMIT)
    return refused.value.problem


def test_the_kernels_files_are_refused_even_where_everything_is_the_session() -> None:
    """A session may work in `/`; the environment of its process stays private."""
    assert problem(ReadableFiles([Path("/")]), "/proc/self/environ") is FileProblem.NOT_REGULAR


def test_all_of_a_withheld_directory_is_refused(tmp_path: Path) -> None:
    """Also by a link to it."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state/journal").write_text("rows")
    (tmp_path / "link").symlink_to("state/journal")
    files = ReadableFiles([tmp_path], [tmp_path / "gone", tmp_path / "state"])
    (tmp_path / "other").write_text("open")
    assert files.read_now(str(tmp_path / "other"), LIMIT) == b"open"
    for name in ("state/journal", "link"):
        assert problem(files, tmp_path / name) is FileProblem.WITHHELD


def test_a_path_that_the_system_cannot_resolve_is_refused(tmp_path: Path) -> None:
    """A name of too many bytes, and a link to itself."""
    files = ReadableFiles([tmp_path])
    (tmp_path / "loop").symlink_to("loop")
    for name in ("loop", "x" * 300):
        assert problem(files, tmp_path / name) is FileProblem.OUTSIDE


def test_a_file_that_grows_after_it_was_measured_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size that a file claims proves nothing."""
    measure, measured = ReadableFiles._require_fit, list[int]()
    (tmp_path / "log").write_bytes(b"x" * LIMIT)

    def measure_and_grow(files: ReadableFiles, status: os.stat_result, *bounds: Any) -> None:
        measure(files, status, *bounds)
        measured.append(status.st_size)
        if len(measured) == 2:  # Before it is opened, and after.
            with (tmp_path / "log").open("ab") as file:
                file.write(b"x")

    monkeypatch.setattr(ReadableFiles, "_require_fit", measure_and_grow)
    assert problem(ReadableFiles([tmp_path]), tmp_path / "log") is FileProblem.TOO_LARGE
