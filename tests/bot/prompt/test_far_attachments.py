"""People's files for an agent on another machine: they are there before its prompt, which names them as there."""

import json
from pathlib import Path, PurePosixPath

import pytest

import bot.prompt.far_attachments
from acp.schema import EmbeddedResource, ImageBlock, PromptCapabilities, ResourceLink, TextBlock
from bot.agents.far_files import FarFiles
from bot.prompt.formatting import context_block
from bot.user_messages import files
from tests.bot.prompt.test_attachments import EVERYTHING, MESSAGE, PNG, THREAD, stage
from tests.support.other_machine import OtherMachine

pytestmark = pytest.mark.real_time

LINKS = PromptCapabilities()


@pytest.fixture
def machine(tmp_path: Path) -> OtherMachine:
    """Another machine."""
    return OtherMachine(tmp_path)


def far(machine: OtherMachine) -> FarFiles:
    """Return the files of the thread there."""
    directory = PurePosixPath(machine.path, "files", "journal", str(THREAD))
    return FarFiles(machine, (machine.path / "work", Path(directory)), directory)


async def test_files_are_copied_there_and_linked_as_they_are_there(tmp_path: Path, machine: OtherMachine) -> None:
    """Each under its message and its name. What the journal keeps has the files of this machine."""
    async with stage(tmp_path / "here", a_txt=b"abc", b_txt=b"second") as it:
        fetched = await it.fetch(it.file("a.txt"), it.file("b ö.txt", path="b.txt", size=6))
        parts = fetched.parts[MESSAGE]
        shown, missing = await it.attachments.show_far(parts, LINKS, THREAD, far(machine))
        there = machine.path / f"files/journal/{THREAD}/{MESSAGE}"
        assert [block.uri for block in shown if isinstance(block, ResourceLink)] == [
            (there / "a.txt").as_uri(),
            (there / "b-ö.txt").as_uri(),
        ]
        copies = machine.root / f"files/journal/{THREAD}/{MESSAGE}"
        assert [(copies / name).read_bytes() for name in ("a.txt", "b-ö.txt")] == [b"abc", b"second"]
        assert missing == []
        assert all(str(it.root) in part.uri for part in parts if isinstance(part, ResourceLink))


async def test_content_in_the_prompt_names_its_file_there(tmp_path: Path, machine: OtherMachine) -> None:
    """Small files go into the prompt as for an agent here; what was said of a quote's files is true there too."""
    async with stage(tmp_path / "here", a_txt=b"abc", a_png=PNG) as it:
        fetched = await it.fetch(it.file("a.txt"), it.file("a.png", "image/png", size=len(PNG)))
        parts = fetched.parts[MESSAGE]
        uris = [part.uri for part in parts if isinstance(part, ResourceLink)]
        said = [*parts, context_block({"files": uris}), TextBlock(text="hello")]
        shown, _ = await it.attachments.show_far(said, EVERYTHING, THREAD, far(machine))
        there = (machine.path / f"files/journal/{THREAD}/{MESSAGE}").as_uri()
        text, image, context, words = shown
        assert isinstance(text, EmbeddedResource)
        assert text.resource["uri"] == f"{there}/a.txt"
        assert isinstance(image, ImageBlock)
        assert image.uri == f"{there}/a.png"
        assert isinstance(context, TextBlock)
        assert json.loads(context.text.splitlines()[1])["files"] == [f"{there}/a.txt", f"{there}/a.png"]
        assert words == TextBlock(text="hello")


async def test_a_file_that_does_not_get_there_is_told_to_both_sides(tmp_path: Path, machine: OtherMachine) -> None:
    """Its link would lead nowhere. One whose content is in the prompt is not missed."""
    machine.is_reachable = False
    async with stage(tmp_path / "here", a_txt=b"abc", b_bin=b"\0\0\0") as it:
        parts = (await it.fetch(it.file("a.txt"), it.file("b.bin"))).parts[MESSAGE]
        shown, missing = await it.attachments.show_far(parts, EVERYTHING, THREAD, far(machine))
        assert isinstance(shown[0], EmbeddedResource)
        assert shown[1] == TextBlock(text="Threadline could not copy the file b.bin to this machine.")
        assert missing == ["b.bin (worker1 cannot be reached)"]


async def test_a_file_that_is_gone_here_or_too_slow_is_missing(
    tmp_path: Path, machine: OtherMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old files are removed, and a prompt may be repeated later."""
    async with stage(tmp_path / "here", a_txt=b"abc", b_txt=b"abc") as it:
        parts = (await it.fetch(it.file("a.txt"), it.file("b.txt"))).parts[MESSAGE]
        (it.root / str(THREAD) / str(MESSAGE) / "a.txt").unlink()
        monkeypatch.setattr(bot.prompt.far_attachments, "COPY_SECONDS", 0.0)
        _, missing = await it.attachments.show_far(parts, LINKS, THREAD, far(machine))
        assert missing == [f"a.txt ({files.NOT_KEPT})", f"b.txt ({files.COPIED_TOO_SLOWLY})"]


async def test_links_that_are_no_files_of_the_thread_are_left_alone(tmp_path: Path, machine: OtherMachine) -> None:
    """Those of another thread are not copied."""
    async with stage(tmp_path / "here", a_txt=b"abc") as it:
        (part,) = (await it.fetch(it.file("a.txt"), thread_id=THREAD + 1)).parts[MESSAGE]
        assert await it.attachments.show_far([part], LINKS, THREAD, far(machine)) == ([part], [])
        assert machine.files == []
