"""JSON-RPC to a test chain, read as it stands: what tests and the demo compare with, not what the server uses."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

__all__ = ["ChainError", "ChainRpc"]


class ChainError(RuntimeError):
    """The node answered with an error."""


class ChainRpc:
    """One node on loopback; safe to use from several threads."""

    def __init__(self, port: int) -> None:
        """Nothing is asked yet."""
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._lock = threading.Lock()
        self._number = 0
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, *parameters: object) -> Any:
        """The result. Raises ChainError, or OSError when nobody answers."""
        with self._lock:
            self._number += 1
            body = json.dumps(
                {"jsonrpc": "2.0", "id": self._number, "method": method, "params": list(parameters)}
            )
            try:
                answer = self._post(body)
            except (http.client.HTTPException, OSError):
                self.close()
                answer = self._post(body)
        if "error" in answer:
            raise ChainError(f"{method}: {answer['error']}")
        return answer.get("result")

    def number(self, method: str, *parameters: object) -> int:
        """A quantity as an int."""
        return int(self.call(method, *parameters), 16)

    def close(self) -> None:
        """End the connection; the next call makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, body: str) -> dict[str, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        found: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return found
