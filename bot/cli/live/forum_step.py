"""Step 6 in a forum: the tags of a post."""

from typing import Final

from bot.cli.texts import live as texts

from .trial import Trial

CHANGES: Final = 4
CHANGE_SECONDS: Final = 2.0
"""Changes of a post's tags, and the time between two, which keeps the visible limit of five in 5 s."""

ARCHIVE_MINUTES: Final = 60


async def tags(trial: Trial) -> None:
    """Change the tags of a post several times. A hidden limit, as renames have, would refuse some."""
    forum = trial.place.forum
    if forum is None:
        trial.findings.measure(texts.TAGS, texts.NO_FORUM)
        return
    message = {"content": texts.IN_FORUM, "allowed_mentions": {"parse": []}}
    body = {"name": texts.THREAD_NAME, "auto_archive_duration": ARCHIVE_MINUTES, "message": message}
    post = await trial.try_call(texts.FORUM_POST, "POST", f"/channels/{forum.channel_id}/threads", body, status=201)
    if post.status != 201:
        return
    path = f"/channels/{post.field('id')}"
    refused = 0
    for number in range(CHANGES):
        applied = [] if number % 2 else [str(forum.tag_id)]
        answer = await trial.rest.once("PATCH", path, {"applied_tags": applied})
        refused += answer.status == 429
        await trial.clock.sleep(CHANGE_SECONDS)
    trial.findings.expect(
        texts.TAGS, texts.refused_of(0, CHANGES), texts.refused_of(refused, CHANGES), holds=refused == 0
    )
