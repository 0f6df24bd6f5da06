"""The current addresses of attachments: Discord's expire after about a day, and the message has new ones."""

import structlog
from yarl import URL

from bot.rest.api import DiscordApi, RestError
from bot.rest.backoff import ATTEMPTS
from bot.rest.calls import Urgency

from .discord_message import files_of
from .request import Attachment

__all__ = ["AttachmentUrls"]

log = structlog.stdlib.get_logger("bot")


class AttachmentUrls:
    """Looks up addresses for the files of one prompt; each message is read at most once."""

    def __init__(self, *, api: DiscordApi) -> None:
        self._api = api
        self._read: dict[tuple[int, int], tuple[Attachment, ...]] = {}

    async def fresh(self, attachment: Attachment) -> str | None:
        """Return the current address of a file; None where its message is unreadable or lacks the file."""
        place = attachment.channel_id, attachment.message_id
        if place not in self._read:
            self._read[place] = await self._files(*place)
        # The path is permanent; the query has the expiry.
        same = (each.url for each in self._read[place] if URL(each.url).path == URL(attachment.url).path)
        return next(same, None)

    async def _files(self, channel_id: int, message_id: int) -> tuple[Attachment, ...]:
        if not message_id:
            return ()
        try:
            message = await self._api.retrying(
                lambda: self._api.message(channel_id, message_id, urgency=Urgency.FIRST), attempts=ATTEMPTS
            )
            return files_of(message)
        except RestError as error:
            log.info("a message's files cannot be looked up", message_id=message_id, reason=str(error))
            return ()
