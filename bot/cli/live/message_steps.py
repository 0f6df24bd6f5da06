"""Steps 3 and 6: nonces, the length of a message, links, and what Discord changes in a text."""

from typing import Final

from bot.cli.texts import live as texts

from .rest_wire import Answer
from .trial import Trial

LONGEST: Final = 2000
FORM_CODE: Final = 50035
EMOJI: Final = "😀"
"""One code point, two UTF-16 units, four bytes."""

PREVIEW_SECONDS: Final = 5.0
"""In this time Discord shows the preview of a link."""

STILL_SAME_SECONDS: Final = 180.0
FORGOTTEN_SECONDS: Final = 360.0
"""Seconds after which a nonce still gives the first message, and after which it does not."""

TAG_CHANGES: Final = 4


async def nonces_and_length(trial: Trial) -> None:
    """Post with a nonce twice, and as many characters as fit into a message."""
    trial.nonce = trial.draft(texts.SAME_NONCE)
    trial.nonce_from = trial.clock.now()
    first = await trial.rest.call("POST", f"{trial.thread}/messages", trial.nonce)
    trial.nonce_message = first.field("id") or ""
    await _again(trial, texts.NONCE_AGAIN, same=True)
    longest = await trial.rest.call("POST", f"{trial.thread}/messages", trial.draft(EMOJI * LONGEST))
    trial.expect_answer(texts.LONGEST, longest, status=200)
    longer = await trial.rest.call("POST", f"{trial.thread}/messages", trial.draft(EMOJI * (LONGEST + 1)))
    trial.expect_answer(texts.TOO_LONG, longer, status=400, code=FORM_CODE)


async def nonces_later(trial: Trial) -> None:
    """Post with the nonce of the first try again, minutes later."""
    for subject, seconds, same in (
        (texts.NONCE_LATER, STILL_SAME_SECONDS, True),
        (texts.NONCE_MUCH_LATER, FORGOTTEN_SECONDS, False),
    ):
        left = max(0.0, trial.nonce_from + seconds - trial.clock.now())
        trial.show(texts.waits(left))
        await trial.clock.sleep(left)
        await _again(trial, subject, same=same)


async def _again(trial: Trial, subject: str, *, same: bool) -> None:
    answer = await trial.rest.call("POST", f"{trial.thread}/messages", trial.nonce)
    seen = answer.field("id") == trial.nonce_message
    trial.findings.expect(subject, texts.same_message(same=same), texts.same_message(same=seen), holds=seen == same)


async def texts_and_links(trial: Trial) -> None:
    """Edit a link into a message without previews, and post what Discord may change."""
    message = f"{trial.thread}/messages/{(await trial.post(trial.thread, texts.BEFORE_LINK)).field('id')}"
    await trial.rest.call("PATCH", message, {"content": texts.LINK})
    await trial.clock.sleep(PREVIEW_SECONDS)
    shown = (await trial.rest.call("GET", message)).field("embeds")
    trial.findings.expect(texts.NO_PREVIEW, texts.previews(0), texts.previews(len(shown or ())), holds=shown == [])
    stored = _content(await trial.post(trial.thread, texts.HARD_TEXT))
    trial.findings.expect(texts.VERBATIM, texts.HARD_TEXT, stored, holds=stored == texts.HARD_TEXT)
    trimmed = _content(await trial.post(trial.thread, f"  {texts.SPACED}  "))
    trial.findings.expect(texts.TRIMMED, repr(texts.SPACED), repr(trimmed), holds=trimmed == texts.SPACED)


def _content(answer: Answer) -> str:
    return str(answer.field("content"))
