"""Each unsound policy is refused with the path of what is wrong."""

from __future__ import annotations

import pytest

from custody.errors import Malformed
from custody.model.policy import parse_policy
from support.keys import EthKey
from support.policy_builder import ETHER, NETWORK, TOKEN, PolicyBuilder
from support.policy_changes import (
    Change,
    audit_proof_of_another_signer,
    backends_bip340_key_is_a_wallets_negated,
    backends_secp_key_is_a_wallets,
    dropping,
    key_of_operator_with_role,
    one_secret,
    only_class_limits,
    operator_with_the_backends_key,
    operators_ssh_key_as_raw_ed25519,
    point_negated,
    proof_before,
    proof_of_another_wallet,
    second_native,
    setting,
    short_window_above_long,
    twice,
    without_cap,
)

BAND = ("wallets", 0, "bands", 0)
CAP = ("wallets", 0, "caps", 0)
KEY = ("initiators", 0, "keys", 0)


REFUSED: list[tuple[str, Change, str]] = [
    ("unknown table", setting("surprise", to=[{"a": "b"}]), "surprise"),
    ("unknown key at the top", setting("surprise", to="x"), "surprise"),
    ("unknown key of deployment", setting("deployment", "name", to="x"), "deployment.name"),
    ("unknown key of a key", setting(*KEY, "comment", to="x"), "initiators[0].keys[0].comment"),
    ("unknown key of a band", setting(*BAND, "extra", to="1"), "wallets[0].bands[0].extra"),
    (
        "unknown key of fee caps",
        setting("networks", 0, "fee_caps", "extra", to="1"),
        "networks[0].fee_caps.extra",
    ),
    (
        "unknown key of above",
        setting("initiators", 0, "co_sign", 0, "above", "x", to="1"),
        "initiators[0].co_sign[0].above.x",
    ),
    (
        "validity of an operator's key",
        setting("operators", 0, "keys", 0, "valid_from", to="2026-01-01T00:00:00Z"),
        "operators[0].keys[0].valid_from",
    ),
    (
        "role of an operator's key",
        setting("operators", 0, "keys", 0, "role", to="x"),
        "operators[0].keys[0].role",
    ),
    ("no salt", dropping("deployment", "salt"), "deployment.salt"),
    ("short salt", setting("deployment", "salt", to="00"), "deployment.salt"),
    ("salt in capitals", setting("deployment", "salt", to="AB" * 32), "deployment.salt"),
    ("no start gap", dropping("deployment", "maximum_start_gap"), "deployment.maximum_start_gap"),
    (
        "start gap without unit",
        setting("deployment", "maximum_start_gap", to="10"),
        "deployment.maximum_start_gap",
    ),
    (
        "lifetime of a year",
        setting("deployment", "proposal_lifetime", to="365d"),
        "deployment.proposal_lifetime",
    ),
    ("no pools", setting("pools", to=[]), "pools"),
    ("no house pool", setting("pools", 1, "purpose", to="lending_pool"), "pools"),
    ("two house pools", setting("pools", 0, "purpose", to="house"), "pools"),
    ("pool of an unknown purpose", setting("pools", 0, "purpose", to="fun"), "pools[0].purpose"),
    ("pool name in capitals", setting("pools", 0, "name", to="Customers"), "pools[0].name"),
    ("a pool twice", twice("pools"), "pools[2].name"),
    ("an initiator twice", twice("initiators"), "initiators[1].id"),
    ("an operator twice", twice("operators"), "operators[3].id"),
    ("a quorum twice", twice("quorums"), "quorums[1].name"),
    ("a limit twice", twice("limits"), "limits[3].id"),
    ("a wallet twice", twice("wallets"), "wallets[3].id"),
    ("an asset twice", twice("assets"), "assets[2].id"),
    ("a network twice", twice("networks"), "networks[1].id"),
    ("a signer twice", twice("signers"), "signers[3].id"),
    ("initiator's unknown pool", setting("initiators", 0, "pools", to=["other"]), "initiators[0].pools[0]"),
    ("initiator without pool", setting("initiators", 0, "pools", to=[]), "initiators[0].pools"),
    ("initiator without keys", setting("initiators", 0, "keys", to=[]), "initiators[0].keys"),
    ("initiator without role", dropping("initiators", 0, "role"), "initiators[0].role"),
    ("initiator's role without key", setting("initiators", 0, "role", to="other"), "initiators[0].role"),
    (
        "co-signer's role without key",
        setting("initiators", 0, "co_sign", 0, "role", to="other"),
        "initiators[0].co_sign[0].role",
    ),
    (
        "co-signer of the same role",
        setting("initiators", 0, "co_sign", 0, "role", to="backend"),
        "initiators[0].co_sign[0].role",
    ),
    (
        "co-signature of an unknown asset",
        setting("initiators", 0, "co_sign", 0, "above", "asset", to="eip155:1/slip44:60"),
        "initiators[0].co_sign[0].above.asset",
    ),
    ("key without validity", dropping(*KEY, "valid_until"), "initiators[0].keys[0].valid_until"),
    (
        "key valid backwards",
        setting(*KEY, "valid_until", to="2025-01-01T00:00:00Z"),
        "initiators[0].keys[0].valid_until",
    ),
    (
        "key valid for ever from never",
        setting(*KEY, "valid_from", to="never"),
        "initiators[0].keys[0].valid_from",
    ),
    (
        "time with an offset",
        setting(*KEY, "valid_from", to="2026-01-01T00:00:00+01:00"),
        "initiators[0].keys[0].valid_from",
    ),
    (
        "time off the calendar",
        setting(*KEY, "valid_from", to="2026-02-30T00:00:00Z"),
        "initiators[0].keys[0].valid_from",
    ),
    (
        "time before 1970",
        setting(*KEY, "valid_from", to="1969-12-31T23:59:59Z"),
        "initiators[0].keys[0].valid_from",
    ),
    ("key of an unknown scheme", setting(*KEY, "scheme", to="rsa"), "initiators[0].keys[0].scheme"),
    ("key that is no point", setting(*KEY, "public", to="ff" * 32), "initiators[0].keys[0].public"),
    (
        "key of another scheme's form",
        setting(*KEY, "public", to="0x" + "11" * 20),
        "initiators[0].keys[0].public",
    ),
    ("operator called planner", setting("operators", 2, "id", to="planner"), "operators[2].id"),
    ("operator without keys", setting("operators", 0, "keys", to=[]), "operators[0].keys"),
    ("operator without roles", setting("operators", 0, "roles", to=[]), "operators[0].roles"),
    ("an operator's key is another's", key_of_operator_with_role, "operators[1].keys[0].public"),
    ("an operator's key is the backend's", operator_with_the_backends_key, "operators[1].keys[0].public"),
    (
        "an ssh key enrolled as raw ed25519 too",
        operators_ssh_key_as_raw_ed25519,
        "operators[0].keys[0].public",
    ),
    ("a wallet's key signs intents", backends_secp_key_is_a_wallets, "wallets[0].key.public"),
    (
        "a wallet's key, x-only, signs intents",
        backends_bip340_key_is_a_wallets_negated,
        "wallets[0].key.public",
    ),
    ("quorum of one", setting("quorums", 0, "need", to=1), "quorums[0].need"),
    ("quorum of half", setting("quorums", 0, "of", to=["ada", "bo", "cy", "ada"]), "quorums[0].of[3]"),
    ("quorum above its members", setting("quorums", 0, "need", to=4), "quorums[0].need"),
    ("quorum that no proposer leaves enough for", setting("quorums", 0, "need", to=3), "quorums[0].need"),
    ("quorum of a stranger", setting("quorums", 0, "of", 1, to="eve"), "quorums[0].of[1]"),
    ("quorum of nobody", setting("quorums", 0, "of", to=[]), "quorums[0].of"),
    ("quorum for nothing", setting("quorums", 0, "kinds", to=[]), "quorums[0].kinds"),
    ("quorum for an unknown kind", setting("quorums", 0, "kinds", 0, to="THEFT"), "quorums[0].kinds[0]"),
    ("quorum with a float", setting("quorums", 0, "need", to=2.5), "quorums[0].need"),
    ("quorum with a bool", setting("quorums", 0, "need", to=True), "quorums[0].need"),
    ("limit of nothing", dropping("limits", 0, "amount"), "limits[0].amount"),
    ("limit of zero", setting("limits", 0, "amount", to="0"), "limits[0].amount"),
    ("limit as a number", setting("limits", 0, "amount", to=5), "limits[0].amount"),
    ("limit with a leading zero", setting("limits", 0, "amount", to="05"), "limits[0].amount"),
    ("limit above 2^128", setting("limits", 0, "amount", to=str(2**128)), "limits[0].amount"),
    ("count of zero", setting("limits", 1, "count", to=0), "limits[1].count"),
    ("limit without window", dropping("limits", 0, "window"), "limits[0].window"),
    ("limit over more than 90 days", setting("limits", 0, "window", to="91d"), "limits[0].window"),
    ("limit over an unknown word", setting("limits", 0, "window", to="forever"), "limits[0].window"),
    ("limit that lets pass", setting("limits", 0, "over", to="allow"), "limits[0].over"),
    ("limit over several assets", setting("limits", 0, "scope", to=["customer"]), "limits[0].amount"),
    ("limit of an unknown scope", setting("limits", 0, "scope", to=["planet"]), "limits[0].scope[0]"),
    ("limit without scope", setting("limits", 0, "scope", to=[]), "limits[0].scope"),
    ("global beside another", setting("limits", 0, "scope", to=["global", "asset"]), "limits[0].scope"),
    ("limit of an unknown asset", setting("limits", 0, "asset", to="eip155:1/slip44:60"), "limits[0].asset"),
    ("limit of an unknown class", setting("limits", 2, "class", to="whales"), "limits[2].class"),
    ("assets that a classless intent moves without limit", only_class_limits, "assets[0].id"),
    (
        "wallet of an unknown network",
        proof_before(setting("wallets", 0, "network", to="eip155:1")),
        "wallets[0].key.possession",
    ),
    (
        "wallet of a network not enrolled",
        setting("wallets", 0, "network", to="eip155:1"),
        "wallets[0].network",
    ),
    ("wallet of an unknown kind", setting("wallets", 0, "kind", to="EXTERNAL"), "wallets[0].kind"),
    ("hot wallet without signer", dropping("wallets", 0, "signer"), "wallets[0].signer"),
    ("wallet of an unknown signer", setting("wallets", 0, "signer", to="other"), "signers[0].wallets[0]"),
    (
        "signer that does not list its wallet",
        setting("signers", 0, "wallets", to=["hot-eth-2"]),
        "signers[0].wallets[0]",
    ),
    (
        "signer of an unknown wallet",
        setting("signers", 0, "wallets", to=["hot-eth-1", "x"]),
        "signers[0].wallets[1]",
    ),
    ("signer of no wallet", setting("signers", 0, "wallets", to=[]), "signers[0].wallets"),
    ("wallet without caps", setting("wallets", 0, "caps", to=[]), "wallets[0].caps"),
    ("hot wallet without hourly cap", without_cap("HOT", "1h"), "wallets[0].caps"),
    ("hot wallet without daily cap", without_cap("HOT", "24h"), "wallets[0].caps"),
    ("cold wallet without daily cap", without_cap("COLD", "24h"), "wallets[2].caps"),
    ("cap of zero", setting(*CAP, "amount", to="0"), "wallets[0].caps[0].amount"),
    ("cap over an odd window", setting(*CAP, "window", to="2h"), "wallets[0].caps[0].window"),
    ("cap twice", setting(*CAP, "window", to="24h"), "wallets[0].caps[1].window"),
    ("cap of an unknown asset", setting(*CAP, "asset", to="eip155:1/slip44:60"), "wallets[0].caps[0].asset"),
    ("hourly cap above the daily", short_window_above_long, "wallets[0].caps"),
    ("floor above target", setting(*BAND, "floor", to=str(51 * ETHER)), "wallets[0].bands[0].target"),
    ("target above ceiling", setting(*BAND, "target", to=str(91 * ETHER)), "wallets[0].bands[0].target"),
    ("target of zero", setting(*BAND, "target", to="0"), "wallets[0].bands[0].target"),
    (
        "band of an unknown asset",
        setting(*BAND, "asset", to="eip155:1/slip44:60"),
        "wallets[0].bands[0].asset",
    ),
    ("band twice", setting(*BAND, "asset", to=TOKEN), "wallets[0].bands[1].asset"),
    (
        "wallet's address without checksum",
        setting("wallets", 0, "key", "public", to=EthKey("hot-eth-1").address.lower()),
        "wallets[0].key.public",
    ),
    (
        "wallet's key of another scheme",
        setting("wallets", 0, "key", "scheme", to="ed25519"),
        "wallets[0].key.scheme",
    ),
    ("proof of another wallet", proof_of_another_wallet, "wallets[0].key.possession"),
    (
        "proof by another key",
        setting("wallets", 0, "key", "public", to=EthKey("thief").address),
        "wallets[0].key.possession",
    ),
    (
        "proof for the negated point",
        setting("wallets", 0, "key", "public", to=point_negated()),
        "wallets[0].key.possession",
    ),
    (
        "proof under another salt",
        proof_before(setting("deployment", "salt", to="00" * 32)),
        "wallets[0].key.possession",
    ),
    (
        "proof for another kind",
        proof_before(setting("wallets", 2, "kind", to="HOT")),
        "wallets[2].key.possession",
    ),
    (
        "proof for another signer",
        proof_before(setting("wallets", 0, "signer", to="signer-hot-eth-2")),
        "wallets[0].key.possession",
    ),
    (
        "proof for another id",
        proof_before(setting("wallets", 0, "id", to="hot-eth-9")),
        "wallets[0].key.possession",
    ),
    ("empty proof", setting("wallets", 0, "key", "possession", to=""), "wallets[0].key.possession"),
    ("proof of zeros", setting("wallets", 0, "key", "possession", to="00" * 65), "wallets[0].key.possession"),
    ("audit proof of another signer", audit_proof_of_another_signer, "signers[0].audit.possession"),
    (
        "audit key of another scheme",
        setting("signers", 0, "audit", "scheme", to="sshsig"),
        "signers[0].audit.scheme",
    ),
    ("asset that is no CAIP-19", setting("assets", 0, "id", to="ETH"), "assets[0].id"),
    (
        "asset of a network not enrolled",
        setting("assets", 1, "id", to=TOKEN.replace("31337", "1")),
        "assets[1].id",
    ),
    ("native asset with code", setting("assets", 0, "code_hash", to="0x" + "11" * 32), "assets[0].code_hash"),
    ("token without code hash", dropping("assets", 1, "code_hash"), "assets[1].code_hash"),
    ("token with a short code hash", setting("assets", 1, "code_hash", to="0x11"), "assets[1].code_hash"),
    ("a native asset that the chain does not have", second_native, "assets[2].id"),
    ("final after no confirmation", setting("assets", 0, "final", to=0), "assets[0].final"),
    ("final by a word", setting("assets", 0, "final", to="safe"), "assets[0].final"),
    ("no finality", dropping("assets", 0, "final"), "assets[0].final"),
    ("gas without bound", setting("assets", 1, "gas_limit", to=10**7), "assets[1].gas_limit"),
    ("symbol with a control character", setting("assets", 0, "symbol", to="E\x1b[2J"), "assets[0].symbol"),
    ("operator called as an initiator", setting("operators", 2, "id", to="backend-eu"), "operators[2].id"),
    ("one secret key for two operators", one_secret, "operators[1].keys[0].public"),
    ("symbol in Cyrillic", setting("assets", 0, "symbol", to="ЕТН"), "assets[0].symbol"),
    ("decimals below zero", setting("assets", 0, "decimals", to=-1), "assets[0].decimals"),
    ("network without native asset", setting("networks", 0, "id", to="eip155:1"), "networks[0].id"),
    ("no fee cap", dropping("networks", 0, "fee_caps", "absolute"), "networks[0].fee_caps.absolute"),
    (
        "fee cap of zero",
        setting("networks", 0, "fee_caps", "absolute", to="0"),
        "networks[0].fee_caps.absolute",
    ),
    ("fee share of all", setting("networks", 0, "fee_caps", "share", to="1.0"), "networks[0].fee_caps.share"),
    (
        "fee share as a float",
        setting("networks", 0, "fee_caps", "share", to=0.02),
        "networks[0].fee_caps.share",
    ),
    (
        "fee share of nothing",
        setting("networks", 0, "fee_caps", "share", to="0.0"),
        "networks[0].fee_caps.share",
    ),
    ("no gas reserve", dropping("networks", 0, "gas_reserve"), "networks[0].gas_reserve"),
    ("a table that is a string", setting("networks", to="eip155:1"), "networks"),
    ("a table that is one table", setting("networks", to={"id": NETWORK}), "networks"),
    ("a list of strings for tables", setting("networks", to=["x"]), "networks[0]"),
    ("far too many limits", setting("limits", to=[{"id": "x"}] * 5000), "limits"),
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
