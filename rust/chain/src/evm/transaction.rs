//! Strict reading of an EIP-1559 payload: one byte string for one transaction, nothing before, between or behind.

use alloy_consensus::transaction::{RlpEcdsaDecodableTx, RlpEcdsaEncodableTx};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Signature, keccak256};
use alloy_rlp::{Decodable, Header};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, Secp256k1, VerifyOnly};
use std::sync::LazyLock;

use crate::error::ChainError;

/// The largest transaction built here has fewer than 300 bytes; a bound keeps hostile input small.
const MAX_BYTES: usize = 1024;

pub(crate) static SECP: LazyLock<Secp256k1<VerifyOnly>> =
    LazyLock::new(Secp256k1::verification_only);

/// A payload as read, signed or not.
pub(crate) struct Decoded {
    pub(crate) transaction: TxEip1559,
    pub(crate) signature: Option<Signature>,
}

impl Decoded {
    /// The payload without its signature: the bytes whose hash is signed.
    pub(crate) fn unsigned_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.transaction.payload_len_for_signature());
        self.transaction.encode_for_signing(&mut bytes);
        bytes
    }

    /// The address that signed, `None` for an unsigned payload.
    pub(crate) fn sender(&self) -> Result<Option<Address>, ChainError> {
        let Some(signature) = self.signature else {
            return Ok(None);
        };
        let digest = keccak256(self.unsigned_bytes());
        let mut compact = [0_u8; 64];
        let (r, s) = compact.split_at_mut(32);
        r.copy_from_slice(&signature.r().to_be_bytes::<32>());
        s.copy_from_slice(&signature.s().to_be_bytes::<32>());
        recover(&digest, &compact, signature.v()).map(Some)
    }
}

/// Reads a payload, or refuses it when another byte string would mean the same.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, ChainError> {
    let refuse = |reason: String| ChainError::malformed("transaction", reason);
    let rlp = |error: alloy_rlp::Error| refuse(format!("is not canonical RLP: {error}"));
    if bytes.len() > MAX_BYTES {
        return Err(refuse(format!(
            "has {} bytes, more than {MAX_BYTES}",
            bytes.len()
        )));
    }
    let (kind, mut rest) = bytes
        .split_first()
        .ok_or_else(|| refuse("is empty".to_owned()))?;
    if *kind != 2 {
        return Err(refuse("is not of type 2 (EIP-1559)".to_owned()));
    }
    let header = Header::decode(&mut rest).map_err(rlp)?;
    if !header.list {
        return Err(refuse("is not a list".to_owned()));
    }
    if header.payload_length != rest.len() {
        return Err(refuse("has bytes behind its list".to_owned()));
    }
    let transaction = TxEip1559::rlp_decode_fields(&mut rest).map_err(rlp)?;
    let signature = if rest.is_empty() {
        None
    } else {
        Some(Signature::decode_rlp_vrs(&mut rest, bool::decode).map_err(rlp)?)
    };
    if !rest.is_empty() {
        return Err(refuse(
            "has more fields than an EIP-1559 transaction".to_owned(),
        ));
    }
    let decoded = Decoded {
        transaction,
        signature,
    };
    if encode(&decoded) != bytes {
        return Err(refuse("is not in its one canonical encoding".to_owned()));
    }
    Ok(decoded)
}

/// The one encoding of a payload.
pub(crate) fn encode(decoded: &Decoded) -> Vec<u8> {
    match &decoded.signature {
        None => decoded.unsigned_bytes(),
        Some(signature) => {
            let transaction = &decoded.transaction;
            let mut bytes = Vec::with_capacity(transaction.eip2718_encoded_length(signature));
            transaction.eip2718_encode(signature, &mut bytes);
            bytes
        }
    }
}

/// The address whose key made a low-S signature over a digest.
pub(crate) fn recover(digest: &B256, compact: &[u8; 64], odd: bool) -> Result<Address, ChainError> {
    let refuse = |reason: &str| ChainError::InvalidSignature(reason.to_owned());
    let id = if odd {
        RecoveryId::One
    } else {
        RecoveryId::Zero
    };
    let signature = RecoverableSignature::from_compact(compact, id)
        .map_err(|_| refuse("r or s is zero or not below the curve's order"))?;
    let mut low = signature.to_standard();
    low.normalize_s();
    if low.serialize_compact() != *compact {
        return Err(refuse(
            "s is in the upper half of the curve's order (EIP-2)",
        ));
    }
    let key = SECP
        .recover_ecdsa(Message::from_digest(digest.0), &signature)
        .map_err(|_| refuse("no public key has this signature"))?;
    crate::evm::address::address_of(&key.serialize())
}
