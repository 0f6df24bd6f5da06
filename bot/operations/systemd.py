"""Reports the service's state to systemd (sd_notify), by a datagram to $NOTIFY_SOCKET."""

import os
import socket
from contextlib import suppress


def notify(*assignments: str) -> None:
    """Send assignments such as `READY=1`; ignored where no socket is named.

    Never waits and never raises: a lost message is repeated, or outdated.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket (sd_notify, Notes)
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0)
        sender.sendto("\n".join(assignments).encode(), address)
