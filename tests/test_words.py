"""The bot's own words stand in modules of their own, and no text there is unused."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.user_messages import WORDS, modules, texts

TEXTS = {
    "bot/cli": "bot/cli/texts/",
    "bot/config": "bot/config/error_texts.py",
    "bot/render": "bot/user_messages/",
    "bot/reply": "bot/user_messages/",
    "bot/rest": "bot/user_messages/",
}
"""Packages whose sentences all stand in one place, and that place."""

DOCUMENTS = {
    "bot/cli/init/config_template.py": "the first configuration, a file with comments",
    "bot/cli/service_unit.py": "the unit, a file with comments",
    "bot/config/presets.py": "the table of known agents",
}
"""Modules that are mostly a text themselves."""

NO_SENTENCES = {
    "# Converted from …. docs/configuration.md explains every key. To check it: threadline check",  # a file's comment
    "bold red",
    "\\ No newline at end of file\n",  # lines of the patch format
    "diff --git … …\nnew file mode 100644\n",
    "made way",  # a kind of notice
    r"(.*) \(at (?:line (\d+), column \d+|end of document)\)",
}


@pytest.mark.parametrize("package", TEXTS)
def test_no_sentence_stands_outside_the_module_of_texts(package: str) -> None:
    """Two words with a space between them make a sentence; docstrings, `repr` and the log are for contributors."""
    found = {
        text
        for path, tree in modules().items()
        if path.startswith(f"{package}/") and not path.startswith(TEXTS[package]) and path not in DOCUMENTS
        for text in {*texts(tree)} - {*for_contributors(tree)}
        if WORDS.search(text)
    }
    assert found - NO_SENTENCES == set()


def for_contributors(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of the log and of `repr`, and types that stand in quotation marks."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))) | ast.FunctionDef(name="__repr__"):
                yield from texts(node)
            case ast.FunctionDef(returns=ast.AST() as kind) | ast.arg(annotation=ast.AST() as kind):
                yield from texts(kind)
            case ast.AnnAssign(annotation=kind):
                yield from texts(kind)


def names(tree: ast.Module) -> Iterator[str]:
    """Yield the public functions and constants of a module."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                yield name


def read_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module reads or imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name, ctx=ast.Load()):
                yield name
            case ast.ImportFrom(names=imported):
                yield from (each.name for each in imported)


@pytest.mark.parametrize("place", sorted({*TEXTS.values()} - {"bot/user_messages/"}))
def test_no_text_is_unused(place: str) -> None:
    """Each is named somewhere in `bot`: by another module, or by another text."""
    used = {name for path, tree in modules().items() if path.startswith("bot/") for name in read_names(tree)}
    defined = {name for path, tree in modules().items() if path.startswith(place) for name in names(tree)}
    assert defined
    assert defined - used == set()
