"""Undoes what no mount can prevent: that an agent in a sandbox redirects a repository of git.

A file `commondir` in a git directory names another one, whose configuration git obeys then, with the commands in it, as
soon as a person types `git status` (gitrepository-layout(5)). The agent must be able to write in a git directory, and a
file that does not exist cannot be protected. A git directory without its HEAD is none for git, which then takes the
directory above for one if that has HEAD, a link to nothing too, and `objects` and `refs` or a `commondir` of its own.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from acp import paths

from .autorun import GIT
from .links import entered

WATCH_SECONDS = 1.0
"""How often repositories are looked at: a look costs microseconds each, and a person's git hardly runs in between."""

_looks = paths.Lanes("repositories")


class RepositoryWatch:
    """Looks at repositories in a task until `end`, and removes what redirects them."""

    def __init__(self, repositories: Iterable[Path], on_redirected: Callable[[list[Path]], None]) -> None:
        """`repositories` are git directories that nothing redirects; `on_redirected` gets the removed files."""
        self._look = partial(undo_redirections, tuple(repositories))
        self._on_redirected = on_redirected
        self._task = asyncio.create_task(self._run(), name="watch of repositories")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self._look_once()

    async def end(self) -> None:
        """Look once more, when no process of the agent is left, and stop. Bounded by `paths.ANSWER_SECONDS`."""
        self.cancel()
        await asyncio.wait([self._task])
        await self._look_once()

    def cancel(self) -> None:
        """Look no more."""
        self._task.cancel()

    async def _look_once(self) -> None:
        with suppress(TimeoutError):  # A dead network file system: the next look waits for it again.
            if undone := await _looks.do(self, self._look, paths.ANSWER_SECONDS):
                self._on_redirected(undone)


def undo_redirections(repositories: Iterable[Path]) -> list[Path]:
    """Remove files that redirect these git directories, which must have none. Return the removed ones. Blocks.

    Nothing is removed behind a link: an agent can replace the directories above what is not protected.
    """
    undone = []
    for repository in repositories:
        undone += _remove(repository, "commondir")
        if repository.name == GIT:
            undone += _remove(repository.parent, "HEAD", ("commondir",), ("objects", "refs"))
    return undone


def _remove(folder: Path, name: str, *beside: tuple[str, ...]) -> list[Path]:
    """Remove a file, if all of one of `beside` are there too."""
    with suppress(OSError), entered(folder) as directory:  # None there, as usual; or no directory any more.
        if not beside or any(all(_is_there(each, directory) for each in names) for names in beside):
            os.unlink(name, dir_fd=directory)
            return [folder / name]
    return []


def _is_there(name: str, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory)
    except OSError:
        return False
    return True
