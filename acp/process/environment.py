"""The environment variables of an agent's process."""

from collections.abc import Iterable, Mapping

BASE_NAMES = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""The variables that every agent inherits. The configuration must name all others."""


def environment(source: Mapping[str, str], *, inherit: Iterable[str], env: Mapping[str, str]) -> dict[str, str]:
    """Compose an agent's environment from `source` (ours): the base names, the names in `inherit`, then `env`."""
    names = [*BASE_NAMES, *inherit]
    return {**{name: source[name] for name in names if name in source}, **env}
