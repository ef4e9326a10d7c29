from typing import Literal

__all__ = [
    "address_of",
    "assemble",
    "build",
    "build_cancel",
    "check_destination",
    "effects",
    "format_address",
    "parse_address",
    "parse_asset",
    "parse_network",
    "signing_digest",
    "transaction_hash",
    "transfer_matches",
    "verify_assembled",
]

def parse_network(text: str) -> int: ...
def parse_asset(text: str) -> tuple[str, str, str]: ...
def parse_address(network: str, text: str) -> bytes: ...
def format_address(network: str, raw: bytes) -> str: ...
def address_of(public_key: bytes) -> str: ...
def check_destination(asset: str, to: str) -> None: ...
def build(
    chain_id: int,
    nonce: int,
    max_priority_fee_per_gas: int,
    max_fee_per_gas: int,
    gas_limit: int,
    asset: str,
    to: str,
    amount: int,
) -> bytes: ...
def build_cancel(
    chain_id: int,
    nonce: int,
    max_priority_fee_per_gas: int,
    max_fee_per_gas: int,
    sender: str,
) -> bytes: ...
def effects(
    tx: bytes,
) -> tuple[
    int, int, Literal["native", "erc20", "cancel"], str, str, int, int, int, int, int, str | None, str
]: ...
def signing_digest(unsigned: bytes) -> bytes: ...
def assemble(unsigned: bytes, signature: bytes, sender: str) -> bytes: ...
def transaction_hash(signed: bytes) -> bytes: ...
def verify_assembled(signed: bytes, unsigned: bytes, sender: str) -> None: ...
def transfer_matches(
    asset: str,
    logs: list[tuple[str, list[bytes], bytes]],
    sender: str,
    to: str,
    amount: int,
) -> bool: ...
