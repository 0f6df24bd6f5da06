"""Keeps libraries from loading parts that the bot does not use, before anything imports them.

Each way is the library's own: a variable that it reads, or an optional dependency that it does not find.
"""

import os
import sys


def import_lean() -> None:
    """Import what must be imported in a certain way. Costs nothing the second time."""
    # pydantic searches every installed package for plugins, which takes 13 ms in an environment of seventy.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # The extension loads libstdc++, 1 MB, for lists of a few callbacks.
    os.environ.setdefault("FROZENLIST_NO_EXTENSIONS", "1")
    if not {"rich", "structlog"} & sys.modules.keys():
        # structlog draws tracebacks with rich if it finds it: 3 MB. Ours are plain text (`bot.operations.logs`).
        sys.modules["rich"] = None  # type: ignore[assignment]  # "not found", by the import system's rules
        try:
            import structlog as _  # noqa: F401, PLC0415
        finally:
            del sys.modules["rich"]
