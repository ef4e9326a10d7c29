"""The Protocols by which services reach what is outside: journals, clocks, nodes, signers. I/O only, no rule.

Times are unix milliseconds, amounts base units, fees wei per gas, hashes 32 raw bytes.
"""

from __future__ import annotations

from custody.model.transaction import EvmTerms
from custody.ports.clock import Clock
from custody.ports.ids import IdMark, IdStore, OldPlace
from custody.ports.journal import Head, HeadSource, Journal, MetadataStore, Row, RowFields
from custody.ports.node import BlockRef, Broadcast, FeeQuote, Log, Node, Receipt
from custody.ports.signer import (
    Authority,
    KeySig,
    SignedTransaction,
    SignerClient,
    SignerHalt,
    SignerHead,
    SignerStatus,
    StatementAuthority,
    Tombstone,
)

__all__ = [
    "Authority",
    "BlockRef",
    "Broadcast",
    "Clock",
    "EvmTerms",
    "FeeQuote",
    "Head",
    "HeadSource",
    "IdMark",
    "IdStore",
    "Journal",
    "KeySig",
    "Log",
    "MetadataStore",
    "Node",
    "OldPlace",
    "Receipt",
    "Row",
    "RowFields",
    "SignedTransaction",
    "SignerClient",
    "SignerHalt",
    "SignerHead",
    "SignerStatus",
    "StatementAuthority",
    "Tombstone",
]
