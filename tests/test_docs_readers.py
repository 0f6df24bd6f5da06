"""Each reader finds a page: docs/using.md has what people use in Discord, docs/operating.md what operators type."""

import ast
import re
from collections.abc import Iterator

import click
import discord
from discord import app_commands

from acp import Elicitation, OpenQuestions, Question
from acp.schema import PermissionOption, ToolCallUpdate
from acp.session_options import Choice, Option, SettingMethod
from bot.cli.group import main
from bot.commands.settings import PAGE, _option_view
from bot.commands.tree import CommandTree
from bot.config import appearance
from bot.intake.stop_words import _PHRASES, _STOP_WORDS, means_stop
from bot.interactions.cards import Card, QuestionOrigin
from bot.interactions.login_button import cancel_view, login_view
from bot.interactions.place_buttons import unreachable_view
from bot.interactions.queue_buttons import queue_view
from bot.interactions.resend_button import again_view
from bot.interactions.stop_button import stop_view
from bot.interactions.thread_buttons import held_view, interrupted_view, warning_view
from bot.questions.elicitation import make_card
from bot.questions.permission import PermissionCard
from bot.reply import activity
from tests.support.docs_pages import ROOT
from tests.support.user_messages import called, modules, texts

USING = (ROOT / "docs/using.md").read_text()
OPERATING = (ROOT / "docs/operating.md").read_text()


def chapter(page: str, heading: str) -> str:
    """The text below a heading of the second level."""
    found = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert found, heading
    return found


def rows(text: str) -> dict[str, str]:
    """The rows of the tables in a text, by their first cell."""
    cells = re.findall(r"^\| (.+?) \|(.*)\|$", text, re.MULTILINE)
    return {first: rest for first, rest in cells if first.strip("-|")}


def tree() -> CommandTree:
    """The bot's commands and message menus, without a connection."""
    return CommandTree(discord.Client(intents=discord.Intents.none()), dm=True)  # type: ignore[arg-type]


# ---- docs/using.md


def test_every_slash_command_has_a_row_with_its_options_and_no_other_has() -> None:
    """A command is `/name`; each option stands in its row."""
    described = rows(chapter(USING, "Commands"))
    commands = {f"`/{each.name}`": each for each in tree().get_commands() if isinstance(each, app_commands.Command)}
    assert set(commands) == {first for first in described if first.startswith("`/")}
    for name, command in commands.items():
        options = described[name].split("|")[0]
        assert re.findall(r"`(\w+)`:", options) == [parameter.name for parameter in command.parameters], name


def test_every_message_menu_has_a_row_and_no_other_has() -> None:
    """By the name that Discord shows below Apps."""
    menus = {f"**{each.name}**" for each in tree().get_commands() if isinstance(each, app_commands.ContextMenu)}
    assert menus == {first for first in rows(chapter(USING, "Message menus")) if first.startswith("**")}


def cards() -> Iterator[Card]:
    """A card of each kind, with all the buttons that are not the agent's."""
    where, questions = QuestionOrigin(1, 1, 1), OpenQuestions()
    call = ToolCallUpdate(tool_call_id="c", title="Run it")
    options = (PermissionOption(option_id="a", name="OF THE AGENT", kind="allow_once"),)
    yield PermissionCard(Question("q", call, options), questions, call, where)
    rejects = PermissionOption(option_id="r", name="OF THE AGENT", kind="reject_once")
    yield PermissionCard(Question("r", call, (*options, rejects)), questions, call, where)
    fields = {"properties": {"name": {"type": "string"}}}
    for asked in (
        Elicitation("f", "form", "", fields),
        Elicitation("n", "form", "", {}),
        Elicitation("p", "url", "", {}, url="https://example.org/"),
    ):
        yield make_card(asked, questions, where)


def labels() -> set[str]:
    """What the bot's own buttons say."""
    many = Option("o", "O", "", "1", tuple(Choice(str(n), str(n)) for n in range(3 * PAGE)), SettingMethod.MODEL)
    views = [held_view(1), warning_view(1, 1), interrupted_view(1), stop_view(1, 1), again_view(1)]
    views += [queue_view(1, 1, into_turn=into_turn) for into_turn in (True, False)]
    views += [login_view(1), cancel_view("default"), unreachable_view(1, "worker1", "worker2")]
    items = [item for view in (*views, _option_view(many, 1)) for item in view.children]
    items += [item for card in cards() for item in card.items()]
    buttons = [getattr(item, "item", item) for item in items]
    return {str(each.label) for each in buttons if isinstance(each, discord.ui.Button)} - {"OF THE AGENT"}


