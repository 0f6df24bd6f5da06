"""Changes as unified diffs: correct, short, and never slow."""

import difflib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp.schema import Diff
from bot.render import diffs
from bot.render.diffs import LONGEST, MOST, MOST_CHARACTERS, change_of, changes_of, excerpt, place_of
from bot.render.line_diff import PER_UPDATE, DiffBudget

PATCH_SECONDS = 30.0
"""Seconds; only a program that hangs takes as long."""

files = st.lists(st.sampled_from(["a", "b", "c", "", "+", "-"]), max_size=25).map("\n".join)


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs the program patch")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a\nb\nc", "a\nb\nc\nd"),
        ("", "a\n"),
        ("a\n", ""),
        ("".join(f"{n}\n" for n in range(50)), "".join(f"{n if n % 17 else 'x'}\n" for n in range(50))),
        ("a\n" * 10 + "b\n", "a\n" * 12),
        ("a\nb\nc\nd\ne\nx\nf", "a\nb\nc\nd\ne\ny\nz\nf"),
        ("same\n" * 9 + "x", "same\n" * 9 + "x\n"),
        ("x\n" + "same\n" * 9, "same\n" * 9),
        ("a\x1cb\fc\n\u2028d\n", "a\x1cb\fC\n\u2028d\n"),
    ],
)
@pytest.mark.parametrize("longest", [LONGEST, 0], ids=["compared", "as a whole"])
def test_a_patch_makes_the_change(
    old: str, new: str, longest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked by a program that applies patches."""
    monkeypatch.setattr(diffs, "LONGEST", longest)
    change = change_of(Diff(path="file.txt", old_text=old, new_text=new))
    assert change is not None
    (tmp_path / "file.txt").write_text(old)
    subprocess.run(
        ["patch", "-p1", "-s"],  # noqa: S607 - whichever is installed
        input=change.patch,
        cwd=tmp_path,
        text=True,
        check=True,
        timeout=PATCH_SECONDS,
    )
    made = tmp_path / "file.txt"
    assert (made.read_text() if made.exists() else "") == new


ODD_NAMES = ["two words.py", ' "a\\b".py ', "a\tb\nc.py", "a  b/é.py", "-x", "漢字"]


@pytest.mark.parametrize("program", [["patch", "-p1", "-s"], ["git", "apply"]], ids=["patch", "git"])
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_patch_names_its_file_whatever_the_name(name: str, program: list[str], tmp_path: Path) -> None:
    """Names with spaces, quotes, control characters; also an empty file, which Git can create."""
    if shutil.which(program[0]) is None:
        pytest.skip(f"needs the program {program[0]}")
    made, empty = tmp_path / name, tmp_path / "new" / name
    made.parent.mkdir(exist_ok=True)
    made.write_text("a\n")
    changes = [change_of(Diff(path=str(made), old_text="a\n", new_text="b\n"), str(tmp_path))]
    if program[0] == "git":
        changes += [change_of(Diff(path=str(empty), new_text=""), str(tmp_path))]
    patch = "".join(change.patch for change in changes if change is not None)
    subprocess.run(program, input=patch, cwd=tmp_path, text=True, check=True, timeout=PATCH_SECONDS)
    assert made.read_text() == "b\n"
    assert program[0] != "git" or empty.read_text() == ""


@given(files, files)
def test_a_patch_holds_both_texts(old: str, new: str) -> None:
    """Removed and equal lines are the old text; added and equal lines are the new one."""
    change = change_of(Diff(path="f", old_text=old, new_text=new))
    if change is None:
        assert old == new
        return
    body = change.patch.replace("\n\\ No newline at end of file", "").split("\n")[2:]
    assert change.added == sum(line.startswith("+") for line in body)
    assert change.removed == sum(line.startswith("-") for line in body)
    kept = [line[1:] for line in body if line.startswith((" ", "-"))]
    assert set(kept) <= set(old.split("\n"))
    assert change.added - change.removed == len(new.splitlines()) - len(old.splitlines())


def test_a_new_file_comes_from_dev_null() -> None:
    """An unchanged file is no change."""
    change = change_of(Diff(path="/p/new.py", new_text="a\nb\n"), "/p")
    assert change is not None
    assert change.patch == "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,2 @@\n+a\n+b\n"
    assert change_of(Diff(path="x", old_text="a", new_text="a")) is None


REPETITIVE = {
    "one line again and again": ("a\n" * 1_000, "a\n" * 500 + "b\n" + "a\n" * 501),
    "two lines in any order": ("a\nb\nb\n" * 400, "b\na\nb\na\n" * 300),
    "indented anew, with blank lines": (
        "".join(f"call({n})\n\n" for n in range(450)),
        "".join(f"    call({n})\n\n" for n in range(450)),
    ),
    "a key in each of many blocks": (
        "".join(f"- name: {n}\n  a: b\n  c: d\n" for n in range(240)),
        "".join(f"- name: {n}\n  a: b\n  new: e\n  c: d\n" for n in range(240)),
    ),
    "backwards": ("".join(f"{n}\n" for n in range(900)), "".join(f"{n}\n" for n in range(900, 0, -1))),
}
"""Changes that take the cube of their length where each line is compared with each."""


@pytest.mark.parametrize("name", REPETITIVE)
def test_a_comparison_keeps_to_its_budget(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted as the pairs of lines that are compared one by one, times the splits that are possible."""
    compared: list[int] = []

    class Counting(difflib.SequenceMatcher[str]):
        def __init__(self, junk: None, old: Sequence[str], new: Sequence[str], *, autojunk: bool) -> None:
            compared.append(len(old) * len(new) * min(len(old), len(new)))
            super().__init__(junk, old, new, autojunk=autojunk)

    monkeypatch.setattr(difflib, "SequenceMatcher", Counting)
    old, new = REPETITIVE[name]
    assert change_of(Diff(path="f", old_text=old, new_text=new)) is not None
    assert sum(compared) <= PER_UPDATE


def test_a_small_change_in_each_of_many_blocks_is_shown_as_that() -> None:
    """Although the blocks are almost equal."""
    old, new = REPETITIVE["a key in each of many blocks"]
    change = change_of(Diff(path="f", old_text=old, new_text=new))
    assert change is not None
    assert (change.added, change.removed) == (240, 0)


def test_the_changes_of_a_turn_share_one_budget() -> None:
    """When it is spent the rest is shown as all out, all in; changes beyond a number are only counted."""
    old, new = REPETITIVE["a key in each of many blocks"]
    budget = DiffBudget()
    changes = changes_of([Diff(path="f", old_text=old, new_text=new)] * (MOST + 9), "", budget)
    assert budget.now >= 0
    assert (changes[0].added, changes[0].removed) == (240, 0)
    assert (changes[MOST - 1].added, changes[MOST - 1].removed) == (960, 720)
    assert changes[MOST].patch == "# too large to list: 9 more changes\n"
    while budget.turn:
        budget.renew()
        assert budget.take(budget.now)
    assert not budget.take(1)


def test_a_patch_only_names_texts_beyond_a_size() -> None:
    """To write them takes long, and an attached file has no room for them."""
    big = "x\n" * (MOST_CHARACTERS // 2)
    small, large = changes_of([Diff(path="a", new_text="a"), Diff(path="b", new_text=big)], "", DiffBudget())
    assert small.added == 1
    assert (large.path, large.added, large.patch) == ("b", 0, "# too large to list: b\n")


def test_a_change_too_large_to_compare_is_shown_all_out_all_in() -> None:
    """Its equal ends are still left out."""
    size = LONGEST
    old = "".join(f"old {n}\n" for n in range(size))
    change = change_of(
        Diff(path="f", old_text=f"head\n{old}tail\n", new_text=f"head\n{old.replace('old', 'new')}tail\n")
    )
    assert change is not None
    assert (change.added, change.removed) == (size, size)


def test_an_excerpt_begins_at_the_change_and_counts_what_it_leaves_out() -> None:
    """A few short lines."""
    change = change_of(Diff(path="f", old_text="1\n2\n3\n4\n", new_text="1\n2\n" + "x" * 300 + "\ny\nz\n4\n"))
    assert change is not None
    assert excerpt(change, 4) == f" 2\n-3\n+{'x' * 98}…\n⋯ 2 more"


def test_an_excerpt_neither_begins_nor_ends_with_an_empty_line_of_context() -> None:
    """Such a line says nothing there. An empty line that is added or between two changes stays."""
    change = change_of(Diff(path="f", old_text="1\n\nold\n\n4\n\n", new_text="1\n\nnew\n\n\n4\n\n"))
    assert change is not None
    assert excerpt(change, 9) == "-old\n+new\n+\n \n 4"


@pytest.mark.parametrize(
    ("path", "shown"), [("/p/a/b.py", "a/b.py"), ("/pq/b.py", "/pq/b.py"), ("b.py", "b.py"), ("/p/a\nb", "a b")]
)
def test_a_place_is_shown_relative_to_the_directory(path: str, shown: str) -> None:
    """Where it is inside, and on one line."""
    assert place_of(path, "/p") == shown
    assert place_of(path, "/p/") == shown
