"""Finds out whether other accounts can read or change a file, by its mode and its parent directories."""

import grp
import os
import pwd
import stat
from pathlib import Path


def readable_by_others(path: Path) -> bool:
    """Return whether an account other than its owner's, root aside, can read a file. Raises OSError."""
    return _open_to_others(path, stat.S_IRGRP, stat.S_IROTH)


def writable_by_others(path: Path) -> bool:
    """Return whether an account other than its owner's, root aside, can write a file. Raises OSError."""
    return _open_to_others(path, stat.S_IWGRP, stat.S_IWOTH)


def _open_to_others(path: Path, group_bit: int, other_bit: int) -> bool:
    path = path.resolve()
    status = path.stat()
    folders = [folder.stat().st_mode for folder in path.parents]
    if status.st_mode & other_bit and all(mode & stat.S_IXOTH for mode in folders):
        return True
    reached = all(mode & (stat.S_IXGRP | stat.S_IXOTH) for mode in folders)
    return bool(status.st_mode & group_bit) and reached and not _is_private(status)


def _is_private(status: os.stat_result) -> bool:
    """Return whether the file's group is its owner's private group, with no other member."""
    try:
        owner, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    return owner.pw_gid == group.gr_gid and owner.pw_name == group.gr_name and {*group.gr_mem} <= {owner.pw_name}
