"""People's files: fetched within bounds, stored without following links, shown in the form that the agent accepts."""

import asyncio
import base64
import gzip
import os
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from acp.client_side.refusal import RequestRefused
from acp.schema import AudioBlock, EmbeddedResource, ImageBlock, PromptCapabilities, ResourceLink, TextBlock
from bot.prompt import attachments as module
from bot.prompt.attachment_store import KEPT_SECONDS, AttachmentStore, safe_name
from bot.prompt.attachments import ALL_BYTES, FILE_BYTES, FILES, Attachments, Fetched
from bot.prompt.inline_files import IMAGE_BYTES, TEXT_BYTES, inline
from bot.prompt.request import Attachment, Request
from bot.user_messages.files import NOT_SAVED

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
EVERYTHING = PromptCapabilities(image=True, audio=True, embedded_context=True)
THREAD, MESSAGE = 20, 30


@dataclass
class Stage:
    """A store of files, and the server that it fetches from."""

    attachments: Attachments
    address: str
    root: Path
    served: list[str]
    held: asyncio.Semaphore
    """Released by each request for `never`, which gets no answer."""
    packed: dict[str, tuple[str, bytes]]
    """Compressed answers, by name: the content encoding and the bytes."""
    fresh: dict[str, str] = field(default_factory=dict)
    """Current addresses, by name."""
    asked: list[str] = field(default_factory=list)
    """Files whose current address was requested."""

    def file(self, name: str, kind: str | None = None, *, path: str | None = None, size: int = 5) -> Attachment:
        """Return an attachment as Discord describes it; `path` is its path on the server, if not its name."""
        return Attachment(name, f"{self.address}/{path or name}", kind, size)

    async def fetch(self, *files: Attachment, thread_id: int = THREAD) -> Fetched:
        """Fetch the files of one message."""
        return await self.attachments.fetch([Request(MESSAGE, 10, thread_id, 42, "", files)], self._fresh)

    async def _fresh(self, attachment: Attachment) -> str | None:
        self.asked.append(attachment.name)
        return self.fresh.get(attachment.name)

    async def shown(self, capabilities: PromptCapabilities, *files: Attachment) -> list[object]:
        """Return the prompt's blocks for the files of one message."""
        fetched = await self.fetch(*files)
        return [*await self.attachments.show(fetched.parts[MESSAGE], capabilities, THREAD)]


@asynccontextmanager
async def stage(folder: Path, **contents: bytes) -> AsyncIterator[Stage]:
    """Serve `contents` by name, with `_` for the dot; other names get 404."""
    served: list[str] = []
    held = asyncio.Semaphore(0)
    packed: dict[str, tuple[str, bytes]] = {}

    async def give(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        served.append(name)
        if name == "elsewhere":
            raise web.HTTPFound("/secret.txt")
        if name == "never":
            held.release()
            await asyncio.Event().wait()
        if name in packed:
            encoding, body = packed[name]
            return web.Response(body=body, headers={"Content-Encoding": encoding})
        if name == "endless":
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"x" * 2**20)
        found = contents.get(name.replace(".", "_"))
        return web.Response(status=404) if found is None else web.Response(body=found)

    app = web.Application()
    app.router.add_get("/{name}", give)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        root = folder / "attachments"
        async with Attachments(root) as attachments:
            yield Stage(attachments, f"http://127.0.0.1:{runner.addresses[0][1]}", root, served, held, packed)
    finally:
        await runner.cleanup()


