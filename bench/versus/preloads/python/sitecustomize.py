"""Points discord.py, and the libraries that descend from it, to loopback. Python imports this before a bot's own code.

`THREADLINE_VERSUS_ENDPOINT` holds loopback's address. Nothing is imported before the bot imports it, so a program that
uses none of these libraries runs as ever.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Final

LIBRARIES: Final = ("discord", "disnake", "nextcord")
"""discord.py and Pycord share the first name."""


class Redirection(MetaPathFinder):
    """Finds the modules that hold Discord's addresses, and changes them after their import."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._modules = {f"{library}.{name}" for library in LIBRARIES for name in ("http", "gateway")}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's own spec, with a loader that redirects afterwards."""
        if fullname not in self._modules:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Redirected(spec.loader, self._endpoint)
        return spec


class _Redirected(Loader):
    """Loads a module as its own loader does, and changes the addresses in it."""

    def __init__(self, loader: Loader, endpoint: str) -> None:
        self._loader = loader
        self._endpoint = endpoint

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        base = f"{self._endpoint}/api/v10"
        if (route := getattr(module, "Route", None)) is not None:
            route.BASE = base
            if isinstance(vars(route).get("base"), property):  # Pycord's form
                route.base = property(lambda _: base)
        socket = getattr(module, "DiscordWebSocket", None)
        if socket is not None and hasattr(socket, "DEFAULT_GATEWAY"):
            socket.DEFAULT_GATEWAY = type(socket.DEFAULT_GATEWAY)(self._endpoint.replace("http", "ws", 1) + "/gateway/")


def _run_the_hidden_one() -> None:
    """Run the `sitecustomize` that this one hides, if there is one: Python imports only the first."""
    here = str(Path(__file__).parent)
    spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if entry != here])
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


if endpoint := os.environ.get("THREADLINE_VERSUS_ENDPOINT"):
    sys.meta_path.insert(0, Redirection(endpoint))
_run_the_hidden_one()
