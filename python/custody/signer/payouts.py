"""Payouts: from an intent's own bytes to one transaction, by this signer's own rules, not the server's word."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from custody import chain, statements
from custody.errors import Denied, Malformed
from custody.model.policy import AssetRule, Policy, Wallet
from custody.ports import Authority, EvmTerms
from custody.signer.authority import (
    ReceivedIntent,
    VerifiedSignature,
    known_initiator,
    receive_intent,
    routed_wallet,
    verify_intent,
)
from custody.signer.core import Admission, RequestContext, SignerCore
from custody.signer.fees import check_fee_cap, check_gas_limit
from custody.signer.keys import held_wallet
from custody.signer.signing import Order, Signed, Signing, conflict_key, plan_of


class Payouts:
    """Signs payouts. Safe to share between threads."""

    def __init__(self, core: SignerCore, signing: Signing) -> None:
        """Judge by this signer's state, sign through its one door."""
        self._core = core
        self._signing = signing

    def sign(self, context: RequestContext, wallet: str, authority: Authority, terms: EvmTerms) -> Signed:
        """Sign one version of a payout; the same intent and terms give the same bytes again.

        Raises Malformed, Denied with the rule's tag, HsmError when the token failed.
        """
        with self._core.decide(context) as admission:
            received = receive_intent(authority.intent)
            answered = self._signing.answered(received.sha256, wallet, terms)
            if answered is not None:
                return answered
            order = self._judge(admission, received, wallet, authority, terms)
            version = self._signing.intend(order, admission)
        return self._signing.complete(version, order)

    def _judge(
        self,
        admission: Admission,
        received: ReceivedIntent,
        wallet_id: str,
        authority: Authority,
        terms: EvmTerms,
    ) -> Order:
        state, policy, intent = self._core.state, self._core.policy, received.intent
        self._core.check_halts(payout_scopes(intent, wallet_id))
        judged_ms = state.judged_ms(received.sha256, admission.now_ms)
        signatures = verify_intent(policy, self._core.deployment, received, authority.signatures, judged_ms)
        routed = routed_wallet(state, received)
        if routed.id != wallet_id:
            raise Denied("route.wallet", f"this intent is paid by wallet {routed.id} alone")
        wallet = held_wallet(policy, self._core.id, wallet_id)
        if wallet.address != routed.address:
            raise Denied("route.wallet", f"wallet {wallet_id} had another address when the intent was routed")
        self._check_time(intent, judged_ms)
        self._check_entitled(policy, received, wallet)
        asset = policy.asset(intent.asset)
        plan, amounts = self._plan(policy, received, asset, wallet, terms)
        still = functools.partial(self._check_time, intent, judged_ms)
        return self._order(received, wallet, plan, signatures, amounts, still)

    def _check_time(self, intent: statements.WithdrawalIntent, now_ms: int) -> None:
        if intent.pay_before_unix_ms <= now_ms:
            raise Denied("intent.expired", "its pay_before has passed")
        if intent.submit_before_unix_ms <= self._core.state.intents_after_ms:
            raise Denied("intent.before_activation", "it is from before this store became the active one")

    def _check_entitled(self, policy: Policy, received: ReceivedIntent, wallet: Wallet) -> None:
        intent, initiator = received.intent, known_initiator(policy, received)
        if intent.pool not in initiator.pools:
            raise Denied("intent.pool", f"initiator {initiator.id} may not pay from pool {intent.pool}")
        if intent.limit_class and intent.limit_class not in initiator.limit_classes:
            raise Denied(
                "intent.limit_class", f"initiator {initiator.id} has no limit class {intent.limit_class}"
            )
        if policy.asset(intent.asset).network != wallet.network:
            raise Denied("route.wallet", f"wallet {wallet.id} is not of the asset's network")
        check_destination(policy, wallet, intent)

    def _plan(
        self, policy: Policy, received: ReceivedIntent, asset: AssetRule, wallet: Wallet, terms: EvmTerms
    ) -> tuple[chain.EvmPlan, Mapping[str, int]]:
        intent, network = received.intent, policy.network(wallet.network)
        self._check_binding(received, wallet, network.chain_id, terms)
        check_gas_limit(asset, terms)
        fee = check_fee_cap(network, asset, intent.amount, terms)
        amount = intent.amount
        if intent.fee_mode is statements.FeeMode.DEDUCT:
            amount -= self._deducted(received, asset, fee)
        amounts = {asset.id: amount}
        amounts[network.fee_asset] = amounts.get(network.fee_asset, 0) + fee
        for counted in amounts:
            if not self._core.state.caps.covers(wallet.id, counted):
                raise Denied("cap.missing", f"wallet {wallet.id} has no cap for {counted}")
        return plan_of(network.chain_id, asset, intent.address, amount, terms), amounts

    def _check_binding(
        self, received: ReceivedIntent, wallet: Wallet, chain_id: int, terms: EvmTerms
    ) -> None:
        """One intent of a reference, one conflict key of an intent, for ever; the other way round `Signing` sees to."""
        state, intent = self._core.state, received.intent
        if received.attempt in state.tombstones:
            raise Denied("intent.tombstoned", "this signer promised never to pay it")
        key = conflict_key(chain_id, wallet.address, terms.nonce)
        bound = state.references.get((intent.initiator, intent.reference))
        if bound is not None:
            if (bound.attempt, bound.intent_sha256) != (intent.attempt, received.sha256):
                raise Denied(
                    "intent.already_bound", f"attempt {bound.attempt} of this reference is the paid one"
                )
            if bound.conflict_key != key:
                raise Denied("intent.other_conflict", f"this intent is paid by {bound.conflict_key} alone")

    def _deducted(self, received: ReceivedIntent, asset: AssetRule, fee: int) -> int:
        """What DEDUCT takes off: the first version's fee, the same in every replacement."""
        if not asset.native:
            raise Denied("fee.deduct_native_only", "only native assets can pay their own fee")
        state = self._core.state
        key = state.conflict_of.get(received.sha256)
        if key is not None:
            fee = chain.effects(state.conflicts[key].versions[0].unsigned).max_fee
        if fee > (received.intent.max_network_fee or 0):
            raise Denied("fee.deduct_cap", f"a fee of {fee} is above the intent's max_network_fee")
        return fee

    def _order(
        self,
        received: ReceivedIntent,
        wallet: Wallet,
        plan: chain.EvmPlan,
        signatures: tuple[VerifiedSignature, ...],
        amounts: Mapping[str, int],
        still: Callable[[], None],
    ) -> Order:
        return Order(
            wallet=wallet,
            plan=plan,
            owner=received.sha256,
            attempt=received.attempt,
            authority=received.body,
            signatures=signatures,
            amounts=amounts,
            scopes=payout_scopes(received.intent, wallet.id),
            still=still,
        )


def payout_scopes(intent: statements.WithdrawalIntent, wallet: str) -> tuple[str, ...]:
    """The scopes whose halt stops this payout."""
    return (
        "payouts",
        f"asset:{intent.asset}",
        f"wallet:{wallet}",
        f"customer:{intent.customer}",
        f"destination:{intent.address}",
    )


def check_destination(policy: Policy, wallet: Wallet, intent: statements.WithdrawalIntent) -> None:
    """Raise Denied `destination.…` for an address of ours, of nobody, of a contract of ours, or not in its own form."""
    try:
        chain.check_destination(intent.asset, intent.address)
    except Malformed as error:
        raise Denied("destination.malformed", error.reason) from None
    if intent.memo:
        raise Denied("destination.memo", f"network {wallet.network} has no memos")
    if intent.address in policy.own_addresses(wallet.network):
        raise Denied("destination.own_wallet", "our own wallets are paid by sweeps alone")
    if intent.address in {asset.contract for asset in policy.assets if asset.network == wallet.network}:
        raise Denied("destination.contract", "a token's contract keeps what it is sent")
