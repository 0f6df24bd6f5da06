"""Reads the files that an agent links to, off the event loop: a file system that is gone answers no read."""

from collections.abc import Callable

from acp import paths

from .workspace_files import WorkspaceFiles

__all__ = ["LinkedFiles"]

NO_ANSWER = "its file system does not answer"


class LinkedFiles:
    """The linked files of one turn, read one after the other in the lane of its thread."""

    def __init__(self, lanes: paths.Lanes, thread_id: int, outbox: Callable[[], WorkspaceFiles]) -> None:
        """`outbox` says what may be read; it is asked once, in the lane, for it follows links."""
        self._lanes = lanes
        self._thread_id = thread_id
        self._make = outbox
        self._outbox: WorkspaceFiles | None = None
        self._silent = False

    async def read(self, uri: str) -> bytes | str:
        """Return the bytes of the file that `uri` names, or words that say why not, within `paths.ANSWER_SECONDS`.

        After a file that has not answered no other one of the turn is tried: a turn waits once, whatever it links to.
        """
        if self._silent:
            return NO_ANSWER
        try:
            return await self._lanes.do(self._thread_id, lambda: self._read_now(uri), paths.ANSWER_SECONDS)
        except TimeoutError:
            self._silent = True
            return NO_ANSWER
        except OSError as error:
            return error.strerror or str(error)

    def _read_now(self, uri: str) -> bytes | str:
        if self._outbox is None:
            self._outbox = self._make()
        return self._outbox.read_now(uri)
