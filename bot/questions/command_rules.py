"""Which commands the rules of a thread allow without a question. Pure.

A rule is a text: a plain command, which it allows exactly, or leading words with ` …` behind. Whatever a shell would
expand, quote, chain or redirect is not plain, and neither are assignments, line feeds and characters outside ASCII: a
person decides about those. Behind leading words only listed options and names inside the directory are allowed, as
other options may run or write more.
"""

import re
from collections.abc import Iterator

_OPTIONS = {
    "cargo check": r"--workspace|--release|-q",
    "cargo test": r"--workspace|--release|-q",
    "git diff": r"--cached|--staged|--stat|--name-only|--name-status|-w",
    "git log": r"--oneline|--stat|--graph|-n|-[0-9]{1,4}",
    "git show": r"--oneline|--stat|--name-only",
    "git status": r"-s|-b|-sb|--short|--branch|--porcelain",
    "go test": r"-v|-race|-short",
    "go vet": r"(?!)",
    "ls": r"-[1AFRSahlrt]{1,9}",
    "make check": r"(?!)",
    "make lint": r"(?!)",
    "make test": r"(?!)",
    "npm run lint": r"(?!)",
    "npm run test": r"(?!)",
    "npm test": r"(?!)",
    "pnpm test": r"(?!)",
    "pwd": r"(?!)",
    "pytest": r"-[qsvx]{1,4}|--lf|--ff|--maxfail=[0-9]{1,4}",
    "yarn test": r"(?!)",
}
"""The leading words that a rule may have, each with the options that may follow."""

LEADING = tuple(_OPTIONS)

LONGEST = 80
"""Characters of a command that a rule can allow: a button and a menu show it whole."""

_ELLIPSIS = " …"

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+(?: [A-Za-z0-9_./:@%+,=-]+)*")
"""Words that every shell takes as they are, one space apart."""

_NAME = re.compile(r"[A-Za-z0-9_.@+][A-Za-z0-9_./:@+-]*")


def rules_for(command: str) -> Iterator[str]:
    """Yield the rules that would allow a command, the narrowest first; none for a command that is not plain."""
    if not _is_plain(command):
        return
    yield command
    yield from (f"{words}{_ELLIPSIS}" for words in LEADING if _begins(command, words))


def allows(rule: str, command: str) -> bool:
    """Whether a rule allows a command. An unknown rule allows none."""
    return rule in rules_for(command)


def _is_plain(command: str) -> bool:
    """Whether a shell runs a command as it is written, and nothing else."""
    first, _, _ = command.partition(" ")
    return len(command) <= LONGEST and _PLAIN.fullmatch(command) is not None and "=" not in first


def _begins(command: str, words: str) -> bool:
    """Whether a plain command is leading words, and behind them only listed options and names in the directory."""
    if command != words and not command.startswith(f"{words} "):
        return False
    return all(re.fullmatch(_OPTIONS[words], word) or _is_inside(word) for word in command[len(words) :].split())


def _is_inside(word: str) -> bool:
    return _NAME.fullmatch(word) is not None and ".." not in re.split("[/:]", word)
