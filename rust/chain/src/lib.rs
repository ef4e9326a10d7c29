//! Plan to unsigned bytes to effects to signing digest to signed bytes to verified: one writing for server, signer
//! and CLI. Effects are computed from the bytes alone, and whatever does not decode to exactly one allowed effect is
//! refused.
//!
//! ```
//! use custody_chain::{Asset, evm};
//!
//! let to = evm::parse_address("0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045")?;
//! let plan = evm::Plan {
//!     chain_id: 1,
//!     nonce: 7,
//!     fees: evm::Fees { max_priority_fee_per_gas: 1, max_fee_per_gas: 100, gas_limit: 21_000 },
//!     asset: "eip155:1/slip44:60".parse::<Asset>()?,
//!     to,
//!     amount: 1_000_000_000_000_000_000,
//! };
//! let unsigned = evm::build(&plan)?;
//! assert_eq!(evm::effects(&unsigned)?.amount, plan.amount);
//! # Ok::<(), custody_chain::ChainError>(())
//! ```

mod caip;
mod error;
pub mod evm;

pub use caip::{Asset, Network};
pub use error::ChainError;
