"""Keeps the kernel's keys of a login from programs in a sandbox (keyrings(7)).

Each process inherits the session keyring, with tickets of Kerberos and the like. No namespace takes it away.
"""

import ctypes
import platform
from typing import Final

_KEYCTL: Final = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
_JOIN_SESSION_KEYRING: Final = 1


def join_new_session_keyring() -> None:
    """Give this thread, and the processes that it starts, a session keyring that is empty.

    Without effect on other machines and kernels, and where the account has too many keys.
    """
    if (number := _KEYCTL.get(platform.machine())) is not None:
        ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(_JOIN_SESSION_KEYRING), None)
