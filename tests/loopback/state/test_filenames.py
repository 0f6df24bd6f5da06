"""Files as Discord keeps and serves them: their names, and compression of text."""

import gzip
import io

import aiohttp
import discord
import pytest

from loopback import Loopback
from loopback.payloads.message_payloads import attachment_url
from loopback.state.filenames import cleansed, title
from tests.loopback.discordpy import furnish, logged_in
from tests.loopback.openapi import strictly
from tests.loopback.test_discordpy import Client


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("changes.patch", "changes.patch"),
        ("hello (world).png", "hello_world.png"),
        ("_bug1.png", "bug1.png"),
        ("Résumé.pdf", "Resume.pdf"),
        ("测试文件test.json", "test.json"),
        ("画像.png", "otherwise.png"),
        ("画像", "otherwise"),
        ("notes.日本", "notes"),
        (".bashrc", "bashrc"),
        ("../../etc/passwd", "etc_passwd"),
        ("a\\b.txt", "a_b.txt"),
        ("...", "otherwise"),
    ],
)
def test_a_name_is_kept_without_characters_that_need_an_escape(given: str, kept: str) -> None:
    """An empty result becomes another name."""
    assert cleansed(given, "otherwise") == kept


def test_the_title_is_the_name_that_was_given_without_its_extension() -> None:
    """A leading dot begins no extension."""
    assert [title(name) for name in ("测试.tar.gz", "画像", ".x")] == ["测试.tar", "画像", ".x"]


async def test_a_bot_learns_the_name_that_its_file_was_given_by_the_title() -> None:
    """A plain name has no title. The file's address has the kept name."""
    async with Loopback(strict=strictly()) as server:
        channel, *_ = furnish(server)
        client = Client()
        async with logged_in(server, client):
            place = client.get_partial_messageable(channel.id)
            names = ("plain.txt", "grüße an alle.txt", "画像.txt")
            sent = await place.send(files=[discord.File(io.BytesIO(b"text"), name) for name in names])
            kept = [(one.filename, one.title) for one in sent.attachments]
            assert kept[:2] == [("plain.txt", None), ("grue_an_alle.txt", "grüße an alle")]
            assert kept[2] == (f"{sent.attachments[2].id}.txt", "画像")
            assert "/grue_an_alle.txt?" in sent.attachments[1].url
            assert [await one.read() for one in sent.attachments] == [b"text"] * 3
        (message,) = server.messages(channel)
        assert [one.shown_name for one in message.attachments] == list(names)


@pytest.mark.parametrize(
    ("name", "accepted", "compressed"),
    [
        ("message.txt", "gzip, deflate", True),
        ("data.json", "gzip", True),
        ("message.txt", "identity", False),
        ("message.txt", None, False),
        ("picture.png", "gzip", False),
    ],
)
async def test_text_is_compressed_for_clients_that_accept_it(
    name: str, accepted: str | None, *, compressed: bool
) -> None:
    """Only text is compressed, and only for clients that accept gzip."""
    content = b"line after line\n" * 900
    async with Loopback() as server, aiohttp.ClientSession(auto_decompress=False) as http:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        said = await ann.say(channel, files=[(name, content)])
        (served,) = [attachment_url(server.world, one) for one in said.attachments]
        headers = {} if accepted is None else {"Accept-Encoding": accepted}
        skipped = {"Accept-Encoding"} if accepted is None else set()
        async with http.get(served, headers=headers, skip_auto_headers=skipped) as answer:
            body = await answer.read()
            assert answer.headers.get("Content-Encoding") == ("gzip" if compressed else None)
            assert (gzip.decompress(body) if compressed else body) == content
            assert (len(body) < 1000) == compressed
