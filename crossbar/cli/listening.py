"""The sockets that a server listens on, bound before anything else is done, so that a busy port is told at once."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from .output import Failure

BACKLOG = 2048
_TRIED = 100


def bound(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of the host, bound and not yet listening; Failure if the port cannot be had.

    Port 0 takes a free one, the same for all addresses.
    """
    sockets: list[socket.socket] = []
    refused: OSError | None = None
    try:
        for family, address in _addresses(host, port):
            wanted = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(_bound(family, (address, wanted)))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                refused = error  # Such as ::1 where there is no IPv6; another address may do.
        if refused is not None and not sockets:
            raise refused
    except OSError as error:
        for each in sockets:
            each.close()
        raise _failure(host, port, error) from None
    return sockets


def url_of(bound_socket: socket.socket) -> str:
    """The address at which a client on this machine reaches a bound socket."""
    host, port = bound_socket.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(bound_socket: socket.socket) -> bool:
    """Whether only this machine can reach a bound socket."""
    host: str = bound_socket.getsockname()[0]
    return host.startswith(("127.", "::ffff:127.")) or host == "::1"


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise Failure(f"the host {host!r} is no address of this machine; try 127.0.0.1, or 0.0.0.0 for all") from None
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bound(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _failure(host: str, port: int, error: OSError) -> Failure:
    if error.errno == errno.EADDRINUSE:
        free = _free_after(host, port)
        way_out = f"use --port {free}, which is free" if free else "use another --port"
        return Failure(f"port {port} of {host} is in use by another program; stop that one, or {way_out}")
    if error.errno == errno.EACCES:
        return Failure(f"port {port} is for the system only; use one from 1024 on, such as --port 8000")
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return Failure(f"{host} is no address of this machine; try --host 127.0.0.1, or 0.0.0.0 for all")
    return Failure(f"cannot listen on port {port} of {host}: {error.strerror}; try another --host or --port")


def _free_after(host: str, port: int) -> int | None:
    """The next port after this one that every address of the host has free, None if there is none nearby."""
    for candidate in range(port + 1, min(port + 1 + _TRIED, 65536)):
        with suppress(OSError):
            for family, address in _addresses(host, candidate):
                _bound(family, (address, candidate)).close()
            return candidate
    return None
