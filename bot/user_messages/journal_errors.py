"""What is wrong with the journal's file: the typed errors of `pool.journal` in words. Pure."""

from pool.journal.errors import JournalError, JournalFileError, JournalProblem, JournalUnwritable


def described(error: JournalError) -> str:
    """Return what is wrong with the journal, and with which file."""
    match error:
        case JournalUnwritable():
            return f"the journal cannot be written: {trouble(error)}"
        case JournalFileError():
            return _unusable(error)
    return str(error)


def _unusable(error: JournalFileError) -> str:
    path, detail = error.path, error.detail
    match error.problem:
        case JournalProblem.LOCKED:
            return f"the journal {path} is locked by another program; end that one first"
        case JournalProblem.NEWER:
            return f"the journal {path} was written by a newer Threadline (schema {detail})"
        case JournalProblem.DAMAGED:
            return f"the journal {path} is damaged: {detail}"
        case JournalProblem.NOT_READ:
            return f"the journal {path} cannot be read: {detail}"
        case JournalProblem.NOT_PUT_ASIDE:
            return f"the journal {path} cannot be put aside: {detail}"
    return f"the journal {path} cannot be opened: {detail}"


def trouble(error: JournalUnwritable | None) -> str:
    """Return why the journal cannot be written, to follow a colon; empty for none."""
    if error is None:
        return ""
    match error.problem:
        case JournalProblem.DAMAGED:
            return f"its file is damaged: {error.detail}"
        case JournalProblem.GONE:
            return "its file was moved or deleted; put it back, or restart Threadline"
    return error.detail
