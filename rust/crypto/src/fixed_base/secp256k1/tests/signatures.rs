//! Answers of both backends against libsecp256k1's verdicts.

use num_bigint::BigUint;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId, Signature};
use secp256k1::{Keypair, Message, PublicKey, SECP256K1, SecretKey};
use sha2::{Digest as _, Sha256};

use super::super::{Check, Rule, Table, decide};
use super::model::{bytes, n};
use crate::fixed_base::{Answer, Backend};

/// A key that is a hash of its number, with its tables.
pub(super) struct Signer {
    pub(super) secret: SecretKey,
    pub(super) public: PublicKey,
    pub(super) table: Table,
}

pub(super) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

pub(super) fn signer(number: u32) -> Signer {
    let secret = SecretKey::from_byte_array(hash(&[b"signer", &number.to_be_bytes()])).unwrap();
    let public = secret.public_key(SECP256K1);
    let table = Table::new(&public.serialize_uncompressed()).unwrap();
    Signer {
        secret,
        public,
        table,
    }
}

/// A digest and its signature r‖s by the signer.
pub(super) fn signed(signer: &Signer, number: u32) -> ([u8; 32], [u8; 64]) {
    let digest = hash(&[b"message", &number.to_be_bytes()]);
    let signature = SECP256K1.sign_ecdsa(Message::from_digest(digest), &signer.secret);
    (digest, signature.serialize_compact())
}

pub(super) fn check<'a>(
    table: &'a Table,
    rule: Rule,
    hash: [u8; 32],
    signature: &[u8; 64],
) -> Check<'a> {
    let (r, s) = signature.split_at(32);
    Check {
        table,
        rule,
        hash,
        r: r.try_into().unwrap(),
        s: s.try_into().unwrap(),
    }
}

pub(super) fn answers(backend: Backend, checks: &[Check<'_>]) -> Vec<Answer> {
    let mut answers = Vec::new();
    decide(backend, checks, &mut answers);
    answers
}

pub(super) fn number(parts: &[&[u8]]) -> BigUint {
    BigUint::from_bytes_be(&hash(parts)) % n()
}

pub(super) fn point(secret: &BigUint) -> PublicKey {
    SecretKey::from_byte_array(bytes(secret))
        .unwrap()
        .public_key(SECP256K1)
}

pub(super) fn table(public: &PublicKey) -> Table {
    Table::new(&public.serialize_uncompressed()).unwrap()
}

pub(super) fn x_of(public: &PublicKey) -> BigUint {
    BigUint::from_bytes_be(&public.serialize()[1..])
}

pub(super) fn join(r: &BigUint, s: &BigUint) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&bytes(r));
    signature[32..].copy_from_slice(&bytes(s));
    signature
}

/// libsecp256k1's word on the same check.
pub(super) fn ecdsa(public: &PublicKey, digest: [u8; 32], signature: &[u8; 64]) -> Answer {
    let valid = Signature::from_compact(signature).is_ok_and(|signature| {
        SECP256K1
            .verify_ecdsa(Message::from_digest(digest), &signature, public)
            .is_ok()
    });
    if valid {
        Answer::Accept
    } else {
        Answer::Reject
    }
}

#[test]
fn good_ecdsa_signatures_are_accepted_and_each_flipped_bit_is_not() {
    let signers: Vec<Signer> = (0..3).map(signer).collect();
    for backend in Backend::available() {
        let mut checks = Vec::new();
        let mut expected = Vec::new();
        for number in 0..600u32 {
            let signer = &signers[number as usize % 3];
            let (mut digest, mut signature) = signed(signer, number);
            match number % 4 {
                1 => signature[number as usize % 64] ^= 1 << (number % 8),
                3 if number % 8 == 3 => digest[number as usize % 32] ^= 1 << (number % 7),
                _ => {}
            }
            checks.push(check(&signer.table, Rule::Ecdsa, digest, &signature));
            expected.push(ecdsa(&signer.public, digest, &signature));
        }
        assert!(expected.iter().filter(|a| **a == Answer::Accept).count() > 300);
        for size in [0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 100, 600] {
            assert_eq!(
                answers(*backend, &checks[..size]),
                expected[..size],
                "{backend:?} {size}"
            );
        }
    }
}

#[test]
fn recoverable_signatures_are_held_to_the_parity() {
    let signer = signer(7);
    for backend in Backend::available() {
        let mut checks = Vec::new();
        let mut expected = Vec::new();
        for number in 0..100u32 {
            let digest = hash(&[&number.to_be_bytes()]);
            let message = Message::from_digest(digest);
            let signature = SECP256K1.sign_ecdsa_recoverable(message, &signer.secret);
            let (id, compact) = signature.serialize_compact();
            for (odd, try_id) in [(false, RecoveryId::Zero), (true, RecoveryId::One)] {
                checks.push(check(
                    &signer.table,
                    Rule::Recoverable { odd },
                    digest,
                    &compact,
                ));
                let candidate = RecoverableSignature::from_compact(&compact, try_id).unwrap();
                let found = SECP256K1.recover_ecdsa(message, &candidate);
                assert_eq!(found == Ok(signer.public), id == try_id);
                expected.push(if id == try_id {
                    Answer::Accept
                } else {
                    Answer::Reject
                });
            }
        }
        assert_eq!(answers(*backend, &checks), expected, "{backend:?}");
    }
}

/// BIP 340's challenge.
pub(super) fn challenge(r: &[u8], key: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = hash(&[b"BIP0340/challenge"]);
    hash(&[&tag, &tag, r, key, message])
}

#[test]
fn schnorr_signatures_are_accepted_and_each_changed_one_is_not() {
    for backend in Backend::available() {
        for number in 0..4u32 {
            let keypair = Keypair::from_secret_key(SECP256K1, &signer(number).secret);
            let (key, _) = keypair.x_only_public_key();
            let even = key.public_key(secp256k1::Parity::Even);
            let table = Table::new(&even.serialize_uncompressed()).unwrap();
            let mut checks = Vec::new();
            let mut expected = Vec::new();
            for number in 0..50u32 {
                let message = hash(&[&number.to_be_bytes()]);
                let mut signature = *SECP256K1
                    .sign_schnorr_no_aux_rand(&message, &keypair)
                    .as_byte_array();
                if number % 3 == 1 {
                    signature[number as usize] ^= 0x40;
                }
                let valid = SECP256K1
                    .verify_schnorr(
                        &secp256k1::schnorr::Signature::from_byte_array(signature),
                        &message,
                        &key,
                    )
                    .is_ok();
                assert_eq!(valid, number % 3 != 1);
                let hash = challenge(&signature[..32], &key.serialize(), &message);
                checks.push(check(&table, Rule::Schnorr, hash, &signature));
                expected.push(if valid {
                    Answer::Accept
                } else {
                    Answer::Reject
                });
            }
            assert_eq!(answers(*backend, &checks), expected, "{backend:?}");
        }
    }
}
