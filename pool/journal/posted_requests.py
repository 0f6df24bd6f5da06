"""The rows of requests that the bot posts on behalf of people, until their message is accepted."""

from dataclasses import dataclass

from .transactions import Rows, retried


@dataclass(frozen=True, slots=True)
class PostedRequest:
    """A request that is posted in a channel, or may be.

    `ask_id` is the id of its interaction, `content` the text of the message; `request` and `agent` are accepted with
    the message. `parent_id` is the parent channel of a thread.
    """

    ask_id: int
    channel_id: int
    content: str
    request: str
    agent: str = ""
    parent_id: int | None = None


class PostedRequestRows(Rows):
    """The rows of posted requests; `Journal.posted_requests`."""

    def begin(self, ask: PostedRequest) -> None:
        """Write down that a request is about to be posted. Raises `JournalUnwritable`."""
        with self._writer.transaction():
            fields = (ask.ask_id, ask.channel_id, ask.content, ask.request, ask.agent, ask.parent_id)
            self._db.execute("INSERT INTO asks VALUES (?, ?, ?, ?, ?, ?)", fields)

    @retried
    def end(self, ask_id: int) -> None:
        """Write down that a request is accepted or refused, or could not be posted."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM asks WHERE ask_id = ?", (ask_id,))

    def all(self) -> list[PostedRequest]:
        """Return the requests that have not ended, oldest first."""
        query = "SELECT ask_id, channel_id, content, request, agent, parent_id FROM asks ORDER BY ask_id"
        return [PostedRequest(*fields) for fields in self._db.execute(query)]