def test_every_button_has_a_row_and_no_other_has() -> None:
    """By its label."""
    described = {label for first in rows(chapter(USING, "Buttons")) for label in re.findall(r"\*\*(.+?)\*\*", first)}
    assert described == labels()


def test_whatever_makes_a_button_is_known_to_the_test_of_their_labels() -> None:
    """A module that makes new ones has to be asked for its labels above."""
    makers = {
        path
        for path, module in modules().items()
        if any(isinstance(node, ast.Call) and _makes_button(node.func) for node in ast.walk(module))
    }
    assert makers == {
        "bot/commands/settings.py",
        "bot/interactions/continue_button.py",  # the same label as on held messages
        "bot/interactions/login_button.py",
        "bot/interactions/place_buttons.py",
        "bot/interactions/queue_buttons.py",
        "bot/interactions/resend_button.py",
        "bot/interactions/stop_button.py",
        "bot/interactions/thread_buttons.py",
        "bot/questions/elicitation.py",
        "bot/questions/form_submit.py",  # the form's own, once more
        "bot/questions/permission.py",
    }


def _makes_button(made: ast.expr) -> bool:
    """Whether a call makes a button of the library, or one of a form."""
    name = called(made.value if isinstance(made, ast.Subscript) else made)
    return name == "elicitation_button" or (name == "Button" and "ui" in ast.unparse(made))


def test_every_reaction_that_the_bot_puts_on_a_message_is_explained() -> None:
    """Those of the outcome have a row; those of the activity stand in a sentence."""
    text = chapter(USING, "Reactions")
    outcomes = {
        appearance.EYE,
        appearance.WAITING,
        appearance.TAKEN_IN,
        appearance.DONE,
        appearance.FAILED,
        *refusals(),
    }
    assert outcomes == {first for first in rows(text) if not first.isascii()}
    activities = {activity.SILENT, activity._THINKING, activity._WRITING, activity._OTHER, *activity._KINDS.values()}
    missing = {each for each in activities if each not in text}
    assert missing == set()


def refusals() -> set[str]:
    """Reactions that are written where they are put on."""
    return {
        str(node.args[2].value)
        for module in modules().values()
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and called(node) == "react" and isinstance(node.args[2], ast.Constant)
    }


def test_every_mark_in_the_bots_texts_is_explained() -> None:
    """Signs and emoji of messages, buttons and reactions, without the selector that makes an emoji of a sign."""
    signs = re.compile("[ℹ⋯\u23e9-\u23fa\u25a0-\u2767\u2776-\u27bf\U0001f300-\U0001faff]")
    used = {
        sign
        for path, module in modules().items()
        if path.startswith("bot/") and not path.startswith("bot/cli/")
        for text in texts(module)
        for sign in signs.findall(text)
    }
    assert {sign for sign in used if sign not in USING} == set()


def test_the_stop_words_are_those_of_the_code() -> None:
    """Each is on the page, and each that the page names is one."""
    said = USING.partition("**Say stop.**")[2].partition("is not sent")[0]
    named = {" ".join(word.split()) for word in re.findall(r"`([^`]+)`", said)}
    assert named == {*_STOP_WORDS, *_PHRASES}
    assert all(map(means_stop, named))


# ---- docs/operating.md


def test_every_program_command_has_a_row_with_its_options_and_no_other_has() -> None:
    """The long name of each option, or the value that it takes its place for."""
    described = rows(chapter(OPERATING, "The command line"))
    context = click.Context(main)
    commands = {f"`threadline {name}`": main.get_command(context, name) for name in main.list_commands(context)}
    assert set(commands) == {first for first in described if first.startswith("`threadline")}
    for name, command in commands.items():
        assert command is not None
        options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", described[name]))
        long = {option for option in options if option.startswith("--")} - {"--config"}
        assert {each for each in told if each.startswith("--")} == long, name
        assert told <= options, name
