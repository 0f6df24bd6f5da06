import errno
import os
import socket
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import acp.client_side.filesystem
import acp.client_side.roots
from acp.client_side.filesystem import FileSystem
from acp.client_side.refusal import NOT_FOUND, RequestRefused
from acp.client_side.roots import MAX_LINKS, Roots
from acp.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS
from acp.process.sandbox import Sandbox

SECRET = "what nobody may read\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The session's directory."""
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A neighbouring directory, with a file in it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text(SECRET)
    return tmp_path / "outside"


def serving(*directories: Path) -> FileSystem:
    """Serve the files in these directories."""
    return FileSystem(Roots(directories))


def code_of(act: Callable[[], object]) -> int:
    """Do what must be refused, with a reason; return the code."""
    with pytest.raises(RequestRefused) as refused:
        act()
    assert str(refused.value)
    return refused.value.code


def names_in(directory: Path) -> list[str]:
    """What a directory holds."""
    return sorted(path.name for path in directory.iterdir())


# ---- reading


@pytest.mark.parametrize(
    ("line", "limit", "text"),
    [
        (None, None, "one\r\ntwo\n\nfour"),
        (1, None, "one\r\ntwo\n\nfour"),
        (0, 1, "one\r\n"),
        (2, 1, "two\n"),
        (2, None, "two\n\nfour"),
        (None, 2, "one\r\ntwo\n"),
        (4, 9, "four"),
        (5, None, ""),
        (2**32 - 1, 2**32 - 1, ""),
        (2, 0, ""),
    ],
)
def test_lines_are_counted_from_one_and_come_as_they_are(
    root: Path, line: int | None, limit: int | None, text: str
) -> None:
    """With their ends; past the last line the text is empty."""
    (root / "file").write_bytes(b"one\r\ntwo\n\nfour")
    assert serving(root).read_text_now(f"{root}/file", line, limit) == text


@given(
    text=st.text(st.sampled_from("a\r\n\u2028é\x0c")),
    line=st.integers(0, 9) | st.none(),
    limit=st.integers(0, 9) | st.none(),
)
def test_only_newlines_end_lines(
    tmp_path_factory: pytest.TempPathFactory, text: str, line: int | None, limit: int | None
) -> None:
    """`splitlines` also splits at other characters."""
    root = tmp_path_factory.getbasetemp()
    (root / "lines").write_bytes(text.encode())
    lines = text.split("\n")
    lines = [each + "\n" for each in lines[:-1]] + lines[-1:]
    start = max(line or 1, 1) - 1
    expected = "".join(lines[start:] if limit is None else lines[start : start + limit])
    assert serving(root).read_text_now(str(root / "lines"), line, limit) == expected


@pytest.mark.parametrize(("line", "limit"), [(-1, None), (None, -1)])
def test_a_negative_line_or_number_of_lines_is_refused(root: Path, line: int | None, limit: int | None) -> None:
    """The schema has none."""
    assert code_of(lambda: serving(root).read_text_now(f"{root}/file", line, limit)) == INVALID_PARAMS


def test_what_is_not_utf8_is_refused_where_it_is_asked_for(root: Path) -> None:
    """An agent that writes back what it read never damages a file; a byte order mark survives too."""
    (root / "file").write_bytes("\ufeffone\n".encode() + b"tw\xf6\n")
    files = serving(root)
    assert code_of(lambda: files.read_text_now(f"{root}/file")) == INTERNAL_ERROR
    assert files.read_text_now(f"{root}/file", limit=1) == "\ufeffone\n"


