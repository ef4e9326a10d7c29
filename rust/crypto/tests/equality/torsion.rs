//! Ed25519 with points of small order mixed in, keys near B, and numbers at their edges: where strict, plain and
//! cofactored verification part, batches side with the strict one.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use custody_crypto::{Scheme, Verdict};
use sha2::{Digest as _, Sha512};

use crate::common::Rng;
use crate::rings::{Item, Rings};

/// The challenge: SHA-512(R ‖ A ‖ M) modulo L.
fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(a)
        .chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn scalar(rng: &mut Rng) -> Scalar {
    Scalar::from_bytes_mod_order(clamp_integer(rng.seed()))
}

fn encode(point: EdwardsPoint) -> [u8; 32] {
    point.compress().to_bytes()
}

/// A signature that says `r_bytes` and has the S of nonce `r` for it: S = r + h·a.
fn signature(r_bytes: [u8; 32], r: Scalar, a: Scalar, key: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let s = r + challenge(&r_bytes, key, message) * a;
    [r_bytes, s.to_bytes()].concat()
}

/// Every encoding that some decoder takes for a point of small order: canonical, y + p, and x = 0 with the sign set.
pub fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut found: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| encode(*point)).collect();
    let edge = |low: u8| {
        let mut y = [0xff; 32];
        (y[0], y[31]) = (low, 0x7f);
        y
    };
    let mut one = [0; 32];
    one[0] = 1;
    for y in [edge(0xec), edge(0xed), edge(0xee), one, [0; 32]] {
        let mut signed = y;
        signed[31] |= 0x80;
        found.extend([y, signed]);
    }
    found
}

#[test]
fn keys_and_nonces_with_torsion_verify_where_the_bytes_of_r_say_so() {
    let mut rng = Rng(1);
    let mut rings = Rings::default();
    let mut items = Vec::new();
    let mut expected = Vec::new();
    for (index, torsion) in EIGHT_TORSION.iter().enumerate() {
        let a = scalar(&mut rng);
        let key = encode(ED25519_BASEPOINT_POINT * a + torsion);
        let id = format!("torsion-{index}");
        rings.enrol(&id, Scheme::Ed25519, &key).unwrap();
        for nonce_torsion in EIGHT_TORSION {
            for _ in 0..12 {
                let message = rng.bytes(24);
                let r = scalar(&mut rng);
                let r_bytes = encode(ED25519_BASEPOINT_POINT * r + nonce_torsion);
                let h = challenge(&r_bytes, &key, &message);
                // S·B − h·A = r·B − h·T, with h the integer below L: for no other does this hold for every T.
                expected.push(nonce_torsion == -(torsion * h));
                items.push(Item::new(
                    &id,
                    &message,
                    &signature(r_bytes, r, a, &key, &message),
                ));
            }
        }
    }
    let valid = expected.iter().filter(|valid| **valid).count();
    assert!((40..400).contains(&valid), "{valid} of {}", items.len());
    for (verdict, expected) in rings.judge(&items).iter().zip(expected) {
        assert_eq!(verdict.is_valid(), expected);
    }
}

#[test]
fn r_of_small_order_in_every_encoding_is_refused_although_its_equation_holds() {
    let mut rng = Rng(2);
    let mut rings = Rings::default();
    let mut items = Vec::new();
    for (index, torsion) in EIGHT_TORSION.iter().enumerate() {
        let a = scalar(&mut rng);
        let key = encode(ED25519_BASEPOINT_POINT * a + torsion);
        let id = format!("key-{index}");
        rings.enrol(&id, Scheme::Ed25519, &key).unwrap();
        for r_bytes in small_order_encodings() {
            for _ in 0..8 {
                let message = rng.bytes(24);
                let forged = signature(r_bytes, Scalar::ZERO, a, &key, &message);
                items.push(Item::new(&id, &message, &forged));
            }
        }
    }
    let verdicts = rings.judge(&items);
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Invalid));
}

#[test]
fn keys_near_b_and_small_nonces() {
    let mut rng = Rng(3);
    let power = |exponent: u32| (0..exponent).fold(Scalar::ONE, |power, _| power + power);
    let mut few: Vec<Scalar> = [1, 2, 3, 8, 127, 128, 129, 255, 256_u64]
        .map(Scalar::from)
        .to_vec();
    few.extend([7, 8, 64, 128, 248, 251, 252].map(power));
    few.push(Scalar::from(2_u64).invert());
    let negated: Vec<Scalar> = few.iter().map(|scalar| -scalar).collect();
    few.extend(negated);
    let mut rings = Rings::default();
    let mut items = Vec::new();
    for (index, a) in few.iter().enumerate() {
        let key = encode(ED25519_BASEPOINT_POINT * a);
        let id = format!("key-{index}");
        rings.enrol(&id, Scheme::Ed25519, &key).unwrap();
        for r in &few {
            let message = rng.bytes(24);
            let r_bytes = encode(ED25519_BASEPOINT_POINT * r);
            let good = signature(r_bytes, *r, *a, &key, &message);
            items.push(Item::new(&id, &message, &good));
            // -R with the same S, and R with -S.
            let mut mirrored = good.clone();
            mirrored[31] ^= 0x80;
            items.push(Item::new(&id, &message, &mirrored));
            let s = Scalar::from_canonical_bytes(good[32..].try_into().unwrap()).unwrap();
            let bad = [r_bytes, (-s).to_bytes()].concat();
            items.push(Item::new(&id, &message, &bad));
        }
    }
    for (index, verdict) in rings.judge(&items).iter().enumerate() {
        assert_eq!(verdict.is_valid(), index % 3 == 0, "{:?}", items[index]);
    }
}

/// S, S + L, S + 2L and so on while it fits 32 bytes: one number modulo L, and one signature alone.
#[test]
fn s_is_below_the_order() {
    let mut rng = Rng(4);
    let order: [u8; 32] =
        hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
            .unwrap()
            .try_into()
            .unwrap();
    let mut rings = Rings::default();
    let a = scalar(&mut rng);
    let key = encode(ED25519_BASEPOINT_POINT * a);
    rings.enrol("key", Scheme::Ed25519, &key).unwrap();
    let mut items = Vec::new();
    for _ in 0..40 {
        let message = rng.bytes(24);
        let r = scalar(&mut rng);
        let r_bytes = encode(ED25519_BASEPOINT_POINT * r);
        let mut now = signature(r_bytes, r, a, &key, &message);
        let first = items.len();
        loop {
            items.push(Item::new("key", &message, &now));
            let mut carry = 0_u16;
            for (byte, more) in now[32..].iter_mut().zip(order) {
                let sum = u16::from(*byte) + u16::from(more) + carry;
                *byte = sum.to_le_bytes()[0];
                carry = sum >> 8;
            }
            if carry != 0 {
                break;
            }
        }
        assert!(items.len() >= first + 15);
        let verdicts = rings.judge(&items[first..]);
        assert_eq!(verdicts[0], Verdict::Valid);
        assert!(verdicts[1..].iter().all(|v| *v == Verdict::Invalid));
    }
    for edge in [[0; 32], order, [0xff; 32]] {
        let mut near = edge;
        for _ in 0..2 {
            let r_bytes = encode(ED25519_BASEPOINT_POINT * scalar(&mut rng));
            items.push(Item::new("key", b"m", &[r_bytes, near].concat()));
            near[0] = near[0].wrapping_add(1);
        }
    }
    rings.judge(&items);
}
