"""Collects the files of a reply: long code, the rest of a long text, patches, and the agent's data."""

import base64
import binascii
import mimetypes
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from acp.schema import AudioBlock, EmbeddedResource, ImageBlock
from bot.text.sizes import MAX_FILE_BYTES
from bot.user_messages import files
from pool.journal.trailers import PIECE_BYTES

from .code_blocks import Fence
from .spool import Spool

MOST: Final = 20
"""Files of one reply, in addition to the text's rest and the patch."""

PER_MESSAGE: Final = 10
PER_REQUEST: Final = 25 * 1024 * 1024

LONGEST_NAME: Final = 80
LOOKED_THROUGH: Final = 1000
"""Characters of a file's name; and of the name that an agent gives, which may be a megabyte, those that are read."""

_FILE_NAME = r"[\w.\-/\\]*[\w\-]\.[A-Za-z0-9]{1,10}"
_NAMED_IN_INFO = re.compile(rf"(?:^|[\s:=\"'{{])({_FILE_NAME})(?=$|[\s\"'}}])")
_NAMED_IN_COMMENT = re.compile(
    rf"\s*(?:#|//|--|;|%|/\*|<!--|\"\"\")\s*(?:file(?:name)?:\s*)?({_FILE_NAME})\s*(?:\*/|-->|\"\"\")?\s*$",
    re.IGNORECASE,
)
_UNUSUAL = re.compile(r"[^\w.\-]+")
_WEB = re.compile(r"https?://[^\s<>\x00-\x20]{1,1500}$", re.IGNORECASE)

_EXTENSIONS = {
    "bash": "sh", "c#": "cs", "c++": "cpp", "clojure": "clj", "console": "txt", "csharp": "cs", "docker": "txt",
    "dockerfile": "txt", "elisp": "el", "elixir": "ex", "erlang": "erl", "f#": "fs", "fortran": "f90", "fsharp": "fs",
    "golang": "go", "haskell": "hs", "javascript": "js", "javascriptreact": "jsx", "jinja2": "j2", "julia": "jl",
    "kotlin": "kt", "latex": "tex", "makefile": "mk", "markdown": "md", "matlab": "m", "mermaid": "mmd",
    "mysql": "sql", "nginx": "conf", "node": "js", "objective-c": "m", "ocaml": "ml", "pascal": "pas", "perl": "pl",
    "plaintext": "txt", "postgresql": "sql", "powershell": "ps1", "protobuf": "proto", "python": "py",
    "python3": "py", "ruby": "rb", "rust": "rs", "scheme": "scm", "shell": "sh", "solidity": "sol", "terraform": "tf",
    "text": "txt", "typescript": "ts", "typescriptreact": "tsx", "yaml": "yml", "zsh": "sh",
}  # fmt: skip
"""The extensions of languages where they differ from the language's name."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to attach. `name` is unique in its reply; `page` is the index of the page that names it."""

    name: str
    page: int
    spool: Spool = field(repr=False, compare=False)
    start: int = 0
    size: int = 0
    """Where it begins in the spool, and its bytes, at most `MAX_FILE_BYTES`."""

    def pieces(self) -> Iterator[bytes]:
        """Return its bytes in pieces. Raises `OSError`."""
        end = self.start + self.size
        for at in range(self.start, end, PIECE_BYTES):
            yield self.spool.read(at, min(PIECE_BYTES, end - at))

    def source(self) -> bytes:
        """Return its bytes. Raises `OSError`."""
        return self.spool.read(self.start, self.size)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a file on the agent's machine, as the agent sent it; `number` distinguishes equal ones."""

    name: str
    uri: str
    number: int


def is_web(uri: str) -> bool:
    """Whether a link is for the reader's browser; the bot does not fetch it."""
    return _WEB.match(uri) is not None