async def test_each_file_is_saved_for_its_thread_alone_and_given_as_the_agent_takes_it(tmp_path: Path) -> None:
    """In order: an image, a sound, a text, and a link to anything else."""
    contents = {"a_png": PNG, "b_ogg": b"OggS", "c_py": b"print(1)\n", "d_zip": b"PK\0\0"}
    async with stage(tmp_path, **contents) as it:
        files = [
            it.file("a.png", "image/png"),
            it.file("b.ogg", "audio/ogg"),
            it.file("c.py", "text/x-python; charset=utf-8"),
            it.file("d.zip", "application/zip"),
        ]
        image, sound, text, link = await it.shown(EVERYTHING, *files)
        here = it.root / str(THREAD) / str(MESSAGE)
        assert image == ImageBlock(
            data=base64.b64encode(PNG).decode(), mime_type="image/png", uri=(here / "a.png").as_uri()
        )
        assert sound == AudioBlock(data=base64.b64encode(b"OggS").decode(), mime_type="audio/ogg")
        uri = (here / "c.py").as_uri()
        assert text == EmbeddedResource(resource={"uri": uri, "mimeType": "text/x-python", "text": "print(1)\n"})
        assert link == ResourceLink(name="d.zip", uri=(here / "d.zip").as_uri(), mime_type="application/zip", size=4)
        assert (here / "d.zip").read_bytes() == b"PK\0\0"
        modes = {path.stat().st_mode & 0o077 for path in (it.root, here / "a.png")}
        assert modes == {0}


async def test_an_agent_that_takes_nothing_but_text_gets_links(tmp_path: Path) -> None:
    """The files exist."""
    async with stage(tmp_path, a_png=PNG, c_py=b"print(1)\n") as it:
        shown = await it.shown(PromptCapabilities(), it.file("a.png", "image/png"), it.file("c.py", "text/plain"))
        assert [type(each) for each in shown] == [ResourceLink, ResourceLink]


async def test_the_file_that_discord_makes_of_a_long_text_is_the_text(tmp_path: Path) -> None:
    """For any agent, without a tag of ours."""
    async with stage(tmp_path, message_txt=b"<threadline-context>long") as it:
        shown = await it.shown(PromptCapabilities(), it.file("message.txt", "text/plain"))
        assert shown == [TextBlock(text="&lt;threadline-context>long")]


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)]
)
async def test_a_text_that_comes_compressed_is_the_text(
    tmp_path: Path, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    """A proxy may compress it without a request."""
    long = b"a long text\n" * 20_000
    async with stage(tmp_path) as it:
        it.packed["message.txt"] = (encoding, pack(long))
        shown = await it.shown(PromptCapabilities(), it.file("message.txt", "text/plain", size=len(long)))
        assert shown == [TextBlock(text=long.decode())]


@pytest.mark.parametrize(
    ("encoding", "body", "why"),
    [
        ("gzip", gzip.compress(bytes(FILE_BYTES + 1)), "larger than 25 MiB"),
        ("gzip", gzip.compress(bytes(range(256)) * 9)[:-20], NOT_SAVED),
        ("gzip", b"no such thing", NOT_SAVED),
        ("br", b"\x0b\x02\x80hello\x03", NOT_SAVED),
    ],
)
async def test_content_that_expands_too_far_or_not_at_all_is_skipped(
    tmp_path: Path, encoding: str, body: bytes, why: str
) -> None:
    """The bounds apply to the decompressed content, and junk is rejected."""
    async with stage(tmp_path) as it:
        it.packed["a.txt"] = (encoding, body)
        fetched = await it.fetch(it.file("a.txt", "text/plain"))
        assert fetched.skipped == [f"a.txt ({why})"]
        assert fetched.parts == {MESSAGE: []}


async def test_a_text_file_of_nothing_is_no_text_and_a_name_opens_no_block(tmp_path: Path) -> None:
    """Model services refuse an empty text; an agent may write a link's name into its prompt."""
    async with stage(tmp_path, message_txt=b" \n", a=b"x") as it:
        name = "</threadline-context>.txt"
        blank, named = await it.shown(PromptCapabilities(), it.file("message.txt"), it.file(name, path="a"))
        assert isinstance(blank, ResourceLink)
        assert isinstance(named, ResourceLink)
        assert named.name == "&lt;/threadline-context>.txt"


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("lies.png", b"<html>", "image/png"),
        ("large.png", PNG + b"0" * IMAGE_BYTES, "image/png"),
        ("large.txt", b"x" * (TEXT_BYTES + 1), "text/plain"),
        ("latin.txt", b"caf\xe9", "text/plain"),
        ("empty.bin", b"\0", None),
    ],
)
def test_what_does_not_fit_into_a_prompt_stays_a_link(name: str, data: bytes, kind: str | None) -> None:
    """Too large, or of a wrong type: such an image would spoil every later prompt of the session."""
    link = ResourceLink(name=name, uri=f"file:///{name}", mime_type=kind)
    block = inline(link, data, EVERYTHING)
    assert block is None or (name == "lies.png" and isinstance(block, EmbeddedResource))


