"""Loopback ports that are free now; each is given once in a process, so that two parts never get the same one."""

from __future__ import annotations

import socket
import threading

__all__ = ["free_port", "free_ports"]

_given: set[int] = set()
_lock = threading.Lock()


def free_ports(count: int) -> list[int]:
    """That many different ports. Another process may take one before it is used; nobody on loopback hurries so."""
    with _lock:
        found: list[int] = []
        while len(found) < count:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in _given:
                _given.add(port)
                found.append(port)
        return found


def free_port() -> int:
    """One port."""
    return free_ports(1)[0]
