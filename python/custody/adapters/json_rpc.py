"""JSON-RPC 2.0 over HTTP: one kept connection a thread, a time limit on every call, and answers of bounded size."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
import ssl
import threading
from base64 import b64encode
from typing import Any
from urllib.parse import unquote, urlsplit

from custody.errors import ConfigError, Unavailable

__all__ = ["JsonRpc", "RpcError"]

_LARGEST_ANSWER_BYTES = 32 * 1024 * 1024
_BROKEN = (OSError, http.client.HTTPException)


class RpcError(Exception):
    """The node answered with an error: its code, message, and data as text."""

    def __init__(self, code: int, message: str, data: str = "") -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.data = data


class JsonRpc:
    """A node's JSON-RPC address. Calls raise `RpcError`, or `Unavailable` when there was no sensible answer."""

    def __init__(self, name: str, url: str, timeout_ms: int) -> None:
        """`name` is what errors call the node; user and password of the URL are sent as basic authorization."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("url", "must begin with http:// or https://")
        self._name = name
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout_s = timeout_ms / 1000
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._headers = {"Content-Type": "application/json"}
        if parts.username is not None:
            plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            self._headers["Authorization"] = f"Basic {b64encode(plain).decode()}"
        self._local = threading.local()
        self._guard = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()
        self._ids = itertools.count(1)

    def call(self, method: str, *parameters: Any) -> Any:
        """The result of one call. A kept connection that had died meanwhile is tried once more, freshly."""
        number = next(self._ids)
        body = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}).encode()
        kept = getattr(self._local, "connection", None) is not None
        try:
            status, content = self._exchange(body)
        except _BROKEN as error:
            if not kept or isinstance(error, TimeoutError):  # what timed out is not asked twice
                raise self._unavailable(method, error) from error
            try:
                status, content = self._exchange(body)
            except _BROKEN as again:
                raise self._unavailable(method, again) from again
        return self._result(method, number, status, content)

    def close(self) -> None:
        """Close every thread's connection; a later call opens a new one."""
        with self._guard:
            for connection in self._open:
                connection.close()
            self._open.clear()
        self._local = threading.local()

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        # A socket's own limit begins anew with every byte: a node that drips would hold the thread for ever.
        overdue = threading.Event()
        watchdog = threading.Timer(self._timeout_s, _cut, (connection, overdue))
        watchdog.daemon = True
        watchdog.start()
        try:
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            content = response.read(_LARGEST_ANSWER_BYTES + 1)
            if len(content) > _LARGEST_ANSWER_BYTES:
                raise http.client.HTTPException("the answer is larger than 32 MiB")
            if overdue.is_set():  # what was cut short looks like a short answer
                raise TimeoutError("timed out")
            return response.status, content
        except BaseException as error:
            self._local.connection = None
            with self._guard:
                self._open.discard(connection)
            connection.close()
            if overdue.is_set() and isinstance(error, _BROKEN):
                raise TimeoutError("timed out") from error
            raise
        finally:
            watchdog.cancel()

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        else:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout_s, context=self._tls
            )
        with self._guard:
            self._open.add(connection)
        return connection

    def _result(self, method: str, number: int, status: int, content: bytes) -> Any:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            raise Unavailable(self._name, f"{method}: HTTP {status}, and no JSON") from None
        if not isinstance(answer, dict) or answer.get("id") != number:
            raise Unavailable(self._name, f"{method}: HTTP {status}, and no answer to this call")
        error = answer.get("error")
        if isinstance(error, dict):
            code = error.get("code")
            data = error.get("data")
            raise RpcError(
                code if isinstance(code, int) else 0, str(error.get("message", "")), str(data or "")
            )
        if "result" not in answer:
            raise Unavailable(self._name, f"{method}: neither result nor error")
        return answer["result"]

    def _unavailable(self, method: str, error: BaseException) -> Unavailable:
        why = "timed out" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return Unavailable(self._name, f"{method}: {why}")


def _cut(connection: http.client.HTTPConnection, overdue: threading.Event) -> None:
    """End an exchange that takes too long, from another thread."""
    overdue.set()
    held = connection.sock
    if held is not None:
        with contextlib.suppress(OSError):  # of a plain socket: a TLS one would say goodbye first
            socket.socket.shutdown(held, socket.SHUT_RDWR)