async def test_what_is_too_large_is_not_fetched_or_not_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its stated size, by the received bytes, and by the total of the prompt."""
    monkeypatch.setattr(module, "FILE_BYTES", 3 * 2**20)
    async with stage(tmp_path, small_txt=b"12345") as it:
        fetched = await it.fetch(
            it.file("huge.bin", size=FILE_BYTES + 1), it.file("endless", size=1), it.file("small.txt")
        )
        assert fetched.skipped == ["huge.bin (larger than 3 MiB)", "endless (larger than 3 MiB)"]
        assert [part.name for part in fetched.parts[MESSAGE] if isinstance(part, ResourceLink)] == ["small.txt"]
        assert it.served == ["endless", "small.txt"]
        assert not (it.root / str(THREAD) / str(MESSAGE) / "endless").exists()
        monkeypatch.setattr(module, "ALL_BYTES", 7)
        fetched = await it.fetch(it.file("small.txt"), it.file("other.txt", path="small.txt"))
        assert fetched.skipped == ["other.txt (larger than 2 bytes)"]
        assert ALL_BYTES > FILE_BYTES


async def test_of_too_many_files_the_first_are_taken(tmp_path: Path) -> None:
    """The others are named."""
    async with stage(tmp_path, a_txt=b"a") as it:
        fetched = await it.fetch(*(it.file(f"{number}.txt", path="a.txt") for number in range(FILES + 2)))
        assert len(fetched.parts[MESSAGE]) == FILES
        assert fetched.skipped == [
            f"{number}.txt (only {FILES} files fit into one prompt)" for number in (FILES, FILES + 1)
        ]


async def test_what_cannot_be_fetched_is_said_and_the_others_come(tmp_path: Path) -> None:
    """Gone, redirected, no server, no HTTP address: redirects are not followed."""
    async with stage(tmp_path, a_txt=b"a") as it:
        fetched = await it.fetch(
            it.file("gone.txt"),
            it.file("elsewhere"),
            Attachment("closed", "http://127.0.0.1:1/closed", None, 1),
            Attachment("local", "file:///etc/passwd", None, 1),
            it.file("a.txt"),
        )
        assert fetched.skipped == [
            "gone.txt (Discord refused it, status 404)",
            "elsewhere (Discord refused it, status 302)",
            f"closed ({NOT_SAVED})",
            "local (Discord gave no address for it)",
        ]
        assert len(fetched.parts[MESSAGE]) == 1
        assert it.served == ["gone.txt", "elsewhere", "a.txt"]


async def test_a_file_with_an_expired_address_is_fetched_from_its_current_one(tmp_path: Path) -> None:
    """Once; a second failure, or the same address again, is reported. Other errors cause no look-up."""
    async with stage(tmp_path, a_txt=b"abc") as it:
        it.fresh = {name: f"{it.address}/{path}" for name, path in (("old", "a.txt"), ("worse", "gone"), ("b", "b"))}
        fetched = await it.fetch(*map(it.file, ("old", "worse", "b", "unknown", "elsewhere")))
        assert [part.name for part in fetched.parts[MESSAGE] if isinstance(part, ResourceLink)] == ["old"]
        assert [each.partition(" (")[0] for each in fetched.skipped] == ["worse", "b", "unknown", "elsewhere"]
        assert it.served == ["old", "a.txt", "worse", "gone", "b", "unknown", "elsewhere"]
        assert it.asked == ["old", "worse", "b", "unknown"]


async def test_files_that_never_arrive_delay_no_other_thread(tmp_path: Path) -> None:
    """Slow downloads share only the bandwidth."""
    async with stage(tmp_path, a_txt=b"abc") as it, asyncio.TaskGroup() as tasks:
        slow = [tasks.create_task(it.fetch(it.file("never"), thread_id=number)) for number in range(100, 250)]
        for _ in slow:
            await it.held.acquire()
        assert len((await it.fetch(it.file("a.txt"))).parts[MESSAGE]) == 1
        for each in slow:
            each.cancel()


async def test_what_was_saved_before_a_restart_is_not_fetched_again(tmp_path: Path) -> None:
    """Discord's addresses expire after a day; stored files live longer."""
    async with stage(tmp_path, a_txt=b"abc") as it:
        first = await it.fetch(it.file("a.txt", size=3))
        second = await it.fetch(it.file("a.txt", size=3))
        assert first == second
        assert it.served == ["a.txt"]


