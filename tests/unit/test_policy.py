"""A sound policy is read as written."""

from __future__ import annotations

from fractions import Fraction

import pytest

from custody import chain, statements
from custody.crypto import Scheme
from custody.errors import Malformed, NotFound
from custody.model.policy import Policy, ProposalKind, WalletKind, parse_policy, required_roles
from support.keys import EdKey, EthKey
from support.policy_builder import ETH, ETHER, NETWORK, SALT, TOKEN, PolicyBuilder, SshKey

DAY_MS = 86_400_000


@pytest.fixture
def policy() -> Policy:
    return PolicyBuilder().policy()


def test_it_reads_every_table(policy: Policy) -> None:
    raw = PolicyBuilder().toml()
    assert policy.raw == raw
    assert policy.hash == statements.policy_hash(raw)
    assert policy.salt == SALT
    assert (policy.maximum_start_gap_ms, policy.proposal_lifetime_ms) == (600_000, DAY_MS)
    assert policy.house_pool == "house"
    hot = policy.wallet("hot-eth-1")
    assert (hot.kind, hot.network, hot.group, hot.signer) == (
        WalletKind.HOT,
        NETWORK,
        "eth",
        "signer-hot-eth-1",
    )
    assert hot.address == EthKey("hot-eth-1").address
    assert hot.key.scheme is Scheme.ETHEREUM
    assert hot.bands[ETH].target == 50 * ETHER
    assert hot.cap(ETH, 3_600_000) == 100 * ETHER
    assert hot.cap(ETH, 7 * DAY_MS) is None
    assert [wallet.id for wallet in policy.hot_wallets(NETWORK)] == ["hot-eth-1", "hot-eth-2"]
    assert policy.hot_wallets("eip155:1") == ()
    assert policy.signer_of("cold-eth-1").id == "signer-cold-eth-1"
    assert policy.signer("signer-hot-eth-1").audit.public == EdKey("signer-hot-eth-1").public
    assert policy.own_addresses(NETWORK) == {
        EthKey(name).address for name in ("hot-eth-1", "hot-eth-2", "cold-eth-1")
    }
    assert policy.native_asset(NETWORK).id == ETH
    token = policy.asset(TOKEN)
    assert (token.native, token.final, token.code_hash) == (False, 3, b"\x11" * 32)
    assert token.contract == chain.format_address(NETWORK, bytes.fromhex(TOKEN[-40:]))
    assert (policy.asset(ETH).gas_limit, token.gas_limit) == (21_000, 100_000)
    network = policy.network(NETWORK)
    assert (network.chain_id, network.fee_asset, network.fee_cap_share) == (31337, ETH, None)
    quorum = policy.quorum_for(ProposalKind.SWEEP)
    assert quorum is not None
    assert (quorum.need, quorum.of) == (2, ("ada", "bo", "cy"))
    assert policy.quorum_for(ProposalKind.POLICY) is None
    assert [limit.scope for limit in policy.limits] == [("asset",), ("customer",), ("asset", "customer")]


@pytest.mark.parametrize("kind", ["pool", "initiator", "operator", "wallet", "asset", "network", "signer"])
def test_what_is_not_there_is_not_found(policy: Policy, kind: str) -> None:
    with pytest.raises(NotFound) as refused:
        getattr(policy, kind)("nobody")
    assert (refused.value.kind, refused.value.name) == (kind, "nobody")


def test_a_co_signature_is_needed_above_its_amount_and_for_its_asset_alone(policy: Policy) -> None:
    backend = policy.initiator("backend-eu")
    assert required_roles(backend, ETH, 10 * ETHER) == {"backend"}
    assert required_roles(backend, ETH, 10 * ETHER + 1) == {"backend", "risk-engine"}
    assert required_roles(backend, TOKEN, 10**30) == {"backend"}


def test_a_key_is_valid_from_its_first_moment_until_before_its_last() -> None:
    builder = PolicyBuilder()
    builder.document["initiators"][0]["keys"][0]["valid_until"] = "2027-01-01T00:00:00Z"
    key = builder.policy().initiator("backend-eu").keys[0]
    assert (key.valid_from_ms, key.valid_until_ms) == (1_767_225_600_000, 1_798_761_600_000)
    moments = (key.valid_from_ms - 1, key.valid_from_ms, key.valid_until_ms - 1, key.valid_until_ms)
    assert [key.valid_at(moment) for moment in moments] == [False, True, True, False]
    assert builder.policy().initiator("backend-eu").keys[1].valid_at(2**50)


def test_a_share_bounds_the_fee_where_fee_and_asset_are_the_same() -> None:
    network = PolicyBuilder(fee_cap=1000, share="0.02").policy().network(NETWORK)
    assert network.fee_cap_share == Fraction(1, 50)
    amounts = (100, 149, 150, 10**9)
    assert [network.fee_cap(ETH, amount) for amount in amounts] == [2, 2, 3, 1000]
    assert network.fee_cap(TOKEN, 100) == 1000


def test_a_wallets_key_may_be_a_compressed_point() -> None:
    builder = PolicyBuilder()
    point = EthKey("hot-eth-1").private.public_key.format()
    builder.wallet("hot-eth-1")["key"] = {"scheme": "ethereum", "public": point.hex()}
    wallet = builder.policy().wallet("hot-eth-1")
    assert wallet.key.public == point
    assert wallet.address == EthKey("hot-eth-1").address


def test_an_entry_may_name_its_keys_id_if_it_is_right() -> None:
    builder = PolicyBuilder()
    key = builder.document["operators"][0]["keys"][0]
    key["id"] = SshKey("ada").key_id
    assert builder.policy().operator("ada").keys[0].key_id == key["id"]
    key["id"] = SshKey("bo").key_id
    with pytest.raises(Malformed) as refused:
        builder.policy()
    assert refused.value.field == "operators[0].keys[0].id"


def test_the_hash_is_of_the_bytes_and_not_of_the_meaning() -> None:
    raw = PolicyBuilder().toml()
    assert parse_policy(raw + b"\n# a comment\n").hash != parse_policy(raw).hash