def test_a_long_file_can_be_read_only_as_far_as_the_bound(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first lines can be had; a text that ends beyond the bound is refused, not cut."""
    monkeypatch.setattr(acp.client_side.filesystem, "READ_BYTES", 8)
    (root / "just").write_text("one\ntwo\n")
    (root / "long").write_text("one\ntwo\nthree\n")
    files = serving(root)
    assert files.read_text_now(f"{root}/just") == "one\ntwo\n"
    assert files.read_text_now(f"{root}/long", 2, 1) == "two\n"
    assert code_of(lambda: files.read_text_now(f"{root}/long")) == INTERNAL_ERROR
    assert code_of(lambda: files.read_text_now(f"{root}/long", 3, 1)) == INTERNAL_ERROR
    assert code_of(lambda: files.read_text_now(f"{root}/long", 2)) == INTERNAL_ERROR


def test_a_file_without_an_end_is_read_only_as_far_as_the_bound(root: Path) -> None:
    """A sparse file of a terabyte costs 10 MB."""
    with (root / "huge").open("wb") as file:
        file.truncate(2**40)
    assert code_of(lambda: serving(root).read_text_now(f"{root}/huge")) == INTERNAL_ERROR


def test_what_is_not_there_is_not_found(root: Path) -> None:
    """Neither a file nor what would be in one."""
    (root / "file").write_text("")
    files = serving(root)
    assert code_of(lambda: files.read_text_now(f"{root}/none")) == NOT_FOUND
    assert code_of(lambda: files.read_text_now(f"{root}/none/none")) == NOT_FOUND
    assert code_of(lambda: files.read_text_now(f"{root}/file/none")) == NOT_FOUND
    assert names_in(root) == ["file"]


# ---- where a path leads


@pytest.mark.parametrize("form", ["{0}/../root/file", "root/file", "", "{0}/file\0", "{0}/\ud800", "{0}/" + "x" * 256])
def test_a_path_must_be_absolute_and_say_where_it_leads(root: Path, form: str) -> None:
    """Dots are refused even where they would stay inside."""
    (root / "file").write_text("text")
    files = serving(root)
    assert code_of(lambda: files.read_text_now(form.format(root))) == INVALID_PARAMS
    assert code_of(lambda: files.write_text_now(form.format(root), "new")) == INVALID_PARAMS
    assert names_in(root) == ["file"]


def test_idle_slashes_and_dots_in_a_path_do_no_harm(root: Path) -> None:
    """The path leads to the same file."""
    serving(root).write_text_now(f"/{root}//a/./file", "text")
    assert serving(root).read_text_now(f"{root}/./a//file") == "text"


def test_neighbours_and_ancestors_are_outside(root: Path, outside: Path) -> None:
    """A name that begins like the directory's is not in it; the directory itself is no file."""
    beside = root.with_name("root-2")
    beside.mkdir()
    (beside / "file").write_text(SECRET)
    files = serving(root)
    for path in (beside / "file", outside / "file", root.parent / "file", root, Path("/etc/passwd"), Path("/")):
        assert code_of(lambda path=path: files.read_text_now(str(path))) == INVALID_PARAMS  # type: ignore[misc]
        assert code_of(lambda path=path: files.write_text_now(str(path), "")) == INVALID_PARAMS  # type: ignore[misc]


def test_any_of_the_sessions_directories_will_do(root: Path, outside: Path) -> None:
    """Additional ones count as much as the first."""
    assert serving(root, outside).read_text_now(f"{outside}/file") == SECRET


@pytest.mark.parametrize(
    "target", ["../outside/file", "{0}/outside/file", "a/../../outside/file", "../../../../../../../../etc/passwd"]
)
def test_a_link_that_leads_outside_is_refused(root: Path, outside: Path, target: str) -> None:
    """For reading and for writing; relative, absolute, or by a detour."""
    (root / "a").mkdir()
    (root / "link").symlink_to(target.format(root.parent))
    files = serving(root)
    assert code_of(lambda: files.read_text_now(f"{root}/link")) == INVALID_PARAMS
    assert code_of(lambda: files.write_text_now(f"{root}/link", "new")) == INVALID_PARAMS
    assert (outside / "file").read_text() == SECRET


def test_a_directory_that_is_a_link_to_the_outside_is_refused(root: Path, outside: Path) -> None:
    """Writes there are refused too."""
    (root / "door").symlink_to(outside)
    (root / "nowhere").symlink_to(outside / "new")
    files = serving(root)
    assert code_of(lambda: files.read_text_now(f"{root}/door/file")) == INVALID_PARAMS
    assert code_of(lambda: files.write_text_now(f"{root}/door/new/file", "new")) == INVALID_PARAMS
    assert code_of(lambda: files.write_text_now(f"{root}/nowhere/file", "new")) == INVALID_PARAMS
    assert names_in(outside) == ["file"]


@pytest.mark.parametrize(
    "target", ["b/file", "a/../b/file", "{0}/root/b/file", "{0}/root/a/../b/./file", "a/up/b/file", "{0}/alias/b/file"]
)
def test_a_link_that_stays_inside_is_followed_and_written_through(root: Path, target: str) -> None:
    """As the kernel would follow it; the link stays a link."""
    (root / "a").mkdir()
    (root / "b").mkdir()
    (root / "b" / "file").write_text("text")
    (root / "a" / "up").symlink_to("..")
    (root.parent / "alias").symlink_to(root)
    (root / "link").symlink_to(target.format(root.parent))
    files = serving(root.parent / "alias")
    assert files.read_text_now(f"{root}/link") == "text"
    files.write_text_now(f"{root}/link", "new")
    assert (root / "b" / "file").read_text() == "new"
    assert (root / "link").is_symlink()


def test_a_link_may_lead_from_one_of_the_directories_into_another(tmp_path: Path) -> None:
    """Also where the way goes above both."""
    one, two = tmp_path / "x" / "one", tmp_path / "y" / "two"
    for directory in (one, two):
        directory.mkdir(parents=True)
    (two / "file").write_text("text")
    (one / "link").symlink_to("../../y/two/file")
    assert serving(one, two).read_text_now(f"{one}/link") == "text"
    assert code_of(lambda: serving(one).read_text_now(f"{one}/link")) == INVALID_PARAMS


def test_a_link_to_what_is_not_there_yet_is_written_through(root: Path) -> None:
    """If that is inside."""
    (root / "link").symlink_to("a/file")
    serving(root).write_text_now(f"{root}/link", "text")
    assert (root / "a" / "file").read_text() == "text"


def test_links_in_a_circle_end(root: Path) -> None:
    """A chain as long as the kernel allows is followed."""
    (root / "circle").symlink_to("circle")
    (root / "0").write_text("text")
    for number in range(1, MAX_LINKS + 1):
        (root / str(number)).symlink_to(str(number - 1))
    files = serving(root)
    assert code_of(lambda: files.read_text_now(f"{root}/circle")) == INVALID_PARAMS
    assert files.read_text_now(f"{root}/{MAX_LINKS - 1}") == "text"
    assert code_of(lambda: files.read_text_now(f"{root}/{MAX_LINKS}")) == INVALID_PARAMS


def test_a_directory_that_was_a_link_when_the_session_began_has_both_names(root: Path) -> None:
    """People configure paths with links in them, and agents say either name."""
    (root.parent / "alias").symlink_to(root)
    (root / "file").write_text("text")
    files = serving(root.parent / "alias")
    assert files.read_text_now(f"{root.parent}/alias/file") == "text"
    assert files.read_text_now(f"{root}/file") == "text"


def test_a_directory_that_became_a_link_after_the_session_began_is_outside(root: Path, outside: Path) -> None:
    """The agent that may write above one directory of its session cannot turn it into another place."""
    files = serving(root)
    root.rename(root.with_name("away"))
    root.symlink_to(outside)
    assert code_of(lambda: files.read_text_now(f"{root}/file")) == INVALID_PARAMS


def test_the_whole_file_system_can_be_a_root(root: Path) -> None:
    """It is what the operator says."""
    (root / "file").write_text("text")
    assert serving(Path("/")).read_text_now(f"{root}/file") == "text"
    assert Roots([Path("/")]).directory("/") == Path("/")


def test_a_directory_is_told_without_its_links(root: Path, outside: Path) -> None:
    """For a terminal to start in; a file is none, and neither is anything outside."""
    (root / "a").mkdir()
    (root / "file").write_text("")
    (root / "link").symlink_to("a")
    (root / "door").symlink_to(outside)
    roots = Roots([root])
    assert roots.directory(str(root)) == root
    assert roots.directory(f"{root}/link/") == root / "a"
    assert code_of(lambda: roots.directory(f"{root}/door")) == INVALID_PARAMS
    assert code_of(lambda: roots.directory(str(root.parent))) == INVALID_PARAMS
    assert code_of(lambda: roots.directory(f"{root}/file")) == NOT_FOUND
    assert code_of(lambda: roots.directory(f"{root}/none")) == NOT_FOUND


@pytest.mark.parametrize("directories", [[], [Path("relative")]])
def test_roots_are_absolute_and_at_least_one(directories: list[Path]) -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(ValueError, match="absolute"):
        Roots(directories)


def test_no_descriptor_is_left_open(root: Path, outside: Path) -> None:
    """For every outcome."""
    (root / "file").write_text("text")
    (root / "link").symlink_to("file")
    (root / "door").symlink_to(outside)
    files, before = serving(root), names_in(Path("/proc/self/fd"))
    files.read_text_now(f"{root}/link")
    files.write_text_now(f"{root}/a/b/file", "")
    Roots([root]).directory(str(root))
    for path in ("door/file", "none", "file/none", "a"):
        code_of(lambda path=path: files.read_text_now(f"{root}/{path}"))  # type: ignore[misc]
    assert len(names_in(Path("/proc/self/fd"))) == len(before)


# ---- what is swapped between a look and an opening


@contextmanager
def after_the_look(monkeypatch: pytest.MonkeyPatch, name: str, swap: Callable[[], None]) -> Iterator[None]:
    """Call `swap` once, when the walk has just seen that `name` is no link."""
    look, todo = acp.client_side.roots._link_target, [swap]

    def look_and_swap(directory: int, seen: str) -> str | None:
        target = look(directory, seen)
        if seen == name and todo:
            assert target is None
            todo.pop()()
        return target

    with monkeypatch.context() as patched:
        patched.setattr(acp.client_side.roots, "_link_target", look_and_swap)
        yield
    assert not todo


def test_a_directory_swapped_for_a_link_after_the_look_leads_nowhere(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The opening is by the kernel's word, not by what was seen before."""
    (root / "door").mkdir()

    def swap() -> None:
        (root / "door").rename(root / "away")
        (root / "door").symlink_to(outside)

    with after_the_look(monkeypatch, "door", swap):
        assert code_of(lambda: serving(root).read_text_now(f"{root}/door/file")) == NOT_FOUND


def test_a_missing_directory_that_appears_as_a_link_is_not_written_through(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and its making."""
    with after_the_look(monkeypatch, "door", lambda: (root / "door").symlink_to(outside)):
        assert code_of(lambda: serving(root).write_text_now(f"{root}/door/new", "new")) == NOT_FOUND
    assert names_in(outside) == ["file"]


def test_a_file_swapped_for_a_link_after_the_look_is_not_read(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step is taken like the others."""
    (root / "file").write_text("text")

    def swap() -> None:
        (root / "file").unlink()
        (root / "file").symlink_to(outside / "file")

    with after_the_look(monkeypatch, "file", swap):
        assert code_of(lambda: serving(root).read_text_now(f"{root}/file")) == INTERNAL_ERROR


def test_a_file_swapped_for_a_link_after_it_was_examined_is_neither_read_nor_written_through(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where a link was ruled out twice."""
    require = acp.client_side.filesystem._require_regular

    def require_and_swap(status: os.stat_result, entry: acp.client_side.roots.Entry) -> None:
        require(status, entry)
        (root / "file").unlink()
        (root / "file").symlink_to(outside / "file")

    monkeypatch.setattr(acp.client_side.filesystem, "_require_regular", require_and_swap)
    for act in (
        lambda: serving(root).read_text_now(f"{root}/file"),
        lambda: serving(root).write_text_now(f"{root}/file", "new"),
    ):
        (root / "file").unlink(missing_ok=True)
        (root / "file").write_text("text")
        assert code_of(act) == INTERNAL_ERROR
    assert (outside / "file").read_text() == SECRET


def test_a_file_swapped_for_a_link_before_the_draft_takes_its_place_is_replaced(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is what goes, not what it leads to."""
    rename = os.rename

    def swap_and_rename(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        (root / "file").symlink_to(outside / "file")
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", swap_and_rename)
    serving(root).write_text_now(f"{root}/file", "new")
    assert (outside / "file").read_text() == SECRET
    assert not (root / "file").is_symlink()
    assert (root / "file").read_text() == "new"


def swap_the_file(root: Path, outside: Path) -> None:
    """Make it a link to the outside, and a file again."""
    (root / "next").symlink_to(outside / "file")
    (root / "next").rename(root / "place" / "file")
    (root / "next").write_text("text")
    (root / "next").rename(root / "place" / "file")


def swap_the_directory(root: Path, outside: Path) -> None:
    """Put a link to the outside in its place, and the directory back."""
    (root / "next").symlink_to(outside)
    (root / "place").rename(root / "away")
    (root / "next").rename(root / "place")
    (root / "place").unlink()
    (root / "away").rename(root / "place")


def swap_the_link(root: Path, outside: Path) -> None:
    """Let the way there lead outside, and inside again."""
    for target in (outside, root / "place"):
        (root / "next").symlink_to(target)
        (root / "next").rename(root / "way")


@pytest.mark.parametrize(
    ("swap", "writes"),
    # A write would make the directory that is away for a moment.
    [(swap_the_file, True), (swap_the_directory, False), (swap_the_link, True)],
)
def test_what_is_swapped_all_the_time_never_leads_outside(
    root: Path, outside: Path, swap: Callable[[Path, Path], None], *, writes: bool
) -> None:
    """A real race, until each outcome was seen often: never the secret, nor its loss."""
    (root / "place").mkdir()
    (root / "place" / "file").write_text("text")
    (root / "way").symlink_to("place")
    done = threading.Event()

    def swap_on() -> None:
        while not done.is_set():
            swap(root, outside)

    files, seen = serving(root), Counter[str]()
    thread = threading.Thread(target=swap_on)
    thread.start()
    try:
        while min(seen["text"], seen.total() - seen["text"]) < 100:
            try:
                seen[files.read_text_now(f"{root}/way/file")] += 1
                if writes:
                    files.write_text_now(f"{root}/way/file", "text")
            except RequestRefused as refused:
                seen[str(refused.code)] += 1
            assert SECRET not in seen
    finally:
        done.set()
        thread.join()
    assert (outside / "file").read_text() == SECRET
    assert names_in(outside) == ["file"]


# ---- what is no file


def test_only_regular_files_are_touched_and_none_is_waited_for(root: Path) -> None:
    """A FIFO without another end, a directory, a socket and a device are refused immediately."""
    os.mkfifo(root / "fifo")
    (root / "directory").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        files = serving(root, Path("/dev"))
        for path in (f"{root}/fifo", f"{root}/directory", f"{root}/socket", "/dev/null", "/dev/tty"):
            assert code_of(lambda path=path: files.read_text_now(path)) == INTERNAL_ERROR  # type: ignore[misc]
            assert code_of(lambda path=path: files.write_text_now(path, "")) == INTERNAL_ERROR  # type: ignore[misc]
    assert stat.S_ISFIFO((root / "fifo").stat().st_mode)


def test_a_fifo_that_takes_the_place_of_a_file_after_the_look_is_not_waited_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it count as a file."""
    require, examined = acp.client_side.filesystem._require_regular, list[int]()
    (root / "file").write_text("text")

    def require_and_swap(status: os.stat_result, entry: acp.client_side.roots.Entry) -> None:
        examined.append(stat.S_IFMT(status.st_mode))
        require(status, entry)
        (root / "file").unlink()
        os.mkfifo(root / "file")

    monkeypatch.setattr(acp.client_side.filesystem, "_require_regular", require_and_swap)
    assert code_of(lambda: serving(root).read_text_now(f"{root}/file")) == INTERNAL_ERROR
    assert examined == [stat.S_IFREG, stat.S_IFIFO]


# ---- writing


def test_a_missing_file_is_made_with_its_directories(root: Path) -> None:
    """With the permissions that any new file gets."""
    (root / "usual").write_text("")
    serving(root).write_text_now(f"{root}/a/b/file", "añ\r\n\x00")
    assert (root / "a" / "b" / "file").read_bytes() == "añ\r\n\x00".encode()
    assert (root / "a" / "b" / "file").stat().st_mode == (root / "usual").stat().st_mode


def test_a_sessions_directory_that_is_gone_is_not_made_anew(root: Path) -> None:
    """Only what is inside of one is ours to make."""
    files = serving(root)
    root.rmdir()
    assert code_of(lambda: files.write_text_now(f"{root}/a/file", "new")) == NOT_FOUND
    assert not root.exists()


@pytest.mark.parametrize("mode", [0o600, 0o755, 0o666])
def test_an_existing_file_keeps_its_mode(root: Path, mode: int) -> None:
    """A script stays executable, a secret stays private, and the directory has no other new file."""
    (root / "file").write_text("old")
    (root / "file").chmod(mode)
    serving(root).write_text_now(f"{root}/file", "new")
    assert (root / "file").read_text() == "new"
    assert stat.S_IMODE((root / "file").stat().st_mode) == mode
    assert names_in(root) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_file_that_we_may_not_write_is_not_replaced(root: Path) -> None:
    """Although its directory would allow it."""
    (root / "file").write_text("old")
    (root / "file").chmod(0o444)
    assert code_of(lambda: serving(root).write_text_now(f"{root}/file", "new")) == INTERNAL_ERROR
    assert (root / "file").read_text() == "old"


def test_who_reads_while_a_file_is_written_sees_the_old_text_or_the_new(root: Path) -> None:
    """Never a part, since the new text comes in a file of its own."""
    (root / "file").write_text("old")
    with (root / "file").open() as reader:
        serving(root).write_text_now(f"{root}/file", "new")
        assert reader.read() == "old"


def test_a_write_that_fails_changes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old text stays, the draft is removed, and the error has the system's reason."""
    (root / "file").write_text("old")

    def write(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        assert code_of(lambda: serving(root).write_text_now(f"{root}/file", "new")) == INTERNAL_ERROR
    assert (root / "file").read_text() == "old"
    assert names_in(root) == ["file"]


def test_a_write_in_pieces_is_whole(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take less than it is given."""
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(islice(data, 2))))
        serving(root).write_text_now(f"{root}/file", "seven b")
    assert (root / "file").read_text() == "seven b"


def test_content_that_is_too_long_or_no_text_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is made; the bound is in bytes."""
    monkeypatch.setattr(acp.client_side.filesystem, "WRITE_BYTES", 4)
    files = serving(root)
    files.write_text_now(f"{root}/file", "éé")
    assert code_of(lambda: files.write_text_now(f"{root}/a/new", "ééé")) == INVALID_PARAMS
    assert code_of(lambda: files.write_text_now(f"{root}/a/new", "\ud800")) == INVALID_PARAMS
    assert names_in(root) == ["file"]


async def test_files_are_read_and_written_beside_the_loop(root: Path) -> None:
    """The awaitable methods do the same, in a thread."""
    files = serving(root)
    await files.write_text(f"{root}/file", "one\ntwo\n")
    assert await files.read_text(f"{root}/file", 2, 1) == "two\n"
    with pytest.raises(RequestRefused):
        await files.read_text(f"{root}/none")


# ---- protected files


@pytest.mark.parametrize("name", [".git/hooks/pre-commit", "sub/.claude/settings.json", "alias/config", "deep/.envrc"])
def test_a_protected_file_is_not_written(root: Path, name: str) -> None:
    """Under no name of it, and no directory is made for it. It can still be read."""
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("old")
    (root / "alias").symlink_to(".git")
    served = FileSystem(Roots([root]), Sandbox(writable=(root,)).protects)
    before = sorted(root.rglob("*"))
    for write in (served.write_text_now, served._check_write_now):
        assert code_of(partial(write, str(root / name), "evil")) == INVALID_PARAMS
    assert sorted(root.rglob("*")) == before
    assert served.read_text_now(str(root / "alias" / "config")) == "old"
    served.write_text_now(str(root / "gitignore"), "free")
