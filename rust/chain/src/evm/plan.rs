//! From a plan to unsigned bytes, and the rules on what may be planned at all.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, TxKind, U256};

use crate::caip::Asset;
use crate::error::ChainError;
use crate::evm::address::is_reserved;
use crate::evm::effects::{Effects, Kind, effects};

/// `transfer(address,uint256)`.
pub(crate) const TRANSFER_SELECTOR: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

/// The gas of a transaction that calls nothing, and all that a cancel may use.
pub const CANCEL_GAS: u64 = 21_000;

/// What a transaction may cost, in wei per gas and in gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// Wei per gas for the block's proposer; at most `max_fee_per_gas`.
    pub max_priority_fee_per_gas: u128,
    /// Wei per gas in all.
    pub max_fee_per_gas: u128,
    /// Gas; never zero.
    pub gas_limit: u64,
}

impl Fees {
    /// The most that the transaction can cost: gas limit × max fee per gas, in wei.
    ///
    /// # Errors
    /// `Malformed` when the gas limit is zero, the priority fee is above the fee, or the product is 2^128 or more.
    pub fn max_fee(&self) -> Result<u128, ChainError> {
        if self.gas_limit == 0 {
            return Err(ChainError::malformed("gas_limit", "must not be zero"));
        }
        if self.max_priority_fee_per_gas > self.max_fee_per_gas {
            return Err(ChainError::malformed(
                "max_priority_fee_per_gas",
                "must not be above max_fee_per_gas",
            ));
        }
        u128::from(self.gas_limit)
            .checked_mul(self.max_fee_per_gas)
            .ok_or_else(|| {
                ChainError::malformed("max_fee_per_gas", "the fee must be below 2^128 wei")
            })
    }
}

/// One payment: `amount` base units of `asset` to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The chain, which must be the asset's.
    pub chain_id: u64,
    /// The sender's next nonce, allocated durably by the caller.
    pub nonce: u64,
    /// What it may cost.
    pub fees: Fees,
    /// What is paid.
    pub asset: Asset,
    /// Who is paid.
    pub to: Address,
    /// How much, in base units; never zero.
    pub amount: u128,
}

/// The end of a nonce without a payment: zero value, empty data, to the sender itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancel {
    /// The chain.
    pub chain_id: u64,
    /// The nonce to use up.
    pub nonce: u64,
    /// Wei per gas for the block's proposer.
    pub max_priority_fee_per_gas: u128,
    /// Wei per gas in all.
    pub max_fee_per_gas: u128,
    /// The wallet itself.
    pub sender: Address,
}

/// Refuses destinations that can never be paid: the zero address, precompiles, and the token's own contract.
///
/// # Errors
/// `Malformed` with field `to`.
pub fn check_destination(asset: &Asset, to: &Address) -> Result<(), ChainError> {
    if to.is_zero() {
        return Err(ChainError::malformed("to", "is the zero address"));
    }
    if is_reserved(to) {
        return Err(ChainError::malformed(
            "to",
            "is a precompile or an address reserved for one",
        ));
    }
    match asset {
        Asset::Erc20 { contract, .. } if contract == to => {
            Err(ChainError::malformed("to", "is the token's own contract"))
        }
        Asset::Erc20 { .. } | Asset::Native { .. } => Ok(()),
    }
}

/// Builds the unsigned EIP-1559 payload of a plan: `0x02 ‖ rlp` of nine fields.
///
/// # Errors
/// `Malformed` with the plan's field that is refused.
pub fn build(plan: &Plan) -> Result<Vec<u8>, ChainError> {
    if plan.chain_id != plan.asset.network().chain_id() {
        return Err(ChainError::malformed("asset", "is not of the plan's chain"));
    }
    check_destination(&plan.asset, &plan.to)?;
    if plan.amount == 0 {
        return Err(ChainError::malformed("amount", "must not be zero"));
    }
    let (to, value, input, kind) = match plan.asset {
        Asset::Native { .. } => (plan.to, U256::from(plan.amount), Vec::new(), Kind::Native),
        Asset::Erc20 { contract, .. } => (contract, U256::ZERO, transfer_call(plan), Kind::Erc20),
    };
    let expected = Effects {
        chain_id: plan.chain_id,
        nonce: plan.nonce,
        kind,
        asset: plan.asset,
        to: plan.to,
        amount: plan.amount,
        fees: plan.fees,
        max_fee: plan.fees.max_fee()?,
        sender: None,
    };
    encode(&expected, to, value, input)
}

/// Builds the unsigned payload that uses a nonce up and pays nobody.
///
/// # Errors
/// `Malformed` with the field that is refused.
pub fn build_cancel(cancel: &Cancel) -> Result<Vec<u8>, ChainError> {
    let fees = Fees {
        max_priority_fee_per_gas: cancel.max_priority_fee_per_gas,
        max_fee_per_gas: cancel.max_fee_per_gas,
        gas_limit: CANCEL_GAS,
    };
    let expected = Effects {
        chain_id: cancel.chain_id,
        nonce: cancel.nonce,
        kind: Kind::Cancel,
        asset: Asset::Native {
            chain_id: cancel.chain_id,
        },
        to: cancel.sender,
        amount: 0,
        fees,
        max_fee: fees.max_fee()?,
        sender: None,
    };
    encode(&expected, cancel.sender, U256::ZERO, Vec::new())
}

fn transfer_call(plan: &Plan) -> Vec<u8> {
    let mut input = TRANSFER_SELECTOR.to_vec();
    input.extend_from_slice(plan.to.into_word().as_slice());
    input.extend_from_slice(&U256::from(plan.amount).to_be_bytes::<32>());
    input
}

fn encode(
    expected: &Effects,
    to: Address,
    value: U256,
    input: Vec<u8>,
) -> Result<Vec<u8>, ChainError> {
    let transaction = TxEip1559 {
        chain_id: expected.chain_id,
        nonce: expected.nonce,
        gas_limit: expected.fees.gas_limit,
        max_fee_per_gas: expected.fees.max_fee_per_gas,
        max_priority_fee_per_gas: expected.fees.max_priority_fee_per_gas,
        to: TxKind::Call(to),
        value,
        access_list: alloy_eips::eip2930::AccessList::default(),
        input: input.into(),
    };
    let mut bytes = Vec::with_capacity(transaction.payload_len_for_signature());
    transaction.encode_for_signing(&mut bytes);
    // What is built is what is read: a difference here is a bug, and must never be signed.
    if effects(&bytes)? != *expected {
        return Err(ChainError::malformed(
            "plan",
            "the bytes built do not read back as the plan",
        ));
    }
    Ok(bytes)
}
