"""Shows links to files as code: Discord opens only web addresses. Pure."""

import os.path
import re
from urllib.parse import unquote

WEB = re.compile(r"https?://[^\s<>]", re.IGNORECASE)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_LINES = re.compile(r"#L?(\d{1,7})(?:C\d{1,5})?(?:-L?(\d{1,7})(?:C\d{1,5})?)?$")
_PLACE = re.compile(r"(?P<path>.*?)(?P<lines>(?::\d{1,7}(?:-\d{1,7})?){0,2})$", re.DOTALL)
_EDITOR = re.compile(r"(?:vscode|vscode-insiders|cursor|windsurf|zed)://file", re.IGNORECASE)
_MARKS = "`*_ "


def leads_to_file(target: str, label: str) -> bool:
    """Whether a link's target looks like a path: `handlers[name](argument)` is no link."""
    if _scheme_of(target):
        return target.lower().startswith("file:") or _EDITOR.match(target) is not None
    return any(mark in target for mark in "/.#") or target == label.strip(_MARKS)


def file_of(target: str, label: str, directory: str) -> tuple[str, str]:
    """Return the words before a file's name, empty where they only repeat it, and the name with its lines.

    The name is relative to `directory` if the file is inside. A link to a place on the same page has no name.
    """
    if target.startswith("#") and not _LINES.match(target):
        return label, ""
    path, lines = _path_of(target)
    path = _relative(path, directory)
    told, told_lines = _split(label.strip(_MARKS))
    told_path = _relative(told, directory)
    repeats = not told or path == told_path or path.endswith(f"/{told_path.lstrip('./')}")
    name = f"{path}{(lines or told_lines) if repeats else lines}"
    return ("" if repeats else label), name.replace("`", "'")


def is_elsewhere(target: str) -> bool:
    """Whether a target is an address that is neither a file nor on the web, as an e-mail address is."""
    return bool(_scheme_of(target)) and not WEB.match(target) and not leads_to_file(target, "")


def _scheme_of(target: str) -> str:
    """Return the scheme of an address; a drive's letter and a file name before a line's number are none."""
    found = _SCHEME.match(target)
    return found[1] if found and not target[found.end() :][:1].isdigit() and "." not in found[1] else ""


def _path_of(target: str) -> tuple[str, str]:
    """Return a target's path, and its lines as `:12` or `:12-20`."""
    lines = ""
    if found := _LINES.search(target):
        lines = f":{found[1]}-{found[2]}" if found[2] and found[2] != found[1] else f":{found[1]}"
        target = target[: found.start()]
    target = _EDITOR.sub("", target, count=1)
    if target.lower().startswith("file:"):
        target = re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", target, flags=re.IGNORECASE)
        target = target[1:] if re.match(r"/[A-Za-z]:", target) else target
    path, told = _split(unquote(target, errors="replace"))
    return " ".join(path.split()), lines or told


def _split(place: str) -> tuple[str, str]:
    found = _PLACE.match(place)
    return (found["path"], found["lines"]) if found and found["path"] else (place, "")


def _relative(path: str, directory: str) -> str:
    if directory and path.startswith(directory.rstrip("/") + "/"):
        return os.path.relpath(path, directory)
    return path.removeprefix("./") or path
