"""Recognizes a message that only asks the agent to stop. Pure."""

_STOP_WORDS = frozenset(("stop", "wait", "halt", "cancel", "abort", "pause"))
_PHRASES = ("hold on", "hang on", "one moment", "one second", "one sec")
_FILLERS = frozenset(
    (
        *("please", "pls", "plz", "ok", "okay", "hey", "oh", "no", "now", "just", "right"),
        *("it", "that", "this", "here", "there", "for", "a", "bit", "moment", "minute", "second", "sec"),
    )
)
"""Words that may surround a stop word."""

_MOST_WORDS = 5


def means_stop(text: str) -> bool:
    """Whether a message only asks the agent to stop or wait."""
    said = " ".join("".join(each if each.isalnum() else " " for each in text.casefold()).split())
    for phrase in _PHRASES:
        said = said.replace(phrase, "wait")
    words = said.split()
    return (
        len(words) <= _MOST_WORDS
        and not _STOP_WORDS.isdisjoint(words)
        and _STOP_WORDS.union(_FILLERS).issuperset(words)
    )