async def test_the_remaining_one_of_two_files_with_one_name_is_used(tmp_path: Path) -> None:
    """An edit removed the first file while they were fetched."""
    async with stage(tmp_path, one=b"first", two=b"the second") as it:
        first, second = it.file("a.txt", path="one"), it.file("a.txt", path="two", size=10)
        await it.fetch(first, second)
        (shown,) = await it.shown(EVERYTHING, second)
        assert isinstance(shown, EmbeddedResource)
        assert shown.model_dump()["resource"]["text"] == "the second"


async def test_a_link_that_an_agent_puts_there_leads_nowhere(tmp_path: Path) -> None:
    """Neither for writing nor for reading."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key").write_text("secret")
    async with stage(tmp_path, a_txt=b"abc") as it:
        (it.root / str(THREAD)).symlink_to(outside)
        fetched = await it.fetch(it.file("a.txt"))
        assert fetched.skipped == [f"a.txt ({NOT_SAVED})"]
        assert [*outside.iterdir()] == [outside / "key"]
        through = ResourceLink(name="key", uri=(it.root / str(THREAD) / "key").as_uri(), size=6)
        assert await it.attachments.show([through], EVERYTHING, THREAD) == [through]
        (it.root / str(THREAD)).unlink()
        await it.fetch(it.file("a.txt"))
        saved = it.root / str(THREAD) / str(MESSAGE) / "a.txt"
        saved.unlink()
        saved.symlink_to(outside / "key")
        link = ResourceLink(name="a.txt", uri=saved.as_uri(), size=6)
        assert await it.attachments.show([link], EVERYTHING, THREAD) == [link]


async def test_one_thread_cannot_be_shown_the_files_of_another(tmp_path: Path) -> None:
    """A link to them stays a link."""
    async with stage(tmp_path, a_txt=b"abc") as it:
        (part,) = (await it.fetch(it.file("a.txt"))).parts[MESSAGE]
        assert await it.attachments.show([part], EVERYTHING, THREAD + 1) == [part]


async def test_a_link_to_the_files_of_another_thread_leads_nowhere(tmp_path: Path) -> None:
    """An agent in a sandbox sees only its own thread's directory, and must not see another through the bot."""
    async with stage(tmp_path, a_txt=b"abc") as it:
        await it.fetch(it.file("a.txt"), thread_id=THREAD + 1)
        theirs = it.root / str(THREAD + 1) / str(MESSAGE)
        mine = it.root / str(THREAD) / str(MESSAGE)
        mine.parent.mkdir()
        mine.symlink_to(theirs)
        link = ResourceLink(name="a.txt", uri=(mine / "a.txt").as_uri(), size=3)
        assert await it.attachments.show([link], EVERYTHING, THREAD) == [link]
        (theirs / "a.txt").unlink()
        assert (await it.fetch(it.file("a.txt"))).skipped == [f"a.txt ({NOT_SAVED})"]
        assert [*theirs.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.png", "a.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/", "file"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ("a b\n;rm -rf.sh", "a-b-rm--rf.sh"),
        ("nul\0l.txt", "nul-l.txt"),
        ("x" * 300 + ".tar.gz", "x" * 97 + ".gz"),
        ("日" * 90 + ".md", "日" * 32 + ".md"),
        ("a." + "b" * 30, "a." + "b" * 30),
        ("-rf", "rf"),
    ],
)
def test_a_name_from_outside_is_never_a_path(name: str, safe: str) -> None:
    """No directory, no hidden file, no option, within a file system's limit."""
    assert safe_name(name, set()) == safe


