"""Step 4: a thread, its members, its name, its end, and messages that are gone."""

from bot.cli.texts import live as texts
from bot.config.appearance import DONE, EYE, FAILED, TAKEN_IN, WAITING
from bot.reply import activity

from .rest_wire import CallFailed
from .trial import Trial

ARCHIVED_CODE = 50083
UNKNOWN_MESSAGE_CODE = 10008
ARCHIVE_MINUTES = 60


async def thread(trial: Trial) -> None:
    """Open a thread on the first message, and try what the bot does with threads."""
    if not trial.message_id:
        raise CallFailed(texts.NO_MESSAGE)
    body = {"name": texts.THREAD_NAME, "auto_archive_duration": ARCHIVE_MINUTES}
    opened = await trial.try_call(
        texts.OPEN_THREAD, "POST", f"{trial.channel}/messages/{trial.message_id}/threads", body, status=201
    )
    trial.thread_id = opened.field("id") or ""
    same = trial.thread_id == trial.message_id
    trial.findings.expect(texts.THREAD_ID, texts.SAME_ID, texts.same_id(same=same), holds=same)
    trial.findings.measure(
        texts.THREAD_WINDOW, texts.window(opened.number("X-RateLimit-Limit"), opened.number("X-RateLimit-Reset-After"))
    )
    await _member(trial)
    # Once, because a hidden limit allows two in ten minutes.
    renamed = await trial.rest.once("PATCH", trial.thread, {"name": texts.OTHER_NAME})
    trial.expect_answer(texts.RENAME, renamed, status=200)
    await _archived(trial)
    await _deleted(trial)
    await _reactions(trial)


async def _member(trial: Trial) -> None:
    """Add the application's owner, who looks at the check, if they are in the server."""
    owner = trial.place.owner_id
    if (await trial.rest.call("GET", f"/guilds/{trial.place.guild_id}/members/{owner}")).status != 200:
        trial.findings.measure(texts.ADD_MEMBER, texts.OWNER_ELSEWHERE)
        return
    await trial.try_call(texts.ADD_MEMBER, "PUT", f"{trial.thread}/thread-members/{owner}", status=204)


async def _archived(trial: Trial) -> None:
    message = f"{trial.thread}/messages/{(await trial.post(trial.thread, texts.IN_THREAD)).field('id')}"
    edit = {"content": texts.edited(0)}
    await trial.try_call(texts.ARCHIVE, "PATCH", trial.thread, {"archived": True}, status=200)
    await trial.try_call(texts.EDIT_ARCHIVED, "PATCH", message, edit, status=400, code=ARCHIVED_CODE)
    await trial.try_call(texts.REOPEN, "PATCH", trial.thread, {"archived": False}, status=200)
    await trial.try_call(texts.EDIT_REOPENED, "PATCH", message, edit, status=200)


async def _deleted(trial: Trial) -> None:
    message = f"{trial.thread}/messages/{(await trial.post(trial.thread, texts.TO_DELETE)).field('id')}"
    await trial.try_call(texts.DELETE, "DELETE", message, status=204)
    edit = {"content": texts.edited(0)}
    await trial.try_call(texts.EDIT_DELETED, "PATCH", message, edit, status=404, code=UNKNOWN_MESSAGE_CODE)


async def _reactions(trial: Trial) -> None:
    message = f"{trial.thread}/messages/{(await trial.post(trial.thread, texts.IN_THREAD)).field('id')}"
    refused = []
    for emoji in (EYE, WAITING, TAKEN_IN, DONE, FAILED, *activity.EMOJI):
        answer = await trial.rest.call("PUT", f"{message}/reactions/{emoji}/@me")
        if answer.status != 204:
            refused.append(emoji)
    trial.findings.expect(texts.EMOJI, texts.ALL_TAKEN, texts.refused_emoji(refused), holds=not refused)
