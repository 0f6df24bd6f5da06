"""The one-way rule: which module may import which, read from the source, not from loaded modules."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"acp", "pool", "bot", "loopback", "bench", "tests"}
LOOPBACK_MAY_IMPORT = {"loopback", "aiohttp", "markdown_it"} | sys.stdlib_module_names

ORDER = {
    "bot": [
        *("text", "user_messages", "rest", "access", "config", "agents", "render", "prompt", "reply", "interactions"),
        *("questions", "operations", "conversation", "intake", "commands", "gateway", "app", "cli", "__main__"),
    ],
    "loopback": [
        *("state", "payloads", "origin_guard", "rest", "gateway", "user", "web", "server", "harness", "bot_process"),
        *("agent", "control", "demo", "__main__"),
    ],
}
"""The packages and files of each: one imports only those before it."""


@dataclass(frozen=True)
class Import:
    """An absolute import: the top-level module, its place, and whether it is inside a function."""

    module: str
    place: str
    in_function: bool = False


@cache
def modules(package: str) -> dict[str, Path]:
    """Return every module of a package, by its dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imported(name: str, path: Path, known: set[str]) -> set[str]:
    """Return the modules among `known` that a module imports, for types too, and by relative imports."""
    found = set[str]()
    parts = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names = {f"{origin}.{alias.name}" for alias in node.names}
            found.update(names & known or {origin})
    return found & known


@cache
def imports_of(package: str) -> list[Import]:
    """Return every absolute import of a package's files, anywhere in a file."""
    return [
        found
        for path in sorted((ROOT / package).rglob("*.py"))
        for found in imports_in(path.read_text(), str(path.relative_to(ROOT)))
    ]


def imports_in(source: str, name: str) -> Iterator[Import]:
    """Return the absolute imports of a source text; a relative one cannot leave its package."""
    todo: list[tuple[ast.AST, bool]] = [(ast.parse(source, name), False)]
    while todo:
        node, in_function = todo.pop()
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.name.partition(".")[0], f"{name}:{node.lineno}", in_function)
            case ast.ImportFrom(module=str(module), level=0):
                yield Import(module.partition(".")[0], f"{name}:{node.lineno}", in_function)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                in_function = True
        todo += [(child, in_function) for child in ast.iter_child_nodes(node)]


@pytest.mark.parametrize(
    ("package", "lower"), [("acp", set[str]()), ("pool", {"acp"}), ("bot", {"acp", "pool"}), ("loopback", set[str]())]
)
def test_a_package_imports_only_the_packages_below_it(package: str, lower: set[str]) -> None:
    """The direction is bot -> pool -> acp, and loopback is separate; the demo command is the one exception."""
    forbidden = OURS - lower - {package}
    wrong = [found for found in imports_of(package) if found.module in forbidden and not _is_demo_command(found)]
    assert wrong == []


@pytest.mark.parametrize("package", sorted(OURS))
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    """Neither through others nor for types alone: each module can be read with only those below it in mind."""
    known = modules(package)
    graph = {name: imported(name, path, known.keys() - {name}) for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' imports '.join(reversed(error.args[1]))}")


@pytest.mark.parametrize(("package", "order"), ORDER.items())
def test_each_part_of_a_package_imports_only_those_before_it(package: str, order: list[str]) -> None:
    """The order is one list, which contains every part."""
    known = modules(package)
    places = {name: name.split(".")[1] for name in known if name != package}
    assert set(places.values()) == set(order)
    wrong = [
        f"{name} imports {other}"
        for name, place in places.items()
        for other in imported(name, known[name], places.keys() - {name})
        if order.index(places[other]) > order.index(place)
    ]
    assert wrong == []


def test_the_messages_to_people_are_pure() -> None:
    """They know neither Discord nor an event loop: a text is a value."""
    found = {each.module for each in imports_of("bot/user_messages")}
    assert found
    assert found & {"asyncio", "discord", "structlog"} == set()


@pytest.mark.parametrize("package", ["acp", "pool", "bot"])
def test_nothing_is_imported_for_types_alone(package: str) -> None:
    """Such an import hides an upward dependency."""
    assert [name for name, path in modules(package).items() if "TYPE_CHECKING" in path.read_text()] == []


def test_only_the_demo_command_knows_loopback() -> None:
    """bot/cli/demo.py imports it inside a function, so that a bot on the real Discord does not load it."""
    wrong = [found for found in imports_of("bot") if found.module == "loopback" and not _is_demo_command(found)]
    assert wrong == []


@pytest.mark.parametrize("package", ["acp", "pool", "loopback"])
def test_discord_is_imported_only_in_bot(package: str) -> None:
    """All other packages work without a Discord library."""
    assert [found for found in imports_of(package) if found.module == "discord"] == []


def test_loopback_needs_only_its_web_server_and_its_markdown() -> None:
    """Any Discord library's bot can use loopback, and loopback is independent of the bot's code."""
    assert [found for found in imports_of("loopback") if found.module not in LOOPBACK_MAY_IMPORT] == []


def test_the_scripted_agent_needs_only_the_standard_library() -> None:
    """`python -m loopback.agent` starts fast and anywhere."""
    found = imports_of("loopback/agent")
    assert found
    assert [each for each in found if each.module not in sys.stdlib_module_names | {"loopback"}] == []


@pytest.mark.parametrize("package", ["acp", "pool", "bot", "loopback"])
def test_each_package_has_source_files(package: str) -> None:
    """The rules above read existing files."""
    assert imports_of(package)


def test_an_import_is_seen_wherever_it_stands() -> None:
    """At the top, under a condition, in a function, in a class, as a submodule; relative ones do not count."""
    source = """
import discord.ext
if True:
    from pool.pool import Pool
class Some:
    import bench
    async def method(self):
        from loopback import server
from . import neighbour
from .bot import inside
"""
    found = {(each.module, each.in_function) for each in imports_in(source, "sample.py")}
    assert found == {("discord", False), ("pool", False), ("bench", False), ("loopback", True)}


def _is_demo_command(found: Import) -> bool:
    return found.module == "loopback" and found.in_function and found.place.startswith("bot/cli/demo.py:")
