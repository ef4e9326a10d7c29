"""Between the protos of the signer's services and its own values; an amount that has not its form is refused."""

from __future__ import annotations

import re
from typing import Final

from custody.api.signer.v1 import signer_pb2 as pb
from custody.errors import Malformed
from custody.model.quorum import SignedApproval
from custody.ports import Authority, EvmTerms, KeySig, RowFields, StatementAuthority
from custody.signer.core import RequestContext, SignerHead
from custody.signer.heads import MAXIMUM_ROWS, Claim, Position

_AMOUNT: Final = re.compile(r"0|[1-9][0-9]{0,38}", re.ASCII)
_MAXIMUM_SIGNATURES: Final = 16
"""On one intent; roles are few, and every signature costs a verification."""


def context_of(request: pb.RequestContext) -> RequestContext:
    """What every request brings. Raises Malformed."""
    if len(request.journal_hash) != 32:
        raise Malformed("context.journal_hash", "must be 32 bytes")
    if len(request.rows) > MAXIMUM_ROWS:
        raise Malformed("context.rows", f"at most {MAXIMUM_ROWS} rows")
    rows = []
    for index, row in enumerate(request.rows):
        if len(row.root) != 32:
            raise Malformed(f"context.rows[{index}].root", "must be 32 bytes")
        rows.append(RowFields(row.sequence, row.epoch, row.kind, row.root))
    position = Position(request.epoch, request.journal_sequence, request.journal_hash)
    return RequestContext(request.deployment, Claim(position, rows))


def authority_of(signed: pb.SignedIntent) -> Authority:
    """An intent and its signatures. Raises Malformed."""
    if len(signed.signatures) > _MAXIMUM_SIGNATURES:
        raise Malformed("withdrawal.signatures", f"at most {_MAXIMUM_SIGNATURES}")
    signatures = tuple(KeySig(item.key_id, item.signature) for item in signed.signatures)
    return Authority(signed.intent, signatures)


def statement_of(signed: pb.SignedStatement) -> StatementAuthority:
    """A statement with its proposer's signature and approvals."""
    propose = _approval(signed.propose) if signed.HasField("propose") else None
    return StatementAuthority(signed.statement, propose, tuple(map(_approval, signed.approvals)))


def terms_of(terms: pb.EvmTerms) -> EvmTerms:
    """An EVM transaction's terms. Raises Malformed."""
    max_fee = _amount("evm.max_fee_per_gas", terms.max_fee_per_gas)
    priority = _amount("evm.max_priority_fee_per_gas", terms.max_priority_fee_per_gas)
    if max_fee == 0 or terms.gas_limit == 0:
        raise Malformed("evm", "gas_limit and max_fee_per_gas must not be 0")
    return EvmTerms(
        nonce=terms.nonce,
        gas_limit=terms.gas_limit,
        max_fee_per_gas=max_fee,
        max_priority_fee_per_gas=priority,
    )


def head_to(head: SignerHead) -> pb.SignerHead:
    """The signer's head as every answer carries it."""
    return pb.SignerHead(
        signer=head.signer,
        sequence=head.sequence,
        hash=head.hash,
        journal_sequence=head.followed.sequence,
        journal_hash=head.followed.hash,
    )


def _approval(signature: pb.StatementSignature) -> SignedApproval:
    return SignedApproval(signature.operator, signature.key_id, signature.signature, signature.evidence)


def _amount(field: str, text: str) -> int:
    if not _AMOUNT.fullmatch(text):
        raise Malformed(field, "must be a decimal string, 0 or without a leading zero")
    value = int(text)
    if value >= 1 << 128:
        raise Malformed(field, "must be below 2^128")
    return value
