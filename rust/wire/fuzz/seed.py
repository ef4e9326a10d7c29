"""Writes the walker's seed corpus from signed.json: the message's index, then the body."""

from __future__ import annotations

import json
import re
from pathlib import Path

FUZZ = Path(__file__).parent
ROOT = FUZZ.parents[2]
vectors = json.loads((ROOT / "tests/vectors/signed.json").read_text(encoding="utf-8"))
schema = (FUZZ.parent / "src/schema.rs").read_text(encoding="utf-8")
names = re.findall(r': Message = Message \{\s*name: "(\w+)"', schema)
messages = {name: index for index, name in enumerate(sorted(names))}
types = {vector["type"]: vector["message"] for vector in vectors["accepted"]}

corpus = FUZZ / "corpus" / "walker"
corpus.mkdir(parents=True, exist_ok=True)
for vector in vectors["accepted"] + vectors["refused"]:
    choice = bytes([messages[types[vector["type"]]]])
    (corpus / vector["name"]).write_bytes(choice + bytes.fromhex(vector["body"]))
