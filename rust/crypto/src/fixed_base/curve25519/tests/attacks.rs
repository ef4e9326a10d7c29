//! Crafted keys and signatures: torsion in A and R, small order, encodings and scalars out of range.

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use num_bigint::BigUint;
use sha2::{Digest as _, Sha512};

use super::super::job::SMALL_ORDER;
use super::model::{order, p, to_bytes};
use super::verdicts::{Case, assert_strict, honest};

const B: EdwardsPoint = ED25519_BASEPOINT_POINT;

fn challenge(r: &[u8; 32], public_key: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(public_key)
        .chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn case(public_key: [u8; 32], message: &[u8], r: [u8; 32], s: [u8; 32]) -> Case {
    Case {
        public_key,
        message: message.to_vec(),
        signature: [r, s].as_flattened().try_into().unwrap(),
    }
}

/// S·B − h·A is R exactly where h times A's torsion is minus R's: with h the integer below L, as both take it.
#[test]
fn torsion_in_the_key_and_in_r() {
    let secret = Scalar::from(0x1234_5678_9abc_def1_u64).invert();
    for key_torsion in EIGHT_TORSION {
        let public_key = (B * secret + key_torsion).compress().to_bytes();
        let mut cases = Vec::new();
        for (index, r_torsion) in EIGHT_TORSION.into_iter().enumerate() {
            for message in 0..16_u8 {
                let nonce = Scalar::from(u64::from(message) + 1000 + index as u64).invert();
                let r = (B * nonce + r_torsion).compress().to_bytes();
                let s = nonce + challenge(&r, &public_key, &[message]) * secret;
                cases.push(case(public_key, &[message], r, s.to_bytes()));
            }
        }
        let accepted = assert_strict(&cases);
        assert!(accepted > 0 && accepted < cases.len(), "{accepted}");
    }
}

#[test]
fn r_of_small_order_is_rejected_although_the_equation_holds() {
    let secret = Scalar::from(7_777_777_u64).invert();
    let mut loose = 0;
    for (torsion, encoding) in EIGHT_TORSION.map(|point| (point, point.compress().to_bytes())) {
        assert!(SMALL_ORDER.contains(&encoding));
        let public_key = (B * secret + torsion).compress().to_bytes();
        let mut cases = Vec::new();
        for r in EIGHT_TORSION.map(|point| point.compress().to_bytes()) {
            for message in 0..8_u8 {
                // S·B − h·A = −h·T: the identity, or another point of small order.
                let s = challenge(&r, &public_key, &[message]) * secret;
                cases.push(case(public_key, &[message], r, s.to_bytes()));
            }
        }
        let key = VerifyingKey::from_bytes(&public_key).unwrap();
        let holds = |case: &&Case| {
            let signature = Signature::from_bytes(&case.signature);
            key.verify(&case.message, &signature).is_ok()
        };
        loose += cases.iter().filter(holds).count();
        assert_eq!(assert_strict(&cases), 0);
    }
    assert!(loose > 64, "the attack is a real one: {loose}");
}

#[test]
fn encodings_of_r_that_no_point_is_written_by() {
    let honest = honest(3, b"message");
    let mut cases = Vec::new();
    let mut push = |r: [u8; 32]| {
        let mut case = honest.clone();
        case.signature[..32].copy_from_slice(&r);
        cases.push(case.clone());
        // With S for this R, had it been the identity.
        case.signature[32..].fill(0);
        cases.push(case);
    };
    for y in 0..19_u8 {
        for value in [p() + y, BigUint::from(y), p() - 1_u8 - y] {
            let mut r: [u8; 32] = to_bytes(&value);
            push(r);
            r[31] |= 0x80;
            push(r);
        }
    }
    push([0xff; 32]);
    push([0; 32]);
    assert_eq!(assert_strict(&cases), 0);
}

#[test]
fn s_out_of_range_is_rejected_although_it_is_the_same_residue() {
    let original = honest(4, b"message");
    let s = BigUint::from_bytes_le(&original.signature[32..]);
    let largest = (BigUint::from(1_u8) << 256_u32) - 1_u8;
    let mut cases = vec![original.clone()];
    let mut push = |s: &BigUint| {
        let mut case = original.clone();
        case.signature[32..].copy_from_slice(&to_bytes::<32>(s));
        cases.push(case);
    };
    for factor in 1..15_u8 {
        push(&(&s + order() * factor));
    }
    for s in [
        BigUint::ZERO,
        order(),
        order() - 1_u8,
        order() + 1_u8,
        largest,
    ] {
        push(&s);
    }
    for bit in 252..256_u32 {
        push(&(&s | (BigUint::from(1_u8) << bit)));
    }
    assert_eq!(assert_strict(&cases), 1);
}

/// Each R a power of two times B, and each S right or a power of two: digits that are nearly all zero.
#[test]
fn scalars_of_many_zero_digits() {
    let secret = Scalar::from(99_u64);
    let public_key = (B * secret).compress().to_bytes();
    let mut cases = Vec::new();
    for shift in 0..252_u32 {
        let nonce = Scalar::from_bytes_mod_order(to_bytes(&(BigUint::from(1_u8) << shift)));
        let r = (B * nonce).compress().to_bytes();
        let s = nonce + challenge(&r, &public_key, b"m") * secret;
        cases.push(case(public_key, b"m", r, s.to_bytes()));
        cases.push(case(public_key, b"m", r, nonce.to_bytes()));
    }
    assert_eq!(assert_strict(&cases), 252);
}
