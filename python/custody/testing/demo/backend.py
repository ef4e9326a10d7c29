"""The exchange's backend in a process of its own: commands as JSON lines in, custody.client, answers as JSON lines out.

It holds the backend's key and stands in for the risk engine too, whose key co-signs what is large.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from custody.client import Client
from custody.client.draft import Draft, SignedWithdrawal
from custody.client.keys import FileKey, load_key
from custody.testing.demo.items import Item, Kind, read_items

__all__ = ["main"]

BATCH = 50


class Backend:
    """Signs each item once and keeps what it signed: only the same bytes are ever sent again."""

    def __init__(self, client: Client, risk: FileKey, items: list[Item], assets: dict[str, str]) -> None:
        self._client = client
        self._risk = risk
        self._items = items
        self._assets = assets
        self._signed: dict[str, SignedWithdrawal] = {}

    def submit(self, places: list[int]) -> list[dict[str, Any]]:
        """Send items in batches; what each was answered first."""
        answers = []
        for start in range(0, len(places), BATCH):
            batch = places[start : start + BATCH]
            for place, answer in zip(batch, self._client.send([self._sign(i) for i in batch]), strict=True):
                told = {"outcome": answer.outcome, "tag": answer.tag, "remedy": answer.remedy}
                answers.append({"place": place, **told, "id": answer.withdrawal_id, "detail": answer.detail})
        return answers

    def cancel(self, reference: str) -> dict[str, Any]:
        """Ask that a withdrawal ends unsigned."""
        answer = self._client.cancel(self._signed[reference])
        return {"outcome": answer.outcome, "tag": answer.tag, "state": answer.state, "detail": answer.detail}

    def _sign(self, place: int) -> SignedWithdrawal:
        item = self._items[place]
        if item.kind is Kind.RESENT:
            return self._signed[item.reference]
        draft = Draft(item.reference, self._assets[item.asset], item.amount, item.address, item.customer)
        signed = self._client.sign(draft)
        if item.cosigned:
            signed = self._client.cosign(signed, self._risk)
        if item.kind is Kind.BAD_SIGNATURE:
            key_id, signature = signed.signatures[0]
            signed = replace(signed, signatures=((key_id, bytes([signature[0] ^ 1]) + signature[1:]),))
        if item.kind is Kind.GOOD:
            self._signed[item.reference] = signed
        return signed


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    assets = json.loads((directory / "addresses.json").read_text())["assets"]
    risk = load_key(directory / "keys" / "risk-engine.pem")
    with Client.from_config(directory / "client.toml") as client:
        backend = Backend(client, risk, read_items(directory / "items.json"), assets)
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            answer: object
            try:
                if asked["do"] == "submit":
                    answer = backend.submit(asked["places"])
                else:
                    answer = backend.cancel(asked["reference"])
                print(json.dumps({"answer": answer}), flush=True)
            except Exception as error:
                print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)


if __name__ == "__main__":
    main()
