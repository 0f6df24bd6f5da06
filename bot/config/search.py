"""Where the configuration is looked for, if no flag names it."""

from collections.abc import Mapping
from pathlib import Path

from .values import expand_home

VARIABLE = "THREADLINE_CONFIG"
"""The variable that names the file; no other place counts where it is set."""

NAME = Path("threadline.toml")


def places(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files to look for, in order: the variable's; or the working directory's, then XDG's."""
    if named := environ.get(VARIABLE):
        return (expand_home(Path(named)),)
    home = expand_home(Path(environ.get("XDG_CONFIG_HOME") or "~/.config"))
    return (NAME, home / "threadline" / NAME)


def find(environ: Mapping[str, str]) -> Path:
    """Return the first file that exists; the first place if there is none."""
    looked_for = places(environ)
    return next((path for path in looked_for if path.exists()), looked_for[0])
