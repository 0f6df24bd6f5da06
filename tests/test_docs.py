"""The documents against the code: keys, defaults, bounds, links, examples, tables."""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.access.gate import People
from bot.config.error_texts import NAMED_TABLES
from bot.config.load import load
from bot.config.requirements import warnings
from bot.config.schema import Config
from bot.prompt import attachment_store as saved
from bot.user_messages.access_rules import PERMISSIONS
from pool.journal import messages
from pool.journal.message_states import BEFORE
from tests.support.docs_pages import PAGES, ROOT, blocks

EXAMPLE = ROOT / "config.example.toml"
TOKEN = {"DISCORD_TOKEN": "a token that opens nothing", "WIKI_TOKEN": "nor does this one", "GH_TOKEN": "nor this"}


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Return every dotted key of the configuration, in the order of the code."""
    for name, field in model.model_fields.items():
        tables = [each for each in get_args(field.annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of(field.annotation, f"{prefix}{name}.")
        elif get_origin(field.annotation) is dict and tables:
            yield from keys_of(tables[0], f"{prefix}{name}.{NAMED_TABLES[name]}.")
        else:
            yield f"{prefix}{name}", field


KEYS = dict(keys_of(Config))


def as_written(value: object) -> object:
    """Return a default of the code as TOML has it."""
    match value:
        case People(entries=entries):
            return list(entries)
        case frozenset() | tuple():
            return list(value)
        case SecretStr():
            return value.get_secret_value()
        case _:
            return value


def default_of(field: FieldInfo) -> object:
    """Return the key's default; None where the key is required."""
    return None if field.is_required() else as_written(field.get_default(call_default_factory=True))


