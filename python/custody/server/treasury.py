"""TreasuryService: wallets, balances and assets; translates, and decides nothing."""

from __future__ import annotations

from custody.api.v1 import treasury_pb2
from custody.errors import Malformed
from custody.ledger import BalanceRow
from custody.rpc.endpoint import Call
from custody.server import conversion
from custody.server.withdrawal_message import cursor
from custody.server.withdrawals import wait_for
from custody.services.commands import State
from custody.services.reconciliation import ChainBalances
from custody.services.writer import Writer

__all__ = ["Treasury"]


class Treasury:
    """See treasury.proto."""

    def __init__(self, writer: Writer, chain: ChainBalances) -> None:
        self._writer = writer
        self._chain = chain

    def ListWallets(
        self, request: treasury_pb2.ListWalletsRequest, call: Call
    ) -> treasury_pb2.ListWalletsResponse:
        """The policy's wallets, in its order."""
        for number in request.kinds:
            if number not in treasury_pb2.WalletKind.values() or not number:
                raise Malformed("kinds", f"{number} is no kind")

        def read(state: State) -> tuple[list[treasury_pb2.Wallet], int]:
            policy = state.control.governance.policy
            found = [conversion.wallet_message(state, wallet) for wallet in policy.wallets]
            return found, state.next_sequence - 1

        found, sequence = self._writer.read(read)
        wallets = [wallet for wallet in found if not request.kinds or wallet.kind in request.kinds]
        return treasury_pb2.ListWalletsResponse(
            wallets=wallets, as_of=[cursor(self._writer.partition, sequence)]
        )

    def GetBalances(
        self, request: treasury_pb2.GetBalancesRequest, call: Call
    ) -> treasury_pb2.GetBalancesResponse:
        """The ledger's accounts, by asset and owner, beside what the chain said last."""
        wait_for(self._writer, request.min_cursor, call)

        def read(state: State) -> tuple[list[BalanceRow], int]:
            return state.ledger.balances(), state.next_sequence - 1

        rows, sequence = self._writer.read(read)
        as_of = cursor(self._writer.partition, sequence)
        balances: list[treasury_pb2.Balance] = []
        for row in sorted(rows, key=lambda row: (row.asset, row.account)):
            if request.owner not in ("", row.account) or request.asset not in ("", row.asset):
                continue
            kind, _, wallet = row.account.partition(":")
            message = conversion.balance(
                row, self._chain.get(wallet, row.asset) if kind == "wallet" else None
            )
            message.as_of.CopyFrom(as_of)
            balances.append(message)
        return treasury_pb2.GetBalancesResponse(balances=balances, as_of=[as_of])

    def ListAssets(
        self, request: treasury_pb2.ListAssetsRequest, call: Call
    ) -> treasury_pb2.ListAssetsResponse:
        """The policy's assets, in its order."""
        policy = self._writer.read(lambda state: state.control.governance.policy)
        return treasury_pb2.ListAssetsResponse(
            assets=[
                treasury_pb2.Asset(
                    asset=asset.id, symbol=asset.symbol, decimals=asset.decimals, network=asset.network
                )
                for asset in policy.assets
            ]
        )
