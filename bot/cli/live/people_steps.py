"""Step 8: a person presses a button, chooses in a menu, fills in a form, and looks at pages on a phone."""

from typing import Any, Final

from bot.cli.texts import live as texts

from .gateway_wire import Frame
from .rest_wire import Answer, CallFailed
from .trial import Trial

PRESS_SECONDS: Final = 180.0
"""The time for one press. The person may have to fetch the phone."""

ACKNOWLEDGED, UPDATED, FORM = 6, 7, 9
"""Kinds of answers to an interaction (Discord, Interaction Callback Type)."""

BUTTON, MENU, TEXT_FIELD, PEOPLE, CHANNELS, LABEL = 2, 3, 4, 5, 8, 18
"""Kinds of components (Discord, Component Types)."""

OPTIONS: Final = [{"label": label, "value": label.lower()} for label in texts.OPTIONS]


async def presses_and_pages(trial: Trial) -> None:
    """Ask for each press in the thread. The first that does not come ends the step."""
    if not trial.gateway.connected:
        raise CallFailed(texts.NO_GATEWAY)
    trial.show(texts.look(trial.thread_link))
    await _press(trial, texts.BUTTON, texts.PRESS_BUTTON, [_button(texts.PRESS, "button")], {"type": ACKNOWLEDGED})
    menu = {"type": MENU, "custom_id": "menu", "options": OPTIONS}
    chosen = await _press(trial, texts.MENU, texts.PRESS_MENU, [menu], {"type": ACKNOWLEDGED})
    values = chosen["data"].get("values") or []
    known = len(values) == 1 and values[0] in {each["value"] for each in OPTIONS}
    seen = texts.ONE_OPTION if known else texts.options(values)
    trial.findings.expect(texts.MENU_VALUE, texts.ONE_OPTION, seen, holds=known)
    await _press(
        trial, texts.FORM, texts.PRESS_FORM, [_button(texts.OPEN_FORM, "form")], {"type": FORM, "data": _form()}
    )
    submitted = await _interaction(trial)
    await _answer(trial, texts.FORM_SENT, submitted, {"type": ACKNOWLEDGED})
    names, wanted = sorted(_fields(submitted["data"])), sorted(texts.FIELDS)
    trial.findings.expect(texts.FORM_FIELDS, texts.options(wanted), texts.options(names), holds=names == wanted)
    for name, content in texts.PAGES.items():
        await _page(trial, name, content)


async def _press(trial: Trial, subject: str, content: str, components: list[Any], answer: Frame) -> Frame:
    """Post a message with components, wait for the press, and answer it."""
    await trial.post(trial.thread, content, components=[{"type": 1, "components": components}])
    pressed = await _interaction(trial)
    await _answer(trial, subject, pressed, answer)
    return pressed


async def _page(trial: Trial, name: str, content: str) -> None:
    buttons = [_button(texts.YES, "yes"), _button(texts.NO, "no")]
    await trial.post(trial.thread, content, components=[{"type": 1, "components": buttons}])
    pressed = await _interaction(trial)
    await _reply(trial, pressed, {"type": UPDATED, "data": {"components": []}})
    seen = pressed["data"]["custom_id"]
    trial.findings.expect(texts.page(name), "yes", seen, holds=seen == "yes")


async def _interaction(trial: Trial) -> Frame:
    interaction = await trial.gateway.interaction(PRESS_SECONDS)
    if interaction is None:
        raise CallFailed(texts.not_pressed(PRESS_SECONDS))
    return interaction


async def _answer(trial: Trial, subject: str, interaction: Frame, answer: Frame) -> None:
    """Answer an interaction, and note how long that took."""
    answered = await _reply(trial, interaction, answer)
    trial.expect_answer(subject, answered, status=204)
    trial.findings.measure(texts.acknowledged(subject), texts.seconds(answered.seconds))


async def _reply(trial: Trial, interaction: Frame, answer: Frame) -> Answer:
    path = f"/interactions/{interaction['id']}/{interaction['token']}/callback"
    return await trial.rest.once("POST", path, answer)


def _button(label: str, custom_id: str) -> Frame:
    return {"type": BUTTON, "style": 1, "label": label, "custom_id": custom_id}


def _form() -> Frame:
    """Return a form with a field of each kind that the bot uses."""
    one_line, lines, menu, people, channels = texts.FIELDS
    fields: list[Frame] = [
        {"type": TEXT_FIELD, "custom_id": one_line, "style": 1, "required": False},
        {"type": TEXT_FIELD, "custom_id": lines, "style": 2, "required": False},
        {"type": MENU, "custom_id": menu, "options": OPTIONS, "required": False},
        {"type": PEOPLE, "custom_id": people, "required": False},
        {"type": CHANNELS, "custom_id": channels, "required": False},
    ]
    labelled = [{"type": LABEL, "label": field["custom_id"], "component": field} for field in fields]
    return {"title": texts.FORM_TITLE, "custom_id": "form", "components": labelled}


def _fields(data: Frame) -> list[str]:
    return [row["component"]["custom_id"] for row in data["components"]]
