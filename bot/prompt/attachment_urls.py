"""The current addresses of attachments: Discord's are good for about a day, and the message has the next ones."""

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
    """Looks up addresses for the files of one prompt; each message is read once at most."""

    def __init__(self, *, api: DiscordApi) -> None:
        """Start without an address."""
        self._api = api
        self._read: dict[tuple[int, int], tuple[Attachment, ...]] = {}

    async def fresh(self, attachment: Attachment) -> str | None:
        """Return the present address of a file; None where its message does not have it, or cannot be read."""
        place = attachment.channel_id, attachment.message_id
        if place not in self._read:
            self._read[place] = await self._files(*place)
        # The path names the file for good, the rest of the address says until when it is given.
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
