"""What the signer reads off the wire: lengths, counts and amounts have their form or are refused by field."""

from __future__ import annotations

import pytest

from custody.api.signer.v1 import signer_pb2 as pb
from custody.api.v1 import common_pb2
from custody.errors import Malformed
from custody.signer.conversion import authority_of, context_of, statement_of, terms_of

TERMS = {"nonce": 3, "gas_limit": 21_000, "max_fee_per_gas": "40", "max_priority_fee_per_gas": "0"}


def test_terms() -> None:
    terms = terms_of(pb.EvmTerms(**TERMS))  # type: ignore[arg-type]
    assert (terms.nonce, terms.gas_limit, terms.max_fee_per_gas, terms.max_priority_fee_per_gas) == (
        3,
        21_000,
        40,
        0,
    )
    largest = str(2**128 - 1)
    assert terms_of(pb.EvmTerms(**{**TERMS, "max_fee_per_gas": largest})).max_fee_per_gas == 2**128 - 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"max_fee_per_gas": value}
        for value in ("", "-1", "+1", "01", "1.0", "1e9", " 1", "1\n", "0x1", "٣", "0", str(2**128), "9" * 79)
    ]
    + [{"gas_limit": 0}, {"max_priority_fee_per_gas": ""}],
)
def test_terms_that_have_not_their_form(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed, match="evm"):
        terms_of(pb.EvmTerms(**{**TERMS, **changes}))  # type: ignore[arg-type]


def test_context() -> None:
    context = context_of(
        pb.RequestContext(
            deployment=b"d",
            epoch=2,
            journal_sequence=1,
            journal_hash=bytes(32),
            rows=[pb.RowFields(sequence=1, epoch=2, kind=1, root=bytes(32))],
        )
    )
    assert context.claim.position.epoch == 2
    assert context.claim.rows[0].sequence == 1
    with pytest.raises(Malformed, match="journal_hash"):
        context_of(pb.RequestContext(journal_hash=bytes(31)))
    with pytest.raises(Malformed, match=r"rows\[0\]"):
        context_of(pb.RequestContext(journal_hash=bytes(32), rows=[pb.RowFields(root=b"short")]))
    with pytest.raises(Malformed, match="at most"):
        context_of(pb.RequestContext(journal_hash=bytes(32), rows=[pb.RowFields(root=bytes(32))] * 20_001))


def test_authorities() -> None:
    signature = common_pb2.KeySignature(key_id="k", signature=b"s")
    assert authority_of(pb.SignedIntent(intent=b"i", signatures=[signature])).signatures == (("k", b"s"),)
    with pytest.raises(Malformed, match="signatures"):
        authority_of(pb.SignedIntent(intent=b"i", signatures=[signature] * 17))
    assert statement_of(pb.SignedStatement(statement=b"s")).propose is None
    proposed = statement_of(pb.SignedStatement(statement=b"s", propose=pb.StatementSignature(operator="ada")))
    assert proposed.propose is not None
    assert proposed.propose.operator == "ada"
