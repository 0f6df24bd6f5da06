"""Stands in for a system program that the documents call: accepts the command lines listed here.

    python tests/support/fake_program.py PROGRAM [ARGUMENT ...]

Does nothing else. Ends with 2 for another line, or one whose files are missing.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

VERSION = r"[0-9]+\.[0-9]+\.[0-9]+"

PARTS = {
    "curl": ("--fail --silent --max-time SECONDS ADDRESS",),
    "docker": ("build -f FILE -t NAME SOURCES", "compose -f FILE up --detach", "tag IMAGE IMAGE", "push IMAGE"),
    "git": ("commit --all --message TEXT", "tag --annotate TAG --message TEXT", "push origin main TAG"),
    "kubectl": ("create secret generic NAME --from-env-file=FILE", "apply -f FILE"),
    "loginctl": ("enable-linger",),
    "pipx": ("install SOURCES", "install --force SOURCES", "install --force WHEEL"),
    "systemctl": ("--user daemon-reload", "--user enable --now UNIT"),
    "twine": ("upload PUBLISHED",),
    "uv": ("tool install SOURCES", "tool install --force SOURCES"),
}
"""The lines that are right, by program; a word in capitals stands for what `STANDS` accepts."""

STANDS: dict[str, Callable[[str], bool]] = {
    "ADDRESS": lambda word: re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/(?:health|metrics)", word) is not None,
    "FILE": lambda word: Path(word).is_file(),
    "IMAGE": lambda word: re.fullmatch(rf"(?:registry\.example/)?threadline(?:-[a-z]+)*:{VERSION}", word) is not None,
    "NAME": lambda word: re.fullmatch(r"[a-z][a-z0-9-]*", word) is not None,
    "SECONDS": str.isdecimal,
    "SOURCES": lambda word: (Path(word) / "pyproject.toml").is_file(),
    "PUBLISHED": lambda word: word == "dist/*",
    "TAG": lambda word: re.fullmatch(f"v{VERSION}", word) is not None,
    "TEXT": lambda word: word != "",
    "WHEEL": lambda word: re.fullmatch(rf"dist/threadline-{VERSION}-py3-none-any\.whl", word) is not None,
    "UNIT": lambda word: (Path.home() / f".config/systemd/user/{word}.service").is_file(),
}


def fits(part: str, word: str) -> bool:
    """Whether a word matches a part of a listed line."""
    fixed, _, kind = part.rpartition("=")
    begin = f"{fixed}=" if fixed else ""
    return word == part or (kind in STANDS and word.startswith(begin) and STANDS[kind](word.removeprefix(begin)))


def accepts(program: str, arguments: list[str]) -> bool:
    """Whether a line is one of the program's."""
    lines = [line.split() for line in PARTS[program]]
    return any(len(line) == len(arguments) and all(map(fits, line, arguments)) for line in lines)


if __name__ == "__main__":
    if not accepts(sys.argv[1], sys.argv[2:]):
        sys.exit(f"tests/support/fake_program.py knows no such line: {' '.join(sys.argv[1:])}")
