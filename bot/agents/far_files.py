"""The files of a thread whose agent is on another machine: people's files go there, and the agent's files come back."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from acp import AcpError, FileRefused, Place, PlaceUnreachable, RequestTimeout
from bot.text.sizes import MAX_FILE_BYTES
from bot.user_messages import files as texts

from .workspace_files import path_or_reason

KEPT_DAYS: Final = 7
"""How long people's files are kept there, as long as here."""

CLEAN_SECONDS: Final = 60.0

GET_SECONDS: Final = 15.0
"""Bound of the wait for a file of the agent, with that for a connection: the rest of the turn waits for it."""

_CLEAN: Final = f"""\
find "$1" -mindepth 2 -maxdepth 2 -type d -mtime +{KEPT_DAYS - 1} -exec rm -rf -- {{}} +
find "$1" -mindepth 1 -maxdepth 1 -type d -mtime +{KEPT_DAYS - 1} -empty -exec rmdir -- {{}} +
"""


@dataclass(frozen=True, slots=True)
class FarFiles:
    """A thread's place, the session's `roots` there, and one of them: the directory for people's files."""

    place: Place
    roots: Sequence[Path]
    directory: PurePosixPath

    async def put(self, data: bytes, name: PurePosixPath) -> str:
        """Write a file of a person to `name`, relative to the directory. Returns its address. Raises `AcpError`."""
        path = self.directory / name
        await self.place.put(data, path)
        return path.as_uri()

    async def clean(self) -> None:
        """Remove the files of all threads there whose messages are older than `KEPT_DAYS`. Raises `AcpError`."""
        argv = ("sh", "-c", _CLEAN, "sh", str(self.directory.parent))
        await self.place.run(argv, cwd=PurePosixPath("/"), seconds=CLEAN_SECONDS)

    async def read(self, uri: str) -> bytes | str:
        """See `FileSource`: the file comes from there, by the rules of `Place.get`."""
        path, reason = path_or_reason(uri)
        if reason:
            return reason
        try:
            async with asyncio.timeout(GET_SECONDS):
                return await self.place.get(PurePosixPath(path), self.roots, max_size=MAX_FILE_BYTES) or texts.EMPTY
        except FileRefused as error:
            return texts.unreadable(error, MAX_FILE_BYTES)
        except PlaceUnreachable as error:
            raise TimeoutError(texts.not_reached(error.place)) from None
        except RequestTimeout:
            raise TimeoutError from None
        except TimeoutError:
            raise TimeoutError(texts.too_late(self.place.name)) from None
        except AcpError:
            return texts.NOT_FETCHED


def no_copy(error: AcpError, most: int) -> str:
    """Return why a file of a person did not get there, for people."""
    match error:
        case FileRefused():
            return texts.unreadable(error, most)
        case PlaceUnreachable(place):
            return texts.not_reached(place)
        case RequestTimeout():
            return texts.NO_ANSWER
    return texts.NOT_COPIED
