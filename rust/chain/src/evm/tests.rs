//! Tests over the whole way: plan to bytes to effects to signed bytes, and everything that is refused on it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

mod mutations;
mod refusals;
mod round_trip;

use alloy_consensus::transaction::RlpEcdsaEncodableTx;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, U256, keccak256};
use secp256k1::{Message, Secp256k1, SecretKey};

use super::*;
use crate::caip::Asset;

const TOKEN: Address = Address::repeat_byte(0xa0);
const ALICE: Address = Address::repeat_byte(0xd8);

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_byte_array([byte; 32]).unwrap()
}

fn address(byte: u8) -> Address {
    address_of(&secret(byte).public_key(&Secp256k1::new()).serialize()).unwrap()
}

fn sign(unsigned: &[u8], byte: u8) -> [u8; 64] {
    let digest = Message::from_digest(signing_digest(unsigned).unwrap());
    Secp256k1::new()
        .sign_ecdsa(digest, &secret(byte))
        .serialize_compact()
}

fn signed(unsigned: &[u8], byte: u8) -> Vec<u8> {
    assemble(unsigned, &sign(unsigned, byte), &address(byte)).unwrap()
}

fn native() -> Plan {
    Plan {
        chain_id: 31337,
        nonce: 130,
        fees: Fees {
            max_priority_fee_per_gas: 1_500_000_000,
            max_fee_per_gas: 31_000_000_000,
            gas_limit: 21_000,
        },
        asset: Asset::Native { chain_id: 31337 },
        to: ALICE,
        amount: 1_000_000_000_000_000_000,
    }
}

fn erc20() -> Plan {
    Plan {
        fees: Fees {
            gas_limit: 65_000,
            ..native().fees
        },
        asset: Asset::Erc20 {
            chain_id: 31337,
            contract: TOKEN,
        },
        ..native()
    }
}

fn cancel() -> Cancel {
    Cancel {
        chain_id: 31337,
        nonce: 130,
        max_priority_fee_per_gas: 1_500_000_000,
        max_fee_per_gas: 31_000_000_000,
        sender: address(0x46),
    }
}

/// A payload as an attacker would write it: any fields at all, canonically encoded.
fn encode_any(transaction: &TxEip1559) -> Vec<u8> {
    let mut bytes = Vec::new();
    transaction.encode_for_signing(&mut bytes);
    bytes
}

/// The same, signed by whatever key.
fn sign_any(transaction: &TxEip1559, byte: u8) -> Vec<u8> {
    let digest = keccak256(encode_any(transaction));
    let (id, compact) = Secp256k1::new()
        .sign_ecdsa_recoverable(Message::from_digest(digest.0), &secret(byte))
        .serialize_compact();
    let signature = alloy_primitives::Signature::new(
        U256::from_be_slice(&compact[..32]),
        U256::from_be_slice(&compact[32..]),
        i32::from(id) == 1,
    );
    let mut bytes = Vec::new();
    transaction.eip2718_encode(&signature, &mut bytes);
    bytes
}

/// The fields of a good transaction, to be spoilt one at a time.
fn fields(plan: &Plan) -> TxEip1559 {
    super::transaction::decode(&build(plan).unwrap())
        .unwrap()
        .transaction
}
