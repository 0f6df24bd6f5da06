"""Forks and side questions: their lines in both threads, and why there is none. Pure."""

from collections.abc import Sequence

from .layout import link

# ---- why a conversation cannot be forked

DIRECT = "A direct message has no threads, so this conversation can't be forked."
FORUM = "This is a forum post. Only a thread of a text channel can be forked."
NO_CHANNEL = "Only a thread can be forked, and this conversation is not in one."
PRIVATE = "This thread is private, and a fork would be open to everyone in its channel."
NOTHING_TO_FORK = "There is nothing to fork yet: no answer in this thread, and no session."
NOT_AN_ANSWER = "Choose one of my answers in this thread."
UNFINISHED = "This answer is not finished. `/fork` forks the conversation as it is now."
ALREADY_FORKING = "This conversation is being forked right now. Please try again in a moment."

NO_AGENT_FREE = "all agents were busy for too long."
CANNOT_FORK = "this agent can't fork its session, and there is no earlier answer to hand over."
TOO_LATE = "I was offline for too long."


def no_right(channel_id: int) -> str:
    """Say that a person may not write in the channel in which the thread of a fork would begin."""
    return f"The new thread begins with a message in <#{channel_id}>, and you don't have permission to write there."


# ---- in the thread that is forked


def forking(by: int) -> str:
    """Tell a thread that it is being forked."""
    return f"-# 🍴 <@{by}> is forking this conversation…"


def fork_in_line(by: int, place: int, asking: Sequence[int]) -> str:
    """Tell a thread which place in line its fork has."""
    return f"-# 🍴 <@{by}> is forking this conversation. {in_line(place, asking)}"


def in_line(place: int, asking: Sequence[int]) -> str:
    """Name a place in line, and the threads that wait for a person's answer."""
    text = f"All agents are busy: number {place} in the queue"
    if asking:
        text += ". Threads waiting for an answer: " + ", ".join(f"<#{thread_id}>" for thread_id in asking[:5])
    return text


def forked(by: int, thread_id: int, *, exclusive: bool) -> str:
    """Tell a thread where its fork is, and that both work in one folder."""
    return f"-# 🍴 <@{by}> forked this conversation: <#{thread_id}>. {_shared_folder(exclusive=exclusive)}"


def not_forked(by: int, reason: str) -> str:
    """Tell a thread why it could not be forked."""
    return f"-# ❌ <@{by}> could not fork this conversation: {reason}"


# ---- in the channel and in the new thread


def fork_post(by: int, parent_id: int, text: str) -> str:
    """Return the message on which the thread of a fork is opened."""
    return f"<@{by}> forked <#{parent_id}>" + (f" and asks:\n>>> {text}" if text else "")


def fork_name(parent: str) -> str:
    """Name the thread of a fork after its parent."""
    return f"Fork: {parent}"


def from_message(parent_id: int, address: str, folder: str, *, exclusive: bool) -> str:
    """Begin the thread of a fork that knows the conversation up to a message."""
    known = f"Forked from <#{parent_id}>: the agent knows everything up to [this message](<{address}>)."
    return _begun(known, folder, exclusive=exclusive)


def from_latest(parent_id: int, folder: str, *, wanted_message: bool, exclusive: bool) -> str:
    """Begin the thread of a fork that knows the whole conversation, although a message may have been chosen."""
    known = f"Forked from <#{parent_id}>: the agent knows the session's latest state."
    if wanted_message:
        known += " It can't fork from an earlier message."
    return _begun(known, folder, exclusive=exclusive)


def from_history(parent_id: int, folder: str, *, exclusive: bool) -> str:
    """Begin the thread of a fork whose session is a new one."""
    known = (
        f"The session of <#{parent_id}> could not be forked. This thread has a new session; with your message it gets"
        " the last requests and answers."
    )
    return _begun(known, folder, exclusive=exclusive)


def message_address(guild_id: int, channel_id: int, message_id: int) -> str:
    """Return the address of the message from which a fork was taken."""
    return link(guild_id, channel_id, message_id)


def _begun(known: str, folder: str, *, exclusive: bool) -> str:
    shared = _shared_folder(folder, exclusive=exclusive)
    return f"-# 🍴 {known}\n-# {'⏳' if exclusive else '⚠'} {shared}"


def _shared_folder(folder: str = "", *, exclusive: bool) -> str:
    name = ", `" + folder.replace("`", "") + "`" if folder else ""
    if exclusive:
        return f"Both threads use the same folder{name}. One of them works at a time."
    return f"Both threads work in the same folder{name}."


# ---- side questions

NO_SESSION = "There is no session to ask yet. Send the agent a message first."
ALREADY_ASKING = "A side question is being answered in this thread. Please wait until it is done."

SIDE_WAITING = "-# ⏳ Asking a fork of the session…"
SIDE_STARTED = "-# ⏳ Waiting for the side answer…"
SIDE_ANSWERED = "-# ↩ Side answer from a temporary fork of the session. This conversation does not include it."
SIDE_CUT = "-# ⏹ Stopped at the time limit of side questions."
SIDE_RESTARTED = "-# ⏹ A restart ended this side question. Please ask it again."
SIDE_EMPTY = "The agent finished without an answer."
SIDE_ATTACHED = "-# 📎 The whole side answer is attached below."

NO_SAFE_MODE = "this agent has no mode in which it only reads or asks first."


def side_question(by: int, text: str) -> str:
    """Return the beginning of a side question's message."""
    return f"-# 💬 Side question by <@{by}>\n> {text}"


def side_in_line(place: int, asking: Sequence[int]) -> str:
    """Tell which place in line a side question has."""
    return f"-# ⏳ {in_line(place, asking)}"


def side_rejected(count: int) -> str:
    """Tell that a side question's agent asked for permission."""
    return f"-# 🚫 It asked for permission {'once' if count == 1 else f'{count} times'}; side questions get none."


def side_failed(reason: str) -> str:
    """Tell why a side question has no answer."""
    return f"-# ❌ The side question could not be answered: {reason}"
