//! What a transaction does, from its bytes alone; whatever does more, less or something else is refused.

use std::fmt;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};

use crate::caip::{Asset, Network};
use crate::error::ChainError;
use crate::evm::address::{checksum, is_reserved};
use crate::evm::plan::{CANCEL_GAS, Fees, TRANSFER_SELECTOR, check_destination};
use crate::evm::transaction::decode;

/// The three things that a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Pays the chain's own coin.
    Native,
    /// Calls `transfer` of one token contract.
    Erc20,
    /// Uses the nonce up and pays nobody.
    Cancel,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Erc20 => "erc20",
            Self::Cancel => "cancel",
        })
    }
}

/// Everything that a transaction does. Two payloads with equal effects are the same bytes, but for an unsigned
/// payload and its signed form, which differ in `sender`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effects {
    /// The chain.
    pub chain_id: u64,
    /// The sender's nonce.
    pub nonce: u64,
    /// What it does.
    pub kind: Kind,
    /// What is paid; the chain's own coin for a cancel.
    pub asset: Asset,
    /// Who is paid; for a cancel the wallet itself.
    pub to: Address,
    /// How much, in base units; zero only for a cancel.
    pub amount: u128,
    /// What it may cost.
    pub fees: Fees,
    /// The most that it can cost in wei: gas limit × max fee per gas.
    pub max_fee: u128,
    /// Who signed it; `None` when unsigned.
    pub sender: Option<Address>,
}

impl Effects {
    /// `eip155:CHAIN:SENDER:NONCE`, what can be spent once; the sender is `?` when unsigned.
    #[must_use]
    pub fn conflict_key(&self) -> String {
        let network = Network::Eip155(self.chain_id);
        let sender = self
            .sender
            .as_ref()
            .map_or_else(|| "?".to_owned(), checksum);
        format!("{network}:{sender}:{}", self.nonce)
    }
}

/// Reads the effects of an unsigned or signed payload.
///
/// # Errors
/// `Malformed` for everything but the three kinds in their one encoding; `InvalidSignature` for a signature that is
/// nobody's or not low-S, and for a cancel that its sender does not send to itself.
pub fn effects(bytes: &[u8]) -> Result<Effects, ChainError> {
    let decoded = decode(bytes)?;
    let transaction = &decoded.transaction;
    if transaction.chain_id == 0 {
        return Err(ChainError::malformed(
            "chain_id",
            "must not be zero: it binds no chain",
        ));
    }
    // EIP-2681: no transaction with this nonce is ever valid.
    if transaction.nonce == u64::MAX {
        return Err(ChainError::malformed("nonce", "must be below 2^64 - 1"));
    }
    if !transaction.access_list.is_empty() {
        return Err(ChainError::malformed("access_list", "must be empty"));
    }
    let fees = Fees {
        max_priority_fee_per_gas: transaction.max_priority_fee_per_gas,
        max_fee_per_gas: transaction.max_fee_per_gas,
        gas_limit: transaction.gas_limit,
    };
    let sender = decoded.sender()?;
    let (kind, asset, to, amount) = payment(transaction)?;
    if kind == Kind::Cancel {
        if fees.gas_limit != CANCEL_GAS {
            return Err(ChainError::malformed(
                "gas_limit",
                "a cancel has exactly 21000 gas",
            ));
        }
        if sender.is_some_and(|sender| sender != to) {
            return Err(ChainError::InvalidSignature(
                "a cancel must be signed by the address that it is sent to".to_owned(),
            ));
        }
    }
    Ok(Effects {
        chain_id: transaction.chain_id,
        nonce: transaction.nonce,
        kind,
        asset,
        to,
        amount,
        fees,
        max_fee: fees.max_fee()?,
        sender,
    })
}

fn payment(transaction: &TxEip1559) -> Result<(Kind, Asset, Address, u128), ChainError> {
    let chain_id = transaction.chain_id;
    let TxKind::Call(callee) = transaction.to else {
        return Err(ChainError::malformed(
            "to",
            "is empty: contracts are never created",
        ));
    };
    if transaction.input.is_empty() {
        let asset = Asset::Native { chain_id };
        check_destination(&asset, &callee)?;
        let amount = amount(transaction.value)?;
        let kind = if amount == 0 {
            Kind::Cancel
        } else {
            Kind::Native
        };
        return Ok((kind, asset, callee, amount));
    }
    if !transaction.value.is_zero() {
        return Err(ChainError::malformed("value", "must be zero in a call"));
    }
    if is_reserved(&callee) {
        return Err(ChainError::malformed(
            "to",
            "calls the zero address or a precompile",
        ));
    }
    let asset = Asset::Erc20 {
        chain_id,
        contract: callee,
    };
    let (to, amount) = transfer_arguments(&transaction.input)?;
    check_destination(&asset, &to)?;
    if amount == 0 {
        return Err(ChainError::malformed("amount", "must not be zero"));
    }
    Ok((Kind::Erc20, asset, to, amount))
}

/// The arguments of `transfer(address,uint256)`: exactly 68 bytes, the address padded with zeros.
fn transfer_arguments(input: &[u8]) -> Result<(Address, u128), ChainError> {
    let refuse = |reason: &str| ChainError::malformed("data", reason);
    let (selector, arguments) = input
        .split_first_chunk::<4>()
        .ok_or_else(|| refuse("is shorter than a selector"))?;
    if *selector != TRANSFER_SELECTOR {
        return Err(refuse(
            "calls something other than transfer(address,uint256)",
        ));
    }
    let (padding, rest) = arguments
        .split_first_chunk::<12>()
        .ok_or_else(|| refuse("must have exactly 68 bytes"))?;
    let (to, value) = rest
        .split_first_chunk::<20>()
        .ok_or_else(|| refuse("must have exactly 68 bytes"))?;
    let value = <[u8; 32]>::try_from(value).map_err(|_| refuse("must have exactly 68 bytes"))?;
    if *padding != [0; 12] {
        return Err(refuse("the address is not padded with zeros"));
    }
    Ok((Address::from(*to), amount(U256::from_be_bytes(value))?))
}

fn amount(value: U256) -> Result<u128, ChainError> {
    u128::try_from(value).map_err(|_| ChainError::malformed("amount", "must be below 2^128"))
}
