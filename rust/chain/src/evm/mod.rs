//! EVM chains: EIP-1559 only, native and ERC-20 `transfer`, and the cancel of a nonce.

mod address;
mod effects;
mod plan;
mod signing;
mod transaction;
mod transfer;

#[cfg(test)]
mod tests;

pub use alloy_primitives::Address;

pub use address::{address_of, checksum, is_reserved, parse_address};
pub use effects::{Effects, Kind, effects};
pub use plan::{CANCEL_GAS, Cancel, Fees, Plan, build, build_cancel, check_destination};
pub use signing::{assemble, signing_digest, transaction_hash, verify_assembled, verify_signed};
pub use transfer::{Log, transfer_matches};
