"""The bot's words to people stand in one place: no other module writes a sentence, and none there is unused."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.user_messages import UNTOLD, called, exceptions, modules, parts, template

WORDS = "bot/user_messages/"
COMMAND_LINE = "bot/cli/"
"""The command line has a module of its own."""

SHOWS = {
    *("send_message", "edit_message", "edit_original_response", "send", "send_once", "send_modal", "edit"),
    *("show", "pressed", "answered", "tell", "warn", "line", "placeholder", "not_opened", "fail", "discard", "end"),
    *("echo", "secho", "prompt", "confirm", "describe", "ContextMenu"),
}
"""What posts, shows, answers, edits or echoes; each as a name of a function or method."""

TELLS = {"description", "label", "placeholder", "title", "content"}
"""Keyword arguments that people read."""

PRODUCTS = "bot/config/presets.py"
"""Its titles are the names of agents, not words of the bot."""


def sentences(node: ast.AST) -> Iterator[str]:
    """Yield the texts with a space below a node; what a call in it is given is not shown."""
    for each in parts(node):
        text = template(each)
        if text is not None and " " in text.strip() and any(letter.isalpha() for letter in text):
            yield text


def shown(tree: ast.AST) -> Iterator[str]:
    """Yield the sentences that a module itself passes to what shows them, or to an exception of ours."""
    takes = SHOWS | exceptions() | UNTOLD.keys()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        told = [each.value for each in node.keywords if each.arg in TELLS]
        if called(node) in takes:
            told += [*node.args, *(each.value for each in node.keywords)]
        for each in told:
            yield from sentences(each)


def test_no_module_but_those_of_the_words_writes_a_sentence_to_people() -> None:
    """A text with a space that is posted, shown, answered, edited in, raised or used as a description stands there."""
    found = {
        f"{path}: {text}"
        for path, tree in modules().items()
        if path.startswith("bot/") and not path.startswith((WORDS, COMMAND_LINE, PRODUCTS))
        for text in shown(tree)
    }
    assert found == set()


def test_no_word_to_people_is_unused() -> None:
    """A public name of these modules is used by another module of the bot, or by one beside it."""
    used: dict[str, set[str]] = {}
    for path, tree in modules().items():
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(attr=name):
                    used.setdefault(name, set()).add(path)
                case ast.ImportFrom(names=names):
                    for alias in names:
                        used.setdefault(alias.name, set()).add(path)
                case ast.Name(id=name, ctx=ast.Load()):
                    used.setdefault(name, set()).add(path)
    unused = {
        f"{path}: {name}"
        for path, tree in modules().items()
        if path.startswith(WORDS)
        for name in public(tree)
        if not used.get(name)
    }
    assert unused == set()


def public(tree: ast.Module) -> Iterator[str]:
    """Yield the public names that a module defines."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) if not name.startswith("_"):
                yield name
            case ast.Assign(targets=targets):
                for each in targets:
                    for found in ast.walk(each):
                        if isinstance(found, ast.Name) and not found.id.startswith("_"):
                            yield found.id


def test_a_sentence_is_found_wherever_it_is_shown() -> None:
    """In an f-string, under a condition, as a label, as a reason; not in the log, or in a report of our own mistake."""
    source = """
log.info("not for people")
raise ValueError("nor this one")
await interaction.response.send_message("an answer" if late else f"another {name}", ephemeral=True)
Button(label="Press me", custom_id="threadline: id")
notices.show(thread_id, texts.held(2), "held")
raise GitFailed(f"the {name} is unknown")
"""
    assert set(shown(ast.parse(source))) == {"an answer", "another …", "Press me", "the … is unknown"}


def test_the_modules_are_small() -> None:
    """Each has one purpose: beyond 400 lines it has two."""
    root = Path(__file__).parents[2]
    sizes = {path: len((root / path).read_text().splitlines()) for path in modules() if path.startswith(WORDS)}
    assert sizes
    assert [path for path, lines in sizes.items() if lines > 400] == []
