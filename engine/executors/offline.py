"""Takes the network away from a worker, and from every program that it starts, for ever.

On Linux the kernel does it: a filter of system calls (seccomp, see seccomp(2)) refuses sockets
of any family but Unix and netlink, for this process and all that come of it, without any
privilege. Elsewhere, and for a message that helps, an audit hook refuses what Python code
does with sockets; programs that such code starts are not held there.
"""

from __future__ import annotations

import platform
import struct
import sys
from pathlib import Path
from typing import Any

#: What the code is told.
REFUSAL = "the network is off for this code; switch on Network in the node's settings to use it"

#: By machine: the number that the kernel gives its calls, of ``socket`` and ``io_uring_setup``.
#: linux/audit.h; the tables of system calls of Linux 6.1.
_MACHINES = {
    "x86_64": (0xC000003E, 41, 425),
    "aarch64": (0xC00000B7, 198, 425),
}
_X32 = 0x4000_0000
_AF_UNIX, _AF_NETLINK = 1, 16
_EACCES, _EPERM = 13, 1
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
#: ``BPF_LD | BPF_W | BPF_ABS``, ``BPF_JMP | BPF_JEQ | BPF_K``, ``... BPF_JGE ...``, ``BPF_RET``.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
#: Where the filter finds them in ``struct seccomp_data``: call, machine, first argument.
_CALL, _MACHINE, _FIRST = 0, 4, 16

_REFUSED_EVENTS = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
     "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
)  # fmt: skip


def kernel_helps() -> bool:
    """Whether the kernel of this machine can hold a process and its programs to it."""
    known = sys.platform == "linux" and platform.machine() in _MACHINES
    return known and Path("/proc/sys/kernel/seccomp/actions_avail").exists()


def close_network() -> bool:
    """Take the network away; return whether the kernel sees to it."""
    held = kernel_helps() and _filter_calls(platform.machine())
    sys.addaudithook(_refuse)
    return held


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.__new__":
        refused = args[1] not in (_AF_UNIX, _AF_NETLINK, -1)
    else:
        refused = event in _REFUSED_EVENTS and not _is_local(args)
    if refused:
        raise PermissionError(_EACCES, REFUSAL)


def _is_local(args: tuple[Any, ...]) -> bool:
    """Whether the address of a call on a socket is that of a Unix socket: a path, or none."""
    return len(args) > 1 and hasattr(args[0], "fileno") and not isinstance(args[1], tuple)


def _filter_calls(machine: str) -> bool:
    """Install the filter in this thread; threads and processes that it starts inherit it."""
    import ctypes  # noqa: PLC0415 - only workers without a network need it

    number, socket, io_uring = _MACHINES[machine]
    refuse = (_RETURN, 0, 0, _ERRNO | _EACCES)
    # Each jump says how many lines are passed over when the condition holds, and when not.
    lines = [
        (_LOAD, 0, 0, _MACHINE),
        (_IF_EQUAL, 1, 0, number),
        (_RETURN, 0, 0, _ERRNO | _EPERM),  # calls of another machine have other numbers
        (_LOAD, 0, 0, _CALL),
        (_IF_AT_LEAST, 5, 0, _X32),  # so have those of the short pointers of x86
        (_IF_EQUAL, 4, 0, io_uring),  # a ring makes sockets by itself
        (_IF_EQUAL, 0, 4, socket),
        (_LOAD, 0, 0, _FIRST),
        (_IF_EQUAL, 2, 0, _AF_UNIX),
        (_IF_EQUAL, 1, 0, _AF_NETLINK),
        refuse,
        (_RETURN, 0, 0, _ALLOW),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    header = struct.pack("HxxxxxxP", len(lines), ctypes.addressof(program))
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    pointer = ctypes.create_string_buffer(header, len(header))
    return not library.prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(pointer), 0, 0)
