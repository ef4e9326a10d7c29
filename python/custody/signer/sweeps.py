"""Sweeps: a leg of a statement that a quorum approved, checked again here by the same model."""

from __future__ import annotations

import hashlib

from custody import statements
from custody.errors import Denied, Malformed
from custody.model.policy import Wallet, WalletKind
from custody.ports import EvmTerms, StatementAuthority
from custody.signer.core import Admission, RequestContext, SignerCore
from custody.signer.facts import LegId
from custody.signer.fees import check_fee_cap, check_gas_limit
from custody.signer.keys import held_wallet
from custody.signer.quorums import check_statement
from custody.signer.signing import Order, Signed, Signing, conflict_key, plan_of


class Sweeps:
    """Signs legs of sweeps. Safe to share between threads."""

    def __init__(self, core: SignerCore, signing: Signing) -> None:
        """Judge by this signer's state, sign through its one door."""
        self._core = core
        self._signing = signing

    def sign(
        self, context: RequestContext, authority: StatementAuthority, leg_index: int, terms: EvmTerms
    ) -> Signed:
        """Sign one version of one leg; the same statement, leg and terms give the same bytes again.

        Raises Malformed, Denied with the rule's tag, HsmError when the token failed.
        """
        with self._core.decide(context) as admission:
            leg_id = LegId(hashlib.sha256(authority.statement).digest(), leg_index)
            leg = leg_of(statements.parse_statement(authority.statement), leg_index)
            answered = self._signing.answered(leg_id, leg.from_wallet, terms)
            if answered is not None:
                return answered
            order = self._judge(admission, authority, leg_id, leg, terms)
            version = self._signing.intend(order, admission)
        return self._signing.complete(version, order)

    def _judge(
        self,
        admission: Admission,
        authority: StatementAuthority,
        leg_id: LegId,
        leg: statements.SweepLeg,
        terms: EvmTerms,
    ) -> Order:
        core, policy = self._core, self._core.policy
        core.check_halts(sweep_scopes(leg))
        judged_ms = core.state.judged_ms(leg_id, admission.now_ms)
        signatures = check_statement(core, authority, judged_ms)
        wallet = held_wallet(policy, core.id, leg.from_wallet)
        network, asset = policy.network(wallet.network), policy.asset(leg.asset)
        self._check_binding(leg_id, conflict_key(network.chain_id, wallet.address, terms.nonce))
        check_gas_limit(asset, terms)
        fee = check_fee_cap(network, asset, leg.amount, terms)
        if fee > leg.fee_cap:
            raise Denied("fee.cap", f"a fee of {fee} is above the leg's {leg.fee_cap}")
        return Order(
            wallet=wallet,
            plan=plan_of(network.chain_id, asset, policy.wallet(leg.to_wallet).address, leg.amount, terms),
            owner=leg_id,
            attempt=None,
            authority=authority.statement,
            signatures=signatures,
            amounts=counted_amounts(wallet, leg, fee),
            scopes=sweep_scopes(leg),
            still=lambda: check_statement(core, authority, judged_ms),
        )

    def _check_binding(self, leg_id: LegId, key: str) -> None:
        """One conflict key of a leg, for ever; the other way round `Signing` sees to."""
        bound = self._core.state.conflict_of.get(leg_id)
        if bound is not None and bound != key:
            raise Denied("leg.other_conflict", f"this leg is bound to {bound}")


def leg_of(statement: statements.Statement, index: int) -> statements.SweepLeg:
    """One leg of a SWEEP. Raises Denied `statement.kind`, Malformed when there is no such leg."""
    if not isinstance(statement.payload, statements.SweepBody):
        raise Denied("statement.kind", f"{statement.kind.name} is no SWEEP")
    if index >= len(statement.payload.legs):
        raise Malformed("leg_index", f"the statement has {len(statement.payload.legs)} legs")
    return statement.payload.legs[index]


def sweep_scopes(leg: statements.SweepLeg) -> tuple[str, ...]:
    """The scopes whose halt stops this leg."""
    return (
        "sweeps",
        f"asset:{leg.asset}",
        f"wallet:{leg.from_wallet}",
        f"wallet:{leg.to_wallet}",
        f"destination:{leg.to_address}",
    )


def counted_amounts(wallet: Wallet, leg: statements.SweepLeg, fee: int) -> dict[str, int]:
    """What a leg counts towards the caps, base units by asset.

    What a hot wallet gives back to a colder one is not lost to a thief, so its fee alone counts there; what a cold
    wallet lets out counts in full.
    """
    amounts = {leg.fee_asset: fee}
    if wallet.kind is not WalletKind.HOT:
        amounts[leg.asset] = amounts.get(leg.asset, 0) + leg.amount
    return amounts
