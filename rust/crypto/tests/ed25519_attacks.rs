//! RFC 8032's vectors, and what the strict rules refuse although the plain equation, or the cofactored one, holds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr
)]

mod common;

use common::Rng;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use custody_crypto::{KeyError, Keyring, Scheme, Verdict, VerifyError, verify_one};
use sha2::{Digest as _, Sha512};

/// RFC 8032 §7.1: secret scalar's public key, message, signature.
const RFC8032: [(&str, &str, &str); 3] = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

/// The group order L, little-endian.
const L: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

#[test]
fn rfc_8032_vectors() {
    for (key, message, signature) in RFC8032 {
        let (key, message, signature) = (
            hex::decode(key).unwrap(),
            hex::decode(message).unwrap(),
            hex::decode(signature).unwrap(),
        );
        assert_eq!(
            verify_one(Scheme::Ed25519, &key, &message, &signature),
            Ok(())
        );
        let longer = [&message[..], &[0]].concat();
        assert_eq!(
            verify_one(Scheme::Ed25519, &key, &longer, &signature),
            Err(VerifyError::InvalidSignature)
        );
    }
}

/// An expanded key whose point the test may bend: scalar and public point.
fn key(rng: &mut Rng) -> (Scalar, EdwardsPoint) {
    let scalar = Scalar::from_bytes_mod_order(clamp_integer(rng.seed()));
    (scalar, ED25519_BASEPOINT_POINT * scalar)
}

fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let hash: [u8; 64] = Sha512::new()
        .chain_update(r)
        .chain_update(a)
        .chain_update(message)
        .finalize()
        .into();
    Scalar::from_bytes_mod_order_wide(&hash)
}

fn verdict(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Verdict {
    let mut ring = Keyring::new();
    ring.enrol("key", Scheme::Ed25519, key).unwrap();
    ring.verify("key", message, signature)
}

#[test]
fn s_plus_the_order_is_refused() {
    let (public, message, signature) = RFC8032[1];
    let mut signature = hex::decode(signature).unwrap();
    let order = hex::decode(L).unwrap();
    let mut carry = 0_u16;
    for i in 0..32 {
        let sum = u16::from(signature[32 + i]) + u16::from(order[i]) + carry;
        signature[32 + i] = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    let public: [u8; 32] = hex::decode(public).unwrap().try_into().unwrap();
    assert_eq!(
        verdict(&public, &hex::decode(message).unwrap(), &signature),
        Verdict::Invalid
    );
}

#[test]
fn a_signature_with_small_order_r_is_refused_although_its_equation_holds() {
    let mut rng = Rng(1);
    let (a, public) = key(&mut rng);
    let public = public.compress().to_bytes();
    // R = identity, S = k a: S B = R + k A exactly.
    let r = EIGHT_TORSION[0].compress().to_bytes();
    let s = challenge(&r, &public, b"m") * a;
    let signature = [r, s.to_bytes()].concat();
    let dalek = ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap();
    let loose = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    assert!(
        ed25519_dalek::Verifier::verify(&dalek, b"m", &loose).is_ok(),
        "the attack is a real one"
    );
    assert_eq!(verdict(&public, b"m", &signature), Verdict::Invalid);
}

#[test]
fn a_signature_valid_only_with_the_cofactor_is_refused() {
    let mut rng = Rng(2);
    let (a, public) = key(&mut rng);
    let public = public.compress().to_bytes();
    for torsion in &EIGHT_TORSION[1..] {
        let (nonce, r) = key(&mut rng);
        let r = (r + torsion).compress().to_bytes();
        let s = nonce + challenge(&r, &public, b"m") * a;
        // 8 S B = 8 R + 8 k A holds; S B = R + k A does not.
        assert_eq!(
            verdict(&public, b"m", &[r, s.to_bytes()].concat()),
            Verdict::Invalid
        );
    }
    let (nonce, r) = key(&mut rng);
    let r = r.compress().to_bytes();
    let s = nonce + challenge(&r, &public, b"m") * a;
    assert_eq!(
        verdict(&public, b"m", &[r, s.to_bytes()].concat()),
        Verdict::Valid,
        "the control"
    );
}

#[test]
fn a_key_of_small_order_is_refused_in_every_encoding() {
    let mut encodings: Vec<[u8; 32]> = EIGHT_TORSION
        .iter()
        .map(|point| point.compress().to_bytes())
        .collect();
    // The same points with y + p where that fits 255 bits (y = 0 and 1), and with x = 0 and the sign bit set.
    let mut y_is_p = [0xff; 32];
    (y_is_p[0], y_is_p[31]) = (0xed, 0x7f);
    let mut y_is_p_plus_1 = y_is_p;
    y_is_p_plus_1[0] = 0xee;
    let mut minus_one = y_is_p;
    minus_one[0] = 0xec;
    let mut one = [0; 32];
    one[0] = 1;
    for base in [y_is_p, y_is_p_plus_1, minus_one, one] {
        let mut signed = base;
        signed[31] |= 0x80;
        encodings.extend([base, signed]);
    }
    for encoding in encodings {
        let refused = Keyring::new().enrol("key", Scheme::Ed25519, &encoding);
        assert!(
            matches!(
                refused,
                Err(KeyError::SmallOrder | KeyError::Encoding(_) | KeyError::NotOnCurve)
            ),
            "{encoding:02x?}: {refused:?}"
        );
    }
}

#[test]
fn every_y_at_or_above_p_is_refused_as_non_canonical() {
    for low in 0xed..=0xff_u8 {
        for high in [0x7f, 0xff] {
            let mut encoding = [0xff; 32];
            (encoding[0], encoding[31]) = (low, high);
            assert!(matches!(
                Keyring::new().enrol("key", Scheme::Ed25519, &encoding),
                Err(KeyError::Encoding(_))
            ));
        }
    }
}

#[test]
fn an_r_that_is_not_canonical_is_refused() {
    // y = 1 + p encodes the identity again; k is taken over these very bytes.
    let mut rng = Rng(3);
    let (a, public) = key(&mut rng);
    let public = public.compress().to_bytes();
    let mut r = [0xff; 32];
    (r[0], r[31]) = (0xee, 0x7f);
    let s = challenge(&r, &public, b"m") * a;
    assert_eq!(
        verdict(&public, b"m", &[r, s.to_bytes()].concat()),
        Verdict::Invalid
    );
}

#[test]
fn a_wrong_length_is_malformed() {
    let mut rng = Rng(4);
    let (_, public) = key(&mut rng);
    for length in [0, 1, 63, 65, 128] {
        assert_eq!(
            verdict(&public.compress().to_bytes(), b"m", &rng.bytes(length)),
            Verdict::Malformed
        );
    }
    for length in [0, 31, 33, 64] {
        assert_eq!(
            Keyring::new().enrol("key", Scheme::Ed25519, &rng.bytes(length)),
            Err(KeyError::Length)
        );
    }
}
