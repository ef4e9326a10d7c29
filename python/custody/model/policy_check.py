"""What must hold across a policy's tables: no dangling name, no quorum that cannot be met, no wallet without caps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from custody.errors import Malformed
from custody.model.policy_keys import identities
from custody.model.policy_parse import DAY_MS, HOUR_MS
from custody.model.policy_types import PLANNER, Key, Tables, Wallet, WalletKind

RESERVED = (PLANNER, "system")
"""Principals that are nobody's name."""


def check(tables: Tables) -> None:
    """Raise Malformed with the path of the first entry that is not sound."""
    _unique(tables)
    _keys(tables)
    _initiators(tables)
    _quorums(tables)
    _networks(tables)
    _signers(tables)
    _limits(tables)
    for index, wallet in enumerate(tables.wallets):
        _wallet(tables, wallet, f"wallets[{index}]")


def _unique(tables: Tables) -> None:
    _once("pools", "name", [pool.name for pool in tables.pools])
    _once("initiators", "id", [item.id for item in tables.initiators])
    _once("operators", "id", [item.id for item in tables.operators])
    _once("quorums", "name", [item.name for item in tables.quorums])
    _once("limits", "id", [item.id for item in tables.limits])
    _once("wallets", "id", [item.id for item in tables.wallets])
    _once("assets", "id", [item.id for item in tables.assets])
    _once("networks", "id", [item.id for item in tables.networks])
    _once("signers", "id", [item.id for item in tables.signers])
    principals = {
        "initiators": [item.id for item in tables.initiators],
        "operators": [item.id for item in tables.operators],
        "signers": [item.id for item in tables.signers],
    }
    taken: dict[str, str] = {}
    for table, ids in principals.items():
        for index, principal in enumerate(ids):
            if principal in RESERVED:
                raise Malformed(f"{table}[{index}].id", "is a reserved name")
            if principal in taken:
                raise Malformed(f"{table}[{index}].id", f"{principal} is the name of {taken[principal]}")
            taken[principal] = f"{table}[{index}]"
    houses = [index for index, pool in enumerate(tables.pools) if pool.purpose == "house"]
    if len(houses) != 1:
        raise Malformed("pools", f"exactly one must have the purpose house, not {len(houses)}")


def _once(table: str, key: str, ids: list[str]) -> None:
    for index, item in enumerate(ids):
        if item in ids[:index]:
            raise Malformed(f"{table}[{index}].{key}", f"{item} occurs twice")


def _keys(tables: Tables) -> None:
    seen: dict[str, str] = {}
    for path, key in _all_keys(tables):
        for identity in sorted(identities(key)):
            if identity in seen:
                raise Malformed(f"{path}.public", f"is the key of {seen[identity]}")
        seen.update(dict.fromkeys(identities(key), path))


def _all_keys(tables: Tables) -> Iterator[tuple[str, Key]]:
    holders = {
        "initiators": [item.keys for item in tables.initiators],
        "operators": [item.keys for item in tables.operators],
    }
    for table, rings in holders.items():
        for index, ring in enumerate(rings):
            for number, key in enumerate(ring):
                yield f"{table}[{index}].keys[{number}]", key
    for index, wallet in enumerate(tables.wallets):
        yield f"wallets[{index}].key", wallet.key
    for index, signer in enumerate(tables.signers):
        yield f"signers[{index}].audit", signer.audit


