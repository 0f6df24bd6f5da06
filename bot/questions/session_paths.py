"""Tells where the paths of a tool call lead: inside the session's directories, or to files that change its rights.

Pure but for the look-up of links, which is the caller's.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

SENSITIVE = frozenset({
    # directories: settings, hooks, commands and servers of agents, and files that tools run by themselves
    *(".agents", ".claude", ".codex", ".config", ".continue", ".copilot", ".crush", ".cursor", ".devcontainer"),
    *(".fast-agent", ".gemini", ".git", ".goose", ".husky", ".idea", ".kimi", ".kiro", ".opencode", ".qwen", ".roo"),
    *(".ssh", ".vibe", ".vscode", ".windsurf", ".zed"),
    # files: instructions, servers, permissions, and scripts of shells and hooks
    *("agents.md", "agents.override.md", "claude.md", "claude.local.md", "gemini.md", "qwen.md", ".claude.json"),
    *(".clinerules", ".cursorrules", ".goosehints", ".windsurfrules", "copilot-instructions.md"),
    *(".mcp.json", "mcp.json", "opencode.json", "opencode.jsonc", ".envrc", ".pre-commit-config.yaml"),
    *(".bash_profile", ".bashrc", ".gitconfig", ".gitmodules", ".npmrc", ".profile", ".zprofile", ".zshenv", ".zshrc"),
})  # fmt: skip
"""Names, in lower case, of files and directories that change what an agent may do, or that run by themselves."""

LONGEST_PATH = 4096
MOST_LOOKUPS = 200
"""Bounds on the characters of a path, and on the paths of one call; beyond them a person is asked."""

RealPath = Callable[[Path], str]
"""Returns a path without links; a missing one too, like `os.path.realpath`. May raise OSError or ValueError."""

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|file:", re.IGNORECASE)
_EXPANDED = re.compile(r"[${}`]")
"""Characters that a shell or a glob expands."""


class SessionPaths:
    """The session's directories, cwd first, and how links are resolved there."""

    def __init__(self, directories: Sequence[Path], real: RealPath) -> None:
        """`real` is asked about the directories, and about the places below the first of them."""
        self._directories = directories
        self._real = real

    def all_inside(self, places: Sequence[str]) -> bool:
        """Whether every place is inside the directories. False for one that cannot be looked up."""
        return self._all(places, self._is_inside)

    def none_sensitive(self, places: Sequence[str]) -> bool:
        """Whether no place changes what an agent may do. False for one that cannot be looked up."""
        return self._all(places, self._is_not_sensitive)

    def _all(self, places: Sequence[str], holds: Callable[[str], bool]) -> bool:
        if len(places) > MOST_LOOKUPS or any(len(place) > LONGEST_PATH for place in places):
            return False
        try:
            return all(map(holds, places))
        except (OSError, ValueError):  # no path at all: a null character, a lone surrogate
            return False

    def _is_inside(self, place: str) -> bool:
        if place != place.strip() or place.startswith("~") or _EXPANDED.search(place) or ADDRESS.match(place):
            return False  # Only the agent knows where it leads.
        real = Path(self._real(self._directories[0] / place))
        return any(real.is_relative_to(self._real(directory)) for directory in self._directories)

    def _is_not_sensitive(self, place: str) -> bool:
        path = self._directories[0] / place
        return all(SENSITIVE.isdisjoint(path_parts(str(self._inside(each)))) for each in (path, Path(self._real(path))))

    def _inside(self, path: Path) -> Path:
        """Return the part of a path inside the session's directories, which may themselves be below `.claude`."""
        roots = (root for directory in self._directories for root in (directory, Path(self._real(directory))))
        return next((path.relative_to(root) for root in roots if path.is_relative_to(root)), path)


def path_parts(path: str) -> Iterator[str]:
    """Yield the names in a path as a lenient file system reads them: without case, width and trailing characters."""
    for part in re.split(r"[/\\]", path):
        folded = unicodedata.normalize("NFKC", part).casefold()
        shown = "".join(each for each in folded if unicodedata.category(each) != "Cf")
        yield shown.partition(":")[0].rstrip(". ")
