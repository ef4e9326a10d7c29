//! From unsigned bytes to the digest that is signed, and from a signature to verified signed bytes.

use alloy_primitives::{Address, B256, Signature, keccak256};

use crate::error::ChainError;
use crate::evm::address::checksum;
use crate::evm::effects::effects;
use crate::evm::plan::{Plan, build};
use crate::evm::transaction::{Decoded, decode, encode, recover};

/// The 32 bytes to sign for an unsigned payload: its Keccak-256.
///
/// # Errors
/// `Malformed` when the payload has no allowed effects or is already signed: no digest is ever made of other bytes.
pub fn signing_digest(unsigned: &[u8]) -> Result<[u8; 32], ChainError> {
    read_unsigned(unsigned)?;
    Ok(keccak256(unsigned).0)
}

/// Puts a signature (r ‖ s, low-S) to an unsigned payload, finding the parity that recovers to `sender`.
///
/// # Errors
/// `InvalidSignature` when the signature is not `sender`'s or not low-S; `Malformed` as for [`signing_digest`].
pub fn assemble(
    unsigned: &[u8],
    signature: &[u8; 64],
    sender: &Address,
) -> Result<Vec<u8>, ChainError> {
    let mut decoded = read_unsigned(unsigned)?;
    let digest = keccak256(unsigned);
    let even = recover(&digest, signature, false);
    // An error about r or s is the same for both parities; one about recovery is not.
    let parity = if even.as_ref() == Ok(sender) {
        false
    } else if recover(&digest, signature, true).as_ref() == Ok(sender) {
        true
    } else {
        even?;
        return Err(wrong_sender(sender));
    };
    let (r, s) = signature.split_at(32);
    decoded.signature = Some(Signature::from_scalars_and_parity(
        B256::from_slice(r),
        B256::from_slice(s),
        parity,
    ));
    let signed = encode(&decoded);
    verify_assembled(&signed, unsigned, sender)?;
    Ok(signed)
}

/// The transaction id of a signed payload.
///
/// # Errors
/// `Malformed` or `InvalidSignature` when the payload has no allowed effects, `Malformed` when it is unsigned.
pub fn transaction_hash(signed: &[u8]) -> Result<[u8; 32], ChainError> {
    if effects(signed)?.sender.is_none() {
        return Err(ChainError::malformed("transaction", "is not signed"));
    }
    Ok(keccak256(signed).0)
}

/// Requires that a signed payload is exactly the plan's, signed by `sender`.
///
/// # Errors
/// `Malformed` when the effects differ; `InvalidSignature` when another key signed.
pub fn verify_signed(signed: &[u8], plan: &Plan, sender: &Address) -> Result<(), ChainError> {
    verify_assembled(signed, &build(plan)?, sender)
}

/// Requires that a signed payload is exactly `unsigned`, signed by `sender`; for a cancel there is no plan.
///
/// # Errors
/// As for [`verify_signed`].
pub fn verify_assembled(
    signed: &[u8],
    unsigned: &[u8],
    sender: &Address,
) -> Result<(), ChainError> {
    read_unsigned(unsigned)?;
    let found = effects(signed)?;
    if decode(signed)?.unsigned_bytes() != unsigned {
        return Err(ChainError::malformed(
            "transaction",
            "does not have exactly the effects that were planned",
        ));
    }
    match found.sender {
        None => Err(ChainError::InvalidSignature(
            "the transaction is not signed".to_owned(),
        )),
        Some(found) if found == *sender => Ok(()),
        Some(_) => Err(wrong_sender(sender)),
    }
}

fn read_unsigned(unsigned: &[u8]) -> Result<Decoded, ChainError> {
    if effects(unsigned)?.sender.is_some() {
        return Err(ChainError::malformed("transaction", "is already signed"));
    }
    decode(unsigned)
}

fn wrong_sender(sender: &Address) -> ChainError {
    ChainError::InvalidSignature(format!("the signature is not that of {}", checksum(sender)))
}
