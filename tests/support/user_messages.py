"""The texts about failures that people read, found in the code, with `…` for each inserted value."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAYS = {"fail", "exit", "Finding", "Refuse", "refuse", "_fault", "_raise", "_reject", "_decline", "ValueError"}
"""What `bot` calls with such words: the end of a command, a check's row, a refusal, a mistake of the configuration."""

RETURNS = {
    "bot/user_messages/agent_checks.py": {
        *("late_pieces", "ended_turn", "unknown_mode_failed", "request_id_kind"),
        *("variable_not_set", "key_not_set", "not_installed", "not_started", "no_login_method", "asking_mode"),
    },
}
"""Functions and methods that return such words to where they are said."""

FAILURES = {
    "bot/cli/texts/failures.py",
    "bot/config/error_texts.py",
    *(str(path.relative_to(ROOT)) for path in (ROOT / "bot/user_messages").glob("*_errors.py")),
}
"""Modules that hold such words and no others."""

TYPED = {"AcpError", "JournalError"}
"""Exceptions of ours, with all below them, whose fields `bot` puts into words. Their own text is for the log."""

WRITES = {"error", "critical"}
"""Levels of the log that ask for somebody. A line with a traceback is a mistake of ours, whatever it says."""

SIGNS = re.compile("[⚠❌⏹🚫]")
"""With these begins a word in a thread that something is wrong."""

ANSWERS = {"send_message", "send", "edit_message", "edit_original_response"}
"""How a command or a button is answered."""

NO = re.compile(r"\b(?:cannot|could not|failed|not|no|none)\b.*[.:]", re.IGNORECASE)
"""What makes a sentence of such an answer a no."""

UNTOLD = {
    "RequestRefused": "answers an agent",
    "PermanentError": "ends a write of which the log tells",
    "TryLater": "is tried again",
    "TooMany": "is waited for",
    "NoSlot": "leaves a list empty",
    "Problem": "is the runner's answer, which becomes a type again",
}
"""Exceptions of ours whose text no person sees."""

WORDS = re.compile(r"[A-Za-z'-]{2,}[,:;]? [A-Za-z'-]{2,}")
"""What makes a text more than a key or a separator."""


@cache
def modules() -> dict[str, ast.Module]:
    """Return each module by its path. Parsed on demand, because every worker imports every test."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for package in ("acp", "pool", "bot")
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def template(node: ast.AST) -> str | None:
    """Return a text of the code, with `…` for inserted values."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(template(part) or "…" for part in parts)
        case _:
            return None


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all nodes below it, without docstrings and pieces of texts."""
    yield node
    pieces = isinstance(node, ast.JoinedStr)
    for child in ast.iter_child_nodes(node):
        docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not docstring and not (pieces and isinstance(child, ast.Constant)):
            yield from parts(child)


def texts(node: ast.AST) -> Iterator[str]:
    """Yield all texts below a node."""
    yield from filter(None, map(template, parts(node)))


def called(node: ast.AST) -> str:
    """Return the name of the called function, without its prefix."""
    function = node.func if isinstance(node, ast.Call) else node
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def classes() -> Iterator[ast.ClassDef]:
    """Yield all classes."""
    for tree in modules().values():
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


@cache
def exceptions() -> set[str]:
    """Return the names of our exceptions with texts for people."""
    ours = [(each.name, {*map(called, each.bases)}) for each in classes() if each.name not in TYPED]
    found, before = {"Exception"}, 0
    while before != len(found):
        before = len(found)
        found |= {name for name, bases in ours if found & bases}
    return found - {"Exception"} - set(UNTOLD)


def definitions(tree: ast.Module) -> dict[str, ast.AST]:
    """Return a module's functions and constants by name, since a call may name its text."""
    found: dict[str, ast.AST] = {}
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
    return found


def said(node: ast.AST, defined: Mapping[str, ast.AST], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the texts below a node, and those of the functions and constants of its module that it names."""
    yield from texts(node)
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} - seen
    for name in names & defined.keys():
        yield from said(defined[name], defined, seen | names)


def sources(path: str, node: ast.AST) -> Iterator[tuple[ast.AST, re.Pattern[str]]]:
    """Yield the parts of a node that hold such texts, with the pattern that tells them."""
    in_bot = path.startswith("bot/")
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log")), args=[event], keywords=bound) if called(
            node
        ) in WRITES and "exc_info" not in {each.arg for each in bound}:
            yield event, WORDS
        case ast.Call(args=args, keywords=keywords) if called(node) in (
            exceptions() | SAYS if in_bot else exceptions()
        ):
            if "Level.OK" not in map(ast.unparse, args):
                yield from ((each, WORDS) for each in (*args, *keywords))
        case ast.Call(args=args, keywords=keywords) if in_bot and called(node) in ANSWERS:
            yield from ((each, NO) for each in (*args, *keywords))
        case ast.ClassDef(name=name, body=body) if name in exceptions():
            yield from ((each, WORDS) for each in body[1:])
        case ast.FunctionDef(name=name) if name in RETURNS.get(path, ()):
            yield node, WORDS
        case ast.Constant() | ast.JoinedStr() if in_bot and SIGNS.search(template(node) or ""):
            yield node, WORDS


def told() -> dict[str, str]:
    """Return each text, with a file that has it."""
    found: dict[str, str] = {}
    for path, tree in modules().items():
        if path in FAILURES:
            found |= {text: path for text in texts(tree) if WORDS.search(text)}
        defined = definitions(tree)
        for node in parts(tree):
            for source, kind in sources(path, node):
                found |= {text: path for text in said(source, defined) if WORDS.search(text) and kind.search(text)}
    return found
