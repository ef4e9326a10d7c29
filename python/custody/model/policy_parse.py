"""From the bytes of a policy file to its tables: the form of every key, nothing across tables (see policy_check)."""

from __future__ import annotations

import re
import tomllib
from typing import Literal, cast

from custody import chain
from custody.errors import Malformed
from custody.model import policy_keys
from custody.model.policy_reader import Reader
from custody.model.policy_types import (
    AssetRule,
    Band,
    Cap,
    CoSign,
    Initiator,
    Limit,
    Network,
    Operator,
    Pool,
    Quorum,
    SignerRule,
    Tables,
    Wallet,
    WalletKind,
)
from custody.statements import ProposalKind

MAX_BYTES = 4 << 20
"""As large as a PolicyBody may be."""

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
PURPOSES = ("customers", "house", "insurance_fund", "margin_collateral", "lending_pool")
SCOPES = ("global", "asset", "initiator", "class", "customer", "destination", "wallet")
CAP_WINDOWS = {"1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS}
KEPT_KINDS = (WalletKind.HOT, WalletKind.WARM, WalletKind.COLD, WalletKind.GAS, WalletKind.DEPOSIT)
NATIVE_GAS, TOKEN_GAS, MOST_GAS = 21_000, 100_000, 1_000_000

_SYMBOL = re.compile(r"[A-Za-z0-9.]{1,16}", re.ASCII)


def parse_tables(raw: bytes) -> Tables:
    """Read every table of a policy file. Raises Malformed with the key's path."""
    if len(raw) > MAX_BYTES:
        raise Malformed("", f"a policy has at most {MAX_BYTES} bytes")
    try:
        document = Reader(tomllib.loads(raw.decode("utf-8")), "")
    except (ValueError, RecursionError) as error:
        raise Malformed("", f"not TOML: {error}") from None
    with document.table("deployment") as deployment:
        salt = deployment.hex("salt", 32)
        gap = deployment.duration("maximum_start_gap", 1000, 30 * DAY_MS)
        lifetime = deployment.duration("proposal_lifetime", MINUTE_MS, 30 * DAY_MS)
    assets = document.tables("assets", _asset)
    native = {asset.network: asset.id for asset in reversed(assets) if asset.native}
    tables = Tables(
        salt=salt,
        maximum_start_gap_ms=gap,
        proposal_lifetime_ms=lifetime,
        pools=document.tables("pools", _pool),
        initiators=document.tables("initiators", _initiator),
        operators=document.tables("operators", _operator),
        quorums=document.tables("quorums", _quorum),
        limits=document.tables("limits", _limit),
        wallets=document.tables("wallets", lambda table: _wallet(table, salt)),
        assets=assets,
        networks=document.tables("networks", lambda table: _network(table, native)),
        signers=document.tables("signers", lambda table: _signer(table, salt)),
    )
    document.close()
    return tables


def _pool(table: Reader) -> Pool:
    return Pool(table.name("name"), table.choice("purpose", PURPOSES))


def _initiator(table: Reader) -> Initiator:
    return Initiator(
        id=table.name("id"),
        role=table.name("role"),
        pools=table.names("pools"),
        limit_classes=table.names("limit_classes", empty=True),
        keys=table.tables("keys", policy_keys.read_system_key),
        co_sign=table.tables("co_sign", _co_sign, empty=True),
    )


def _co_sign(table: Reader) -> CoSign:
    with table.table("above") as above:
        asset, amount = _asset_id(above), above.amount("amount", zero=True)
    return CoSign(asset, amount, table.name("role"))


def _operator(table: Reader) -> Operator:
    keys = table.tables("keys", policy_keys.read_person_key)
    return Operator(table.name("id"), keys, table.names("roles"))


def _quorum(table: Reader) -> Quorum:
    kinds = table.choices("kinds", [kind.name for kind in ProposalKind])
    kinds_of = tuple(ProposalKind[kind] for kind in kinds)
    return Quorum(table.name("name"), kinds_of, table.number("need", 2, 64), table.names("of"))


def _limit(table: Reader) -> Limit:
    scope = table.choices("scope", SCOPES)
    if "global" in scope and len(scope) > 1:
        raise Malformed(table.path("scope"), "global stands alone")
    limit = Limit(
        id=table.name("id"),
        scope=tuple(dimension for dimension in scope if dimension != "global"),
        asset=_asset_id(table) if table.has("asset") else None,
        limit_class=table.name("class") if table.has("class") else None,
        window_ms=table.duration_or("lifetime", "window", 1000, 90 * DAY_MS),
        amount=table.amount("amount") if table.has("amount") else None,
        count=table.number("count", 1, 2**53) if table.has("count") else None,
        over=cast(Literal["hold", "deny"], table.choice("over", ("hold", "deny"))),
    )
    if limit.amount is None and limit.count is None:
        raise Malformed(table.path("amount"), "an amount or a count is needed")
    if limit.amount is not None and limit.asset is None and "asset" not in limit.scope:
        raise Malformed(table.path("amount"), "adds up several assets: name one, or put asset into the scope")
    return limit


def _wallet(table: Reader, salt: bytes) -> Wallet:
    wallet_id, network, signer = table.name("id"), _network_id(table, "network"), table.name("signer")
    kind = WalletKind(table.choice("kind", [kind.value for kind in KEPT_KINDS]))
    with table.table("key") as key_table:
        key, address = policy_keys.read_wallet_key(key_table, salt, wallet_id, kind.value, network, signer)
    bands = table.tables("bands", _band, empty=True)
    for index, (asset, _) in enumerate(bands):
        if any(asset == other for other, _ in bands[:index]):
            raise Malformed(f"{table.path('bands')}[{index}].asset", "occurs twice")
    return Wallet(
        id=wallet_id,
        kind=kind,
        network=network,
        group=table.name("group"),
        signer=signer,
        key=key,
        address=address,
        bands=dict(bands),
        caps=table.tables("caps", _cap),
    )


def _band(table: Reader) -> tuple[str, Band]:
    asset = _asset_id(table)
    band = Band(table.amount("floor", zero=True), table.amount("target"), table.amount("ceiling"))
    if not band.floor <= band.target <= band.ceiling:
        raise Malformed(table.path("target"), "floor <= target <= ceiling must hold")
    return asset, band


def _cap(table: Reader) -> Cap:
    return Cap(
        _asset_id(table), CAP_WINDOWS[table.choice("window", tuple(CAP_WINDOWS))], table.amount("amount")
    )


def _asset(table: Reader) -> AssetRule:
    asset_id = _asset_id(table, "id")
    parts = chain.parse_asset(asset_id)
    native = parts.namespace == "slip44"
    return AssetRule(
        id=asset_id,
        symbol=table.text("symbol", _SYMBOL, "1 to 16 letters, digits and dots"),
        decimals=table.number("decimals", 0, 36),
        network=parts.network,
        final=_final(table),
        code_hash=None if native else table.hex("code_hash", 32, "0x"),
        native=native,
        contract=None if native else _checksummed(parts.network, parts.reference),
        gas_limit=_gas_limit(table, native),
    )


def _gas_limit(table: Reader, native: bool) -> int:
    if not table.has("gas_limit"):
        return NATIVE_GAS if native else TOKEN_GAS
    return table.number("gas_limit", NATIVE_GAS, MOST_GAS)


def _final(table: Reader) -> int | Literal["finalized"]:
    try:
        table.choice("final", ("finalized",))
        return "finalized"
    except Malformed:
        pass
    try:
        return table.number("final", 1, 10_000)
    except Malformed:
        raise Malformed(table.path("final"), "must be finalized, or confirmations from 1 to 10000") from None


def _checksummed(network: str, contract: str) -> str:
    return chain.format_address(network, bytes.fromhex(contract[2:]))


def _network(table: Reader, native: dict[str, str]) -> Network:
    network_id = _network_id(table, "id")
    if network_id not in native:
        raise Malformed(table.path("id"), "no native asset of this network is enrolled")
    with table.table("fee_caps") as fees:
        absolute = fees.amount("absolute")
        share = fees.share("share") if fees.has("share") else None
    return Network(
        id=network_id,
        chain_id=chain.chain_id(network_id),
        fee_asset=native[network_id],
        fee_cap_absolute=absolute,
        fee_cap_share=share,
        gas_reserve=table.amount("gas_reserve"),
    )


def _signer(table: Reader, salt: bytes) -> SignerRule:
    signer_id = table.name("id")
    with table.table("audit") as audit:
        key = policy_keys.read_audit_key(audit, salt, signer_id)
    return SignerRule(signer_id, table.names("wallets"), key)


def _asset_id(table: Reader, key: str = "asset") -> str:
    text = table.string(key)
    try:
        chain.parse_asset(text)
    except Malformed as error:
        raise Malformed(table.path(key), error.reason) from None
    return text


def _network_id(table: Reader, key: str) -> str:
    text = table.string(key)
    try:
        chain.chain_id(text)
    except Malformed as error:
        raise Malformed(table.path(key), error.reason) from None
    return text
