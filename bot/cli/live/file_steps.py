"""Step 5: files. Each is uploaded, and fetched back as the bot fetches those of people."""

import gzip
import zlib
from typing import Final

from bot.cli.texts import live as texts

from .trial import Trial

TEXT: Final = (texts.FILE_LINE * (20 * 1024 // len(texts.FILE_LINE) + 1))[: 20 * 1024].encode()
LARGE: Final = bytes(range(256)) * (99 * 1024 * 1024 // 10 // 256)
"""9.9 MiB: Discord takes 10."""

FILES: Final = (
    ("t.txt", TEXT, "t.txt", None),
    ("Überblick.txt", TEXT, "Uberblick.txt", "Überblick"),
    ("_notes.txt", TEXT, "notes.txt", "_notes"),
    ("large.bin", LARGE, "large.bin", None),
)
"""The name and the content of each, and the name and the title that Discord gives it."""


async def files(trial: Trial) -> None:
    """Look at the name, the bytes and the encoding of each file, and measure how fast the largest goes."""
    for name, content, kept, title in FILES:
        answer = await trial.post(trial.thread, "", [(name, content)])
        (file,) = answer.field("attachments")
        as_kept, as_seen = texts.file_name(kept, title), texts.file_name(file["filename"], file.get("title"))
        trial.findings.expect(texts.name_of(name), as_kept, as_seen, holds=as_kept == as_seen)
        fetched = await trial.rest.fetch(file["url"])
        encoding = fetched.headers.get("Content-Encoding", "")
        trial.findings.expect(texts.encoding_of(name), texts.encoding(""), texts.encoding(encoding), holds=not encoding)
        received = _unpacked(fetched.content, encoding)
        same = received == content
        trial.findings.expect(
            texts.bytes_of(name),
            texts.content(len(content), same=True),
            texts.content(len(received), same=same),
            holds=same,
        )
        if content is LARGE:
            trial.findings.measure(texts.SPEED, texts.seconds(answer.seconds, fetched.seconds))


def _unpacked(content: bytes, encoding: str) -> bytes:
    try:
        return gzip.decompress(content) if encoding == "gzip" else content
    except (OSError, EOFError, zlib.error):
        return content
