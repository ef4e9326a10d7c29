"""A sound policy is read as written; each unsound one is refused with the path of what is wrong."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import coincurve
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


Change = Callable[[PolicyBuilder], Any]


def _set(*path: str | int, to: object) -> Change:
    def change(builder: PolicyBuilder) -> None:
        table: Any = builder.document
        for step in path[:-1]:
            table = table[step]
        table[path[-1]] = to

    return change


def _drop(*path: str | int) -> Change:
    def change(builder: PolicyBuilder) -> None:
        table: Any = builder.document
        for step in path[:-1]:
            table = table[step]
        del table[path[-1]]

    return change


def _twice(table: str) -> Change:
    return lambda builder: builder.document[table].append(builder.document[table][0])


def _key_of_operator_with_role(builder: PolicyBuilder) -> None:
    builder.document["operators"][1]["keys"][0]["public"] = SshKey("ada").line


def _one_secret(builder: PolicyBuilder) -> None:
    point = SshKey("ada").private.public_key().public_bytes_raw()
    kind = b"sk-ssh-ed25519@openssh.com"
    blob = b"".join(len(part).to_bytes(4) + part for part in (kind, point, b"ssh:"))
    builder.document["operators"][1]["keys"][0]["public"] = f"{kind.decode()} {b64encode(blob).decode()}"


def _operator_with_the_backends_key(builder: PolicyBuilder) -> None:
    public = EdKey("backend-eu").public.hex()
    builder.document["operators"][1]["keys"] = [{"scheme": "ed25519", "public": public}]


def _operators_ssh_key_as_raw_ed25519(builder: PolicyBuilder) -> None:
    raw = SshKey("ada").private.public_key().public_bytes_raw().hex()
    builder.document["initiators"][0]["keys"][1].update(scheme="ed25519", public=raw)


def _backends_secp_key_is_a_wallets(builder: PolicyBuilder) -> None:
    point = EthKey("hot-eth-1").private.public_key.format().hex()
    key = builder.document["initiators"][0]["keys"][1]
    key.update(scheme="ecdsa-secp256k1-sha256", public=point)


def _backends_bip340_key_is_a_wallets_negated(builder: PolicyBuilder) -> None:
    x_only = EthKey("hot-eth-1").private.public_key.format()[1:].hex()
    builder.document["initiators"][0]["keys"][1].update(scheme="bip340", public=x_only)


def _proof_of_another_wallet(builder: PolicyBuilder) -> None:
    builder.prove()
    proof = builder.wallet("hot-eth-2")["key"]["possession"]
    builder.wallet("hot-eth-1")["key"]["possession"] = proof


def _proof_before(change: Change) -> Change:
    def changed(builder: PolicyBuilder) -> None:
        builder.prove()
        change(builder)

    return changed


def _audit_proof_of_another_signer(builder: PolicyBuilder) -> None:
    builder.prove()
    first, second = builder.document["signers"][:2]
    first["audit"]["possession"] = second["audit"]["possession"]


def _only_class_limits(builder: PolicyBuilder) -> None:
    builder.document["limits"] = builder.document["limits"][2:]


def _second_native(builder: PolicyBuilder) -> None:
    asset = dict(builder.document["assets"][0], id=f"{NETWORK}/slip44:61")
    builder.document["assets"].append(asset)


def _without_cap(kind: str, window: str) -> Change:
    def change(builder: PolicyBuilder) -> None:
        for wallet in builder.document["wallets"]:
            if wallet["kind"] == kind:
                caps = wallet["caps"]
                wallet["caps"] = [cap for cap in caps if (cap["asset"], cap["window"]) != (TOKEN, window)]

    return change


def _short_window_above_long(builder: PolicyBuilder) -> None:
    builder.wallet("hot-eth-1")["caps"][0]["amount"] = str(1001 * ETHER)


def _point_negated() -> str:
    point = bytearray(EthKey("hot-eth-1").private.public_key.format())
    point[0] ^= 1
    return coincurve.PublicKey(bytes(point)).format().hex()


BAND = ("wallets", 0, "bands", 0)
CAP = ("wallets", 0, "caps", 0)
KEY = ("initiators", 0, "keys", 0)

REFUSED: list[tuple[str, Change, str]] = [
    ("unknown table", _set("surprise", to=[{"a": "b"}]), "surprise"),
    ("unknown key at the top", _set("surprise", to="x"), "surprise"),
    ("unknown key of deployment", _set("deployment", "name", to="x"), "deployment.name"),
    ("unknown key of a key", _set(*KEY, "comment", to="x"), "initiators[0].keys[0].comment"),
    ("unknown key of a band", _set(*BAND, "extra", to="1"), "wallets[0].bands[0].extra"),
    (
        "unknown key of fee caps",
        _set("networks", 0, "fee_caps", "extra", to="1"),
        "networks[0].fee_caps.extra",
    ),
    (
        "unknown key of above",
        _set("initiators", 0, "co_sign", 0, "above", "x", to="1"),
        "initiators[0].co_sign[0].above.x",
    ),
    (
        "validity of an operator's key",
        _set("operators", 0, "keys", 0, "valid_from", to="2026-01-01T00:00:00Z"),
        "operators[0].keys[0].valid_from",
    ),
    (
        "role of an operator's key",
        _set("operators", 0, "keys", 0, "role", to="x"),
        "operators[0].keys[0].role",
    ),
    ("no salt", _drop("deployment", "salt"), "deployment.salt"),
    ("short salt", _set("deployment", "salt", to="00"), "deployment.salt"),
    ("salt in capitals", _set("deployment", "salt", to="AB" * 32), "deployment.salt"),
    ("no start gap", _drop("deployment", "maximum_start_gap"), "deployment.maximum_start_gap"),
    (
        "start gap without unit",
        _set("deployment", "maximum_start_gap", to="10"),
        "deployment.maximum_start_gap",
    ),
    (
        "lifetime of a year",
        _set("deployment", "proposal_lifetime", to="365d"),
        "deployment.proposal_lifetime",
    ),
    ("no pools", _set("pools", to=[]), "pools"),
    ("no house pool", _set("pools", 1, "purpose", to="lending_pool"), "pools"),
    ("two house pools", _set("pools", 0, "purpose", to="house"), "pools"),
    ("pool of an unknown purpose", _set("pools", 0, "purpose", to="fun"), "pools[0].purpose"),
    ("pool name in capitals", _set("pools", 0, "name", to="Customers"), "pools[0].name"),
    ("a pool twice", _twice("pools"), "pools[2].name"),
    ("an initiator twice", _twice("initiators"), "initiators[1].id"),
    ("an operator twice", _twice("operators"), "operators[3].id"),
    ("a quorum twice", _twice("quorums"), "quorums[1].name"),
    ("a limit twice", _twice("limits"), "limits[3].id"),
    ("a wallet twice", _twice("wallets"), "wallets[3].id"),
    ("an asset twice", _twice("assets"), "assets[2].id"),
    ("a network twice", _twice("networks"), "networks[1].id"),
    ("a signer twice", _twice("signers"), "signers[3].id"),
    ("initiator's unknown pool", _set("initiators", 0, "pools", to=["other"]), "initiators[0].pools[0]"),
    ("initiator without pool", _set("initiators", 0, "pools", to=[]), "initiators[0].pools"),
    ("initiator without keys", _set("initiators", 0, "keys", to=[]), "initiators[0].keys"),
    ("initiator without role", _drop("initiators", 0, "role"), "initiators[0].role"),
    ("initiator's role without key", _set("initiators", 0, "role", to="other"), "initiators[0].role"),
    (
        "co-signer's role without key",
        _set("initiators", 0, "co_sign", 0, "role", to="other"),
        "initiators[0].co_sign[0].role",
    ),
    (
        "co-signer of the same role",
        _set("initiators", 0, "co_sign", 0, "role", to="backend"),
        "initiators[0].co_sign[0].role",
    ),
    (
        "co-signature of an unknown asset",
        _set("initiators", 0, "co_sign", 0, "above", "asset", to="eip155:1/slip44:60"),
        "initiators[0].co_sign[0].above.asset",
    ),
    ("key without validity", _drop(*KEY, "valid_until"), "initiators[0].keys[0].valid_until"),
    (
        "key valid backwards",
        _set(*KEY, "valid_until", to="2025-01-01T00:00:00Z"),
        "initiators[0].keys[0].valid_until",
    ),
    (
        "key valid for ever from never",
        _set(*KEY, "valid_from", to="never"),
        "initiators[0].keys[0].valid_from",
    ),
    (
        "time with an offset",
        _set(*KEY, "valid_from", to="2026-01-01T00:00:00+01:00"),
        "initiators[0].keys[0].valid_from",
    ),
    (
        "time off the calendar",
        _set(*KEY, "valid_from", to="2026-02-30T00:00:00Z"),
        "initiators[0].keys[0].valid_from",
    ),
    (
        "time before 1970",
        _set(*KEY, "valid_from", to="1969-12-31T23:59:59Z"),
        "initiators[0].keys[0].valid_from",
    ),
    ("key of an unknown scheme", _set(*KEY, "scheme", to="rsa"), "initiators[0].keys[0].scheme"),
    ("key that is no point", _set(*KEY, "public", to="ff" * 32), "initiators[0].keys[0].public"),
    (
        "key of another scheme's form",
        _set(*KEY, "public", to="0x" + "11" * 20),
        "initiators[0].keys[0].public",
    ),
    ("operator called planner", _set("operators", 2, "id", to="planner"), "operators[2].id"),
    ("operator without keys", _set("operators", 0, "keys", to=[]), "operators[0].keys"),
    ("operator without roles", _set("operators", 0, "roles", to=[]), "operators[0].roles"),
    ("an operator's key is another's", _key_of_operator_with_role, "operators[1].keys[0].public"),
    ("an operator's key is the backend's", _operator_with_the_backends_key, "operators[1].keys[0].public"),
    (
        "an ssh key enrolled as raw ed25519 too",
        _operators_ssh_key_as_raw_ed25519,
        "operators[0].keys[0].public",
    ),
    ("a wallet's key signs intents", _backends_secp_key_is_a_wallets, "wallets[0].key.public"),
    (
        "a wallet's key, x-only, signs intents",
        _backends_bip340_key_is_a_wallets_negated,
        "wallets[0].key.public",
    ),
    ("quorum of one", _set("quorums", 0, "need", to=1), "quorums[0].need"),
    ("quorum of half", _set("quorums", 0, "of", to=["ada", "bo", "cy", "ada"]), "quorums[0].of[3]"),
    ("quorum above its members", _set("quorums", 0, "need", to=4), "quorums[0].need"),
    ("quorum that no proposer leaves enough for", _set("quorums", 0, "need", to=3), "quorums[0].need"),
    ("quorum of a stranger", _set("quorums", 0, "of", 1, to="eve"), "quorums[0].of[1]"),
    ("quorum of nobody", _set("quorums", 0, "of", to=[]), "quorums[0].of"),
    ("quorum for nothing", _set("quorums", 0, "kinds", to=[]), "quorums[0].kinds"),
    ("quorum for an unknown kind", _set("quorums", 0, "kinds", 0, to="THEFT"), "quorums[0].kinds[0]"),
    ("quorum with a float", _set("quorums", 0, "need", to=2.5), "quorums[0].need"),
    ("quorum with a bool", _set("quorums", 0, "need", to=True), "quorums[0].need"),
    ("limit of nothing", _drop("limits", 0, "amount"), "limits[0].amount"),
    ("limit of zero", _set("limits", 0, "amount", to="0"), "limits[0].amount"),
    ("limit as a number", _set("limits", 0, "amount", to=5), "limits[0].amount"),
    ("limit with a leading zero", _set("limits", 0, "amount", to="05"), "limits[0].amount"),
    ("limit above 2^128", _set("limits", 0, "amount", to=str(2**128)), "limits[0].amount"),
    ("count of zero", _set("limits", 1, "count", to=0), "limits[1].count"),
    ("limit without window", _drop("limits", 0, "window"), "limits[0].window"),
    ("limit that lets pass", _set("limits", 0, "over", to="allow"), "limits[0].over"),
    ("limit over several assets", _set("limits", 0, "scope", to=["customer"]), "limits[0].amount"),
    ("limit of an unknown scope", _set("limits", 0, "scope", to=["planet"]), "limits[0].scope[0]"),
    ("limit without scope", _set("limits", 0, "scope", to=[]), "limits[0].scope"),
    ("global beside another", _set("limits", 0, "scope", to=["global", "asset"]), "limits[0].scope"),
    ("limit of an unknown asset", _set("limits", 0, "asset", to="eip155:1/slip44:60"), "limits[0].asset"),
    ("limit of an unknown class", _set("limits", 2, "class", to="whales"), "limits[2].class"),
    ("assets that a classless intent moves without limit", _only_class_limits, "assets[0].id"),
    (
        "wallet of an unknown network",
        _proof_before(_set("wallets", 0, "network", to="eip155:1")),
        "wallets[0].key.possession",
    ),
    ("wallet of a network not enrolled", _set("wallets", 0, "network", to="eip155:1"), "wallets[0].network"),
    ("wallet of an unknown kind", _set("wallets", 0, "kind", to="EXTERNAL"), "wallets[0].kind"),
    ("hot wallet without signer", _drop("wallets", 0, "signer"), "wallets[0].signer"),
    ("wallet of an unknown signer", _set("wallets", 0, "signer", to="other"), "signers[0].wallets[0]"),
    (
        "signer that does not list its wallet",
        _set("signers", 0, "wallets", to=["hot-eth-2"]),
        "signers[0].wallets[0]",
    ),
    (
        "signer of an unknown wallet",
        _set("signers", 0, "wallets", to=["hot-eth-1", "x"]),
        "signers[0].wallets[1]",
    ),
    ("signer of no wallet", _set("signers", 0, "wallets", to=[]), "signers[0].wallets"),
    ("wallet without caps", _set("wallets", 0, "caps", to=[]), "wallets[0].caps"),
    ("hot wallet without hourly cap", _without_cap("HOT", "1h"), "wallets[0].caps"),
    ("hot wallet without daily cap", _without_cap("HOT", "24h"), "wallets[0].caps"),
    ("cold wallet without daily cap", _without_cap("COLD", "24h"), "wallets[2].caps"),
    ("cap of zero", _set(*CAP, "amount", to="0"), "wallets[0].caps[0].amount"),
    ("cap over an odd window", _set(*CAP, "window", to="2h"), "wallets[0].caps[0].window"),
    ("cap twice", _set(*CAP, "window", to="24h"), "wallets[0].caps[1].window"),
    ("cap of an unknown asset", _set(*CAP, "asset", to="eip155:1/slip44:60"), "wallets[0].caps[0].asset"),
    ("hourly cap above the daily", _short_window_above_long, "wallets[0].caps"),
    ("floor above target", _set(*BAND, "floor", to=str(51 * ETHER)), "wallets[0].bands[0].target"),
    ("target above ceiling", _set(*BAND, "target", to=str(91 * ETHER)), "wallets[0].bands[0].target"),
    ("target of zero", _set(*BAND, "target", to="0"), "wallets[0].bands[0].target"),
    ("band of an unknown asset", _set(*BAND, "asset", to="eip155:1/slip44:60"), "wallets[0].bands[0].asset"),
    ("band twice", _set(*BAND, "asset", to=TOKEN), "wallets[0].bands[1].asset"),
    (
        "wallet's address without checksum",
        _set("wallets", 0, "key", "public", to=EthKey("hot-eth-1").address.lower()),
        "wallets[0].key.public",
    ),
    (
        "wallet's key of another scheme",
        _set("wallets", 0, "key", "scheme", to="ed25519"),
        "wallets[0].key.scheme",
    ),
    ("proof of another wallet", _proof_of_another_wallet, "wallets[0].key.possession"),
    (
        "proof by another key",
        _set("wallets", 0, "key", "public", to=EthKey("thief").address),
        "wallets[0].key.possession",
    ),
    (
        "proof for the negated point",
        _set("wallets", 0, "key", "public", to=_point_negated()),
        "wallets[0].key.possession",
    ),
    (
        "proof under another salt",
        _proof_before(_set("deployment", "salt", to="00" * 32)),
        "wallets[0].key.possession",
    ),
    (
        "proof for another kind",
        _proof_before(_set("wallets", 2, "kind", to="HOT")),
        "wallets[2].key.possession",
    ),
    (
        "proof for another signer",
        _proof_before(_set("wallets", 0, "signer", to="signer-hot-eth-2")),
        "wallets[0].key.possession",
    ),
    (
        "proof for another id",
        _proof_before(_set("wallets", 0, "id", to="hot-eth-9")),
        "wallets[0].key.possession",
    ),
    ("empty proof", _set("wallets", 0, "key", "possession", to=""), "wallets[0].key.possession"),
    ("proof of zeros", _set("wallets", 0, "key", "possession", to="00" * 65), "wallets[0].key.possession"),
    ("audit proof of another signer", _audit_proof_of_another_signer, "signers[0].audit.possession"),
    (
        "audit key of another scheme",
        _set("signers", 0, "audit", "scheme", to="sshsig"),
        "signers[0].audit.scheme",
    ),
    ("asset that is no CAIP-19", _set("assets", 0, "id", to="ETH"), "assets[0].id"),
    (
        "asset of a network not enrolled",
        _set("assets", 1, "id", to=TOKEN.replace("31337", "1")),
        "assets[1].id",
    ),
    ("native asset with code", _set("assets", 0, "code_hash", to="0x" + "11" * 32), "assets[0].code_hash"),
    ("token without code hash", _drop("assets", 1, "code_hash"), "assets[1].code_hash"),
    ("token with a short code hash", _set("assets", 1, "code_hash", to="0x11"), "assets[1].code_hash"),
    ("a native asset that the chain does not have", _second_native, "assets[2].id"),
    ("final after no confirmation", _set("assets", 0, "final", to=0), "assets[0].final"),
    ("final by a word", _set("assets", 0, "final", to="safe"), "assets[0].final"),
    ("no finality", _drop("assets", 0, "final"), "assets[0].final"),
    ("gas without bound", _set("assets", 1, "gas_limit", to=10**7), "assets[1].gas_limit"),
    ("symbol with a control character", _set("assets", 0, "symbol", to="E\x1b[2J"), "assets[0].symbol"),
    ("operator called as an initiator", _set("operators", 2, "id", to="backend-eu"), "operators[2].id"),
    ("one secret key for two operators", _one_secret, "operators[1].keys[0].public"),
    ("symbol in Cyrillic", _set("assets", 0, "symbol", to="ЕТН"), "assets[0].symbol"),
    ("decimals below zero", _set("assets", 0, "decimals", to=-1), "assets[0].decimals"),
    ("network without native asset", _set("networks", 0, "id", to="eip155:1"), "networks[0].id"),
    ("no fee cap", _drop("networks", 0, "fee_caps", "absolute"), "networks[0].fee_caps.absolute"),
    ("fee cap of zero", _set("networks", 0, "fee_caps", "absolute", to="0"), "networks[0].fee_caps.absolute"),
    ("fee share of all", _set("networks", 0, "fee_caps", "share", to="1.0"), "networks[0].fee_caps.share"),
    ("fee share as a float", _set("networks", 0, "fee_caps", "share", to=0.02), "networks[0].fee_caps.share"),
    (
        "fee share of nothing",
        _set("networks", 0, "fee_caps", "share", to="0.0"),
        "networks[0].fee_caps.share",
    ),
    ("no gas reserve", _drop("networks", 0, "gas_reserve"), "networks[0].gas_reserve"),
    ("a table that is a string", _set("networks", to="eip155:1"), "networks"),
    ("a table that is one table", _set("networks", to={"id": NETWORK}), "networks"),
    ("a list of strings for tables", _set("networks", to=["x"]), "networks[0]"),
    ("far too many limits", _set("limits", to=[{"id": "x"}] * 5000), "limits"),
]


@pytest.mark.parametrize(
    ("change", "path"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_it_refuses_and_names_the_place(change: Change, path: str) -> None:
    builder = PolicyBuilder()
    change(builder)
    with pytest.raises(Malformed) as refused:
        builder.policy()
    assert refused.value.field == path, refused.value
    assert refused.value.reason


@pytest.mark.parametrize("table", list(PolicyBuilder().document))
def test_no_table_may_be_missing(table: str) -> None:
    builder = PolicyBuilder()
    builder.prove()
    raw = builder.toml()
    del builder.document[table]
    text = raw.decode()
    kept = [block for block in text.split("\n\n") if not block.startswith((f"[[{table}]]", f"[{table}]"))]
    with pytest.raises(Malformed):
        parse_policy("\n\n".join(kept).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"a = ",
        b"[deployment]\n[deployment]\n",
        b"a = " + b"[" * 100_000,
        b"a = " + b"9" * 10_000,
        b"x" * (4 << 20) + b"xx",
    ],
    ids=["empty", "not UTF-8", "not TOML", "a table twice", "deep", "a long number", "too large"],
)
def test_what_is_no_policy_file_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse_policy(raw)


def test_an_all_but_empty_policy_says_what_is_missing_first() -> None:
    with pytest.raises(Malformed) as refused:
        parse_policy(b"")
    assert (refused.value.field, refused.value.reason) == ("deployment", "is missing")


def test_the_hash_is_of_the_bytes_and_not_of_the_meaning() -> None:
    raw = PolicyBuilder().toml()
    assert parse_policy(raw + b"\n# a comment\n").hash != parse_policy(raw).hash
