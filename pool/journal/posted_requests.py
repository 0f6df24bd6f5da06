"""The rows of requests that the bot posts for people, until their message is accepted."""

from dataclasses import dataclass

from .transactions import Rows, retried

__all__ = ["PostedRequest", "PostedRequestRows"]


@dataclass(frozen=True, slots=True)
class PostedRequest:
    """A request that was to be posted in a channel, and may have been.

    `ask_id` is the id of the interaction by which it was made, `content` what the message was to say, `request` and
    `agent` what is to be accepted then. `parent_id` is the channel above, where the channel is a thread.
    """

    ask_id: int
    channel_id: int
    content: str
    request: str
    agent: str = ""
    parent_id: int | None = None


class PostedRequestRows(Rows):
    """The rows of such requests; `Journal.posted_requests`."""

    def begin(self, ask: PostedRequest) -> None:
        """Write down that a request is about to be posted. Raises `Unwritable`."""
        with self._writer.transaction():
            fields = (ask.ask_id, ask.channel_id, ask.content, ask.request, ask.agent, ask.parent_id)
            self._db.execute("INSERT INTO asks VALUES (?, ?, ?, ?, ?, ?)", fields)

    @retried
    def end(self, ask_id: int) -> None:
        """Write down that a request is accepted, or was refused, or not posted."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM asks WHERE ask_id = ?", (ask_id,))

    def all(self) -> list[PostedRequest]:
        """Return the requests of which it is not known what became of them, oldest first."""
        query = "SELECT ask_id, channel_id, content, request, agent, parent_id FROM asks ORDER BY ask_id"
        return [PostedRequest(*fields) for fields in self._db.execute(query)]