def described_keys() -> dict[str, str]:
    """Return the dotted keys with a heading in docs/configuration.md, with the text below it."""
    text = (ROOT / "docs/configuration.md").read_text()
    sections = re.split(r"^#{1,3} ", text, flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        heading, _, body = section.partition("\n")
        if key := re.fullmatch(r"`([a-z_.]+(?:(?:ID|NAME)\.)?[a-z_.]+)`", heading):
            found[key[1]] = body
    return found


def example_defaults() -> dict[str, object]:
    """Return the dotted keys that the example shows with a default, `#key = value`."""
    found: dict[str, object] = {}
    table = ""
    for line in EXAMPLE.read_text().splitlines():
        if header := re.fullmatch(r"#?\[(.+)\]", line):
            table = re.sub(r"\.[0-9]+$", ".ID", header[1])
        elif setting := re.fullmatch(r"#([a-z_]+) = (.+)", line):
            found[f"{table}.{setting[1]}"] = tomllib.loads(f"value = {setting[2]}")["value"]
    return found


def flat(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Return the dotted keys that are set in parsed TOML."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def loads(text: str, folder: Path) -> Config:
    """Load a configuration that a reader has completed: with directories and a command that exist."""
    project = folder / "project"
    project.mkdir(exist_ok=True)
    text = re.sub(r'^cwd = (?!""$).*$', f'cwd = "{project}"', text, flags=re.MULTILINE)
    text = re.sub(r"^command = .*$", f'command = "{sys.executable}"', text, flags=re.MULTILINE)
    text = re.sub(r'^preset = "\w+"$', rf'\g<0>\ncommand = "{sys.executable}"', text, flags=re.MULTILINE)
    text = re.sub(r'(?<!engine = )"bwrap"', f'"{sys.executable}"', text)
    if "[discord]" not in text:
        text += '\n[discord]\ntoken = "${DISCORD_TOKEN}"\n'
    if "[agents.default]" not in text:
        text += f'\n[agents.default]\ncommand = "{sys.executable}"\ncwd = "{project}"\n'
    path = folder / "threadline.toml"
    path.write_text(text)
    return load(path, TOKEN)


# ---- configuration


def test_every_key_and_no_other_has_a_heading_in_the_order_of_the_code() -> None:
    """docs/configuration.md describes exactly the keys that exist."""
    assert list(described_keys()) == list(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_a_keys_description_gives_the_default_of_the_code(key: str) -> None:
    """`Default:` and the value, or that the key is required."""
    body, default = described_keys()[key], default_of(KEYS[key])
    written = re.search(r"Default: `([^`]+)`", body)
    if written is None:
        assert "Required." in body
        assert default is None
    else:
        assert tomllib.loads(f"value = {written[1]}")["value"] == default


@pytest.mark.parametrize("key", KEYS)
def test_a_keys_description_gives_the_bounds_of_the_code(key: str) -> None:
    """Each limit, and each choice of a closed set."""
    field, body = KEYS[key], described_keys()[key]
    bounds = [
        getattr(rule, name) for rule in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(rule, name)
    ]
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    for value in (*bounds, *filter(None, choices)):
        assert re.search(rf"\b{re.escape(str(value))}\b", body), value


def test_the_example_has_every_key_and_no_other() -> None:
    """Set, or as a comment with its default."""
    parsed = tomllib.loads(EXAMPLE.read_text())
    assert {*example_defaults(), *flat(parsed)} == set(KEYS)


def test_the_examples_comments_give_the_defaults_of_the_code() -> None:
    """Removing a `#` has no effect; the keys without a default are set."""
    optional = {key: default_of(field) for key, field in KEYS.items() if not field.is_required()}
    assert example_defaults() == optional


def test_the_example_loads_once_its_ids_and_paths_are_right(tmp_path: Path) -> None:
    """As it stands, and with every comment in force."""
    text = EXAMPLE.read_text()
    assert warnings(loads(text, tmp_path)) == []
    every = re.sub(r"^#channels = .*\n", "", text, flags=re.MULTILINE)
    every = re.sub(r"^#(?=\[|[a-z_]+ = )", "", every, flags=re.MULTILINE)
    # A place needs a name and a host.
    every = every.replace("[places.NAME]", "[places.worker1]").replace('host = ""', 'host = "worker1"')
    assert loads(every, tmp_path) == loads(f'{text}\n[places.worker1]\nhost = "worker1"\n', tmp_path)


@pytest.mark.parametrize("block", blocks("toml"))
def test_a_piece_of_configuration_in_the_documents_loads(block: str, tmp_path: Path) -> None:
    """A reader can copy it."""
    loads(block, tmp_path)


# ---- links and tables


def slug(heading: str) -> str:
    """Return the anchor of a heading on code hosts."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """The file exists, and so does the heading."""
    for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings), f"{target}#{anchor}"


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/how-it-works.md"])
def test_every_method_that_the_pages_for_contributors_name_exists(name: str) -> None:
    """Its class has it."""
    sources = [path.read_text() for package in ("acp", "pool", "bot") for path in (ROOT / package).rglob("*.py")]
    named = set(re.findall(r"`([A-Z]\w+)\.(\w+)`", (ROOT / name).read_text()))
    assert named
    for owner, member in named:
        homes = [source for source in sources if re.search(rf"^class {owner}\b", source, re.MULTILINE)]
        found = (re.search(rf"^ +(?:(?:async )?def )?{member}\b", home, re.MULTILINE) for home in homes)
        assert any(found), f"{owner}.{member}"


def test_the_invitation_is_told_with_the_permissions_that_it_asks_for() -> None:
    """The page names exactly these."""
    page = " ".join((ROOT / "docs/getting-started.md").read_text().split())
    named = re.search(r"exactly the permissions that are used: ([^.]+)\.", page)
    assert named
    assert named[1].split(", ") == list(PERMISSIONS.values())
    drawn = set(re.findall(r">☑ ([^<]+)<", (ROOT / "docs/pictures/invite.svg").read_text()))
    assert drawn == set(PERMISSIONS.values())


def test_the_first_screens_are_for_somebody_who_wants_a_bot() -> None:
    """How to see it work, then how to run it; how to test it stands far below."""
    lines = (ROOT / "README.md").read_text().splitlines()
    first, second, later = (
        next(number for number, line in enumerate(lines) if re.match(text, line))
        for text in ("make demo$", r"    git clone\b", "make test$")
    )
    assert first < 30 < second < 50 < later


def test_the_table_of_a_messages_states_is_the_journals() -> None:
    """Exactly the transitions that the journal allows."""
    text = (ROOT / "docs/how-it-works.md").read_text().partition("## The states of a message")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `(\w+)` \| `(\w+)` \| \w", text, re.MULTILINE)
    assert sorted(lines) == sorted((before, after) for after, befores in BEFORE.items() for before in befores)


def test_the_page_on_security_tells_how_long_texts_are_kept() -> None:
    """Those in the journal, and people's files."""
    stored = (ROOT / "docs/security.md").read_text().partition("## What is stored")[2].partition("\n## ")[0]
    assert f"{messages.KEPT_SECONDS / 86400:.0f} days" in stored
    assert f"{saved.KEPT_SECONDS / 86400:.0f} days" in stored
    assert "what people write" in stored