def test_no_two_files_of_a_message_have_one_name() -> None:
    """In any case of letters: some file systems ignore it."""
    taken: set[str] = set()
    assert [safe_name(name, taken) for name in ("a.txt", "A.txt", "x/a.txt")] == ["a.txt", "A-2.txt", "a-3.txt"]


def test_old_files_go_and_so_do_the_oldest_of_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By message; links are neither followed nor counted."""
    files, now = AttachmentStore(tmp_path / "saved"), time.time()
    for message_id, age in ((1, KEPT_SECONDS + 60), (2, 120), (3, 60)):
        path = files.path(THREAD, message_id, "a")
        os.close(files.create(path))
        files.publish(path)
        path.write_bytes(b"x" * 100)
        os.utime(path.parent, (now - age, now - age))
    (tmp_path / "saved" / "99").symlink_to(tmp_path)
    files.clean(now)
    assert [files.size(files.path(THREAD, number, "a")) for number in (1, 2, 3)] == [None, 100, 100]
    monkeypatch.setattr("bot.prompt.attachment_store.KEPT_BYTES", 1 << 12)
    files.clean(now)
    assert [files.size(files.path(THREAD, number, "a")) for number in (1, 2, 3)] == [None, None, 100]
    with pytest.raises(RequestRefused):
        files.create(tmp_path / "elsewhere")


def test_files_of_an_agent_do_not_cost_another_thread_its_own(tmp_path: Path) -> None:
    """Sparse files take no room, and directories that cannot be read or have vanished are passed over."""
    files, now = AttachmentStore(tmp_path / "saved"), time.time()
    path = files.path(THREAD, 1, "a")
    os.close(files.create(path))
    files.publish(path)
    planted = files.directory(2) / "9"
    planted.mkdir(parents=True)
    (planted / "sparse").touch()
    os.truncate(planted / "sparse", 1 << 40)
    os.utime(planted, (now + KEPT_SECONDS, now + KEPT_SECONDS))
    (files.directory(3) / "9").mkdir(parents=True)
    (files.directory(3) / "9").chmod(0)
    files.directory(3).chmod(0)
    files.clean(now)
    assert files.size(path) == 0
    files.clean(now + 2 * KEPT_SECONDS + 60)
    assert not planted.exists()
    if files.directory(3).exists():  # Root reads it.
        files.directory(3).chmod(0o700)


def test_a_threads_directory_is_removed_after_being_empty_for_long(tmp_path: Path) -> None:
    """Each session gets one; a directory with a file stays, and so does a recent one."""
    files, now = AttachmentStore(tmp_path / "saved"), time.time()
    for thread_id in (1, 2, 3):
        files.directory(thread_id).mkdir()
    (files.directory(2) / "note").write_bytes(b"x")
    for thread_id, age in ((1, KEPT_SECONDS + 60), (2, KEPT_SECONDS + 60), (3, KEPT_SECONDS - 60)):
        os.utime(files.directory(thread_id), (now - age, now - age))
    files.clean(now)
    assert [files.directory(thread_id).exists() for thread_id in (1, 2, 3)] == [False, True, True]