@dataclass(slots=True)
class UploadShelf:
    """The files of one reply in the order of their announcements, each with the line that announces it."""

    kept: list[tuple[str, Spool, str]] = field(default_factory=list)
    closed: bool = False
    """Whether the reply's files are being sent, so that no other can follow."""
    _names: set[str] = field(default_factory=set)

    @property
    def full(self) -> bool:
        """Whether the reply takes no further file."""
        return self.closed or len(self._names) >= MOST

    def name(self, wanted: str) -> str:
        """Reserve a plain name like `wanted` that is unique in the reply."""
        last = wanted.replace("\\", "/").rpartition("/")[2][-LOOKED_THROUGH:]
        plain = _UNUSUAL.sub("-", last).lstrip(".-")[-LONGEST_NAME:] or "file"
        stem, dot, extension = plain.rpartition(".")
        if not stem:
            stem, dot, extension = plain, "", ""
        name, number = plain, 1
        while name.lower() in self._names:
            number += 1
            name = f"{stem}-{number}{dot}{extension}"
        self._names.add(name.lower())
        return name

    def keep(self, name: str, spool: Spool, line: str) -> None:
        """Add a file under a reserved name."""
        self.kept.append((name, spool, line))


def parts(name: str, page: int, spool: Spool) -> Iterator[File]:
    """Return the file of a spool, or several where one would be too large for Discord."""
    stem, _, extension = name.rpartition(".")
    for number, start in enumerate(range(0, spool.size, MAX_FILE_BYTES), 1):
        called = name if number == 1 else f"{stem}-{number}.{extension}"
        yield File(called, page, spool, start, min(MAX_FILE_BYTES, spool.size - start))


def batches(files: Iterable[File]) -> list[list[File]]:
    """Group files, in order, into as few messages as Discord's limits allow."""
    found: list[list[File]] = []
    for each in files:
        last = found[-1] if found else []
        if not last or len(last) == PER_MESSAGE or sum(one.size for one in last) + each.size > PER_REQUEST:
            found.append([])
        found[-1].append(each)
    return found


def code_name(fence: Fence, first_line: str) -> str:
    """Name a code block's file by its info string, by a comment in its first line, else by its language."""
    for match in (_NAMED_IN_INFO.search(fence.info), _NAMED_IN_COMMENT.match(first_line)):
        if match:
            return match[1]
    language = fence.language.lower()
    extension = _EXTENSIONS.get(language, language)
    return f"code.{extension}" if re.fullmatch(r"[a-z0-9]{1,10}", extension) else "code.txt"


def decoded(block: ImageBlock | AudioBlock | EmbeddedResource) -> tuple[str, bytes | str]:
    """Return the name of data that the agent sent, and its bytes or the reason why they cannot be attached."""
    match block:
        case EmbeddedResource(resource=resource):
            uri, kind = str(resource.get("uri") or ""), str(resource.get("mimeType") or "")
            if isinstance(text := resource.get("text"), str):
                return _name_of(uri, kind or "text/plain"), _checked(text.encode(errors="replace"))
            encoded = resource.get("blob")
        case ImageBlock(data=encoded, mime_type=kind):
            uri = block.uri or ""
        case AudioBlock(data=encoded, mime_type=kind):
            uri = ""
    name = _name_of(uri, kind)
    if not isinstance(encoded, str):
        return name, files.NO_DATA
    if len(encoded) * 3 // 4 > MAX_FILE_BYTES + 2:
        return name, files.larger_than_allowed(len(encoded) * 3 // 4, MAX_FILE_BYTES)
    try:
        return name, _checked(base64.b64decode(encoded, validate=False))
    except (binascii.Error, ValueError):
        return name, files.NOT_BASE64


def _checked(data: bytes) -> bytes | str:
    if len(data) > MAX_FILE_BYTES:
        return files.larger_than_allowed(len(data), MAX_FILE_BYTES)
    return data or files.EMPTY


_SOUNDS = {"audio/wav": ".wav", "audio/wave": ".wav", "audio/ogg": ".ogg", "audio/mp4": ".m4a", "audio/flac": ".flac"}
"""Extensions that Python's own list lacks."""


def _name_of(uri: str, kind: str) -> str:
    """Return the name in the address if it has an extension, else one made of the MIME type."""
    try:
        name = PurePosixPath(unquote(urlsplit(uri).path)).name
    except ValueError:  # A host with a bracket, or with letters that turn into other marks.
        name = ""
    if "." in name.strip("."):
        return name
    kind = kind.partition(";")[0].strip()
    extension = _SOUNDS.get(kind) or mimetypes.guess_extension(kind) or ".bin"
    family = kind.partition("/")[0]
    return f"{name or (family if family in {'image', 'audio', 'video', 'text'} else 'file')}{extension}"
