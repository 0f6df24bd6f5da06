"""Measures the memory of objects with all that they reach."""

import gc
import sys
from asyncio import AbstractEventLoop
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Final

_SHARED: Final = (AbstractEventLoop, BuiltinFunctionType, CodeType, ModuleType, type)
"""Types that reach the whole program, or belong to no object."""


def reachable_bytes(roots: Iterable[object], *, strangers: tuple[str, ...]) -> int:
    """Return the bytes of all objects that can be reached from the roots.

    This excludes classes, modules, event loops, and objects whose class is of a package in `strangers`.
    """
    total, seen, left = 0, set[int](), [*roots]
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, _SHARED) or type(each).__module__.partition(".")[0] in strangers:
            continue
        seen.add(id(each))
        total += sys.getsizeof(each)
        if isinstance(each, FunctionType):  # Its globals belong to its module.
            left += [each.__closure__, each.__defaults__, each.__kwdefaults__]
        else:
            left += gc.get_referents(each)
    return total


def globals_of(packages: Iterable[str]) -> Iterator[object]:
    """Yield the module-level values of packages, caches and tables included."""
    wanted = {*packages}
    for name, module in tuple(sys.modules.items()):
        if name.partition(".")[0] in wanted:
            yield from vars(module).values()