def _known(path: str, kind: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise Malformed(path, f"there is no {kind} {name}")


def _initiators(tables: Tables) -> None:
    pools = {pool.name for pool in tables.pools}
    assets = {asset.id for asset in tables.assets}
    for index, initiator in enumerate(tables.initiators):
        path = f"initiators[{index}]"
        for number, pool in enumerate(initiator.pools):
            _known(f"{path}.pools[{number}]", "pool", pool, pools)
        roles = {key.role for key in initiator.keys}
        _known(f"{path}.role", "key of role", initiator.role, roles)
        for number, rule in enumerate(initiator.co_sign):
            _known(f"{path}.co_sign[{number}].above.asset", "asset", rule.asset, assets)
            _known(f"{path}.co_sign[{number}].role", "key of role", rule.role, roles)
            if rule.role == initiator.role:
                raise Malformed(
                    f"{path}.co_sign[{number}].role", "the second signature must be another role's"
                )


def _quorums(tables: Tables) -> None:
    operators = {operator.id for operator in tables.operators}
    taken: dict[int, str] = {}
    for index, quorum in enumerate(tables.quorums):
        path = f"quorums[{index}]"
        for number, operator in enumerate(quorum.of):
            _known(f"{path}.of[{number}]", "operator", operator, operators)
        for number, kind in enumerate(quorum.kinds):
            if kind in taken:
                raise Malformed(
                    f"{path}.kinds[{number}]", f"{kind.name} belongs to quorum {taken[kind]} already"
                )
            taken[kind] = quorum.name
        if 2 * quorum.need <= len(quorum.of):
            raise Malformed(f"{path}.need", f"must be more than half of {len(quorum.of)}")
        if quorum.need > len(quorum.of):
            raise Malformed(f"{path}.need", f"is more than the {len(quorum.of)} who may approve")
        outsider = operators - set(quorum.of)
        if quorum.need > len(quorum.of) - (0 if outsider else 1):
            raise Malformed(
                f"{path}.need", "nobody could propose: the proposer's own approval does not count"
            )


def _networks(tables: Tables) -> None:
    networks = {network.id for network in tables.networks}
    for index, asset in enumerate(tables.assets):
        _known(f"assets[{index}].id", "network", asset.network, networks)


def _signers(tables: Tables) -> None:
    wallets = {wallet.id: wallet for wallet in tables.wallets}
    signers = {signer.id: signer for signer in tables.signers}
    for index, signer in enumerate(tables.signers):
        for number, name in enumerate(signer.wallets):
            path = f"signers[{index}].wallets[{number}]"
            _known(path, "wallet", name, wallets)
            if wallets[name].signer != signer.id:
                raise Malformed(path, f"{name} names signer {wallets[name].signer}")
    for index, wallet in enumerate(tables.wallets):
        _known(f"wallets[{index}].signer", "signer", wallet.signer, signers)
        if wallet.id not in signers[wallet.signer].wallets:
            raise Malformed(f"wallets[{index}].signer", f"{wallet.signer} does not list {wallet.id}")


def _limits(tables: Tables) -> None:
    assets = {asset.id for asset in tables.assets}
    classes = {name for initiator in tables.initiators for name in initiator.limit_classes}
    for index, limit in enumerate(tables.limits):
        if limit.asset is not None:
            _known(f"limits[{index}].asset", "asset", limit.asset, assets)
        if limit.limit_class is not None:
            _known(f"limits[{index}].class", "limit class", limit.limit_class, classes)
    for index, asset in enumerate(tables.assets):
        always = (limit for limit in tables.limits if limit.limit_class is None and limit.amount is not None)
        if not any(limit.asset in (None, asset.id) for limit in always):
            raise Malformed(f"assets[{index}].id", "no limit without a class bounds the amount of this asset")


def _wallet(tables: Tables, wallet: Wallet, path: str) -> None:
    networks = {network.id for network in tables.networks}
    _known(f"{path}.network", "network", wallet.network, networks)
    assets = [asset.id for asset in tables.assets if asset.network == wallet.network]
    for index, asset in enumerate(wallet.bands):
        _known(f"{path}.bands[{index}].asset", f"asset of {wallet.network}", asset, assets)
    windows: dict[str, dict[int, int]] = {}
    for index, cap in enumerate(wallet.caps):
        _known(f"{path}.caps[{index}].asset", f"asset of {wallet.network}", cap.asset, assets)
        mine = windows.setdefault(cap.asset, {})
        if cap.window_ms in mine:
            raise Malformed(f"{path}.caps[{index}].window", "occurs twice for this asset")
        mine[cap.window_ms] = cap.amount
    needed = {"1h": HOUR_MS, "24h": DAY_MS} if wallet.kind is WalletKind.HOT else {"24h": DAY_MS}
    for asset in assets:
        mine = windows.get(asset, {})
        for name, window_ms in needed.items():
            if window_ms not in mine:
                raise Malformed(f"{path}.caps", f"no cap over {name} for {asset}")
        amounts = [amount for _, amount in sorted(mine.items())]
        if amounts != sorted(amounts):
            raise Malformed(f"{path}.caps", f"a shorter window of {asset} allows more than a longer one")
