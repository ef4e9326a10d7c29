//! ECDSA on both curves, BIP 340 and Ethereum: ranges, twins, lengths, keys that are no keys.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr
)]

mod common;

use common::{N_P256, N_SECP256K1, Rng, Signer, with_negated_s};
use custody_crypto::{KeyError, Keyring, Scheme, Verdict};

fn signer(scheme: Scheme, seed: u64) -> (Signer, Keyring) {
    let signer = Signer::all(&mut Rng(seed))
        .into_iter()
        .find(|signer| signer.scheme() == scheme)
        .unwrap();
    let mut ring = Keyring::new();
    ring.enrol("key", scheme, &signer.public_key()).unwrap();
    (signer, ring)
}

const ECDSA: [(Scheme, &str); 3] = [
    (Scheme::EcdsaSecp256k1Sha256, N_SECP256K1),
    (Scheme::EcdsaP256Sha256, N_P256),
    (Scheme::Ethereum, N_SECP256K1),
];

#[test]
fn r_or_s_of_zero_or_the_order_or_above_is_refused() {
    let ones = "f".repeat(64);
    for (scheme, order) in ECDSA {
        let (signer, ring) = signer(scheme, 1);
        let message = [7; 32];
        let signature = signer.sign(&message);
        assert_eq!(ring.verify("key", &message, &signature), Verdict::Valid);
        for value in [&"0".repeat(64)[..], order, &ones] {
            for at in [0..32, 32..64, 0..64] {
                let mut bad = signature.clone();
                for half in at.step_by(32) {
                    bad[half..half + 32].copy_from_slice(&hex::decode(value).unwrap());
                }
                assert_eq!(
                    ring.verify("key", &message, &bad),
                    Verdict::Invalid,
                    "{scheme:?} {value}"
                );
            }
        }
    }
}

#[test]
fn the_twin_with_high_s_is_refused_on_secp256k1_and_taken_on_p256() {
    for (scheme, order) in ECDSA {
        let (signer, ring) = signer(scheme, 2);
        for byte in 0..20 {
            let message = [byte; 32];
            let mut twin = with_negated_s(&signer.sign(&message), order);
            if let Some(v) = twin.get_mut(64) {
                *v ^= 1;
            }
            let expected = if scheme == Scheme::EcdsaP256Sha256 {
                Verdict::Valid
            } else {
                Verdict::Invalid
            };
            assert_eq!(ring.verify("key", &message, &twin), expected, "{scheme:?}");
        }
    }
}

#[test]
fn a_wrong_length_is_malformed_even_when_a_valid_signature_leads() {
    for scheme in [
        Scheme::EcdsaSecp256k1Sha256,
        Scheme::EcdsaP256Sha256,
        Scheme::Ethereum,
        Scheme::Bip340,
    ] {
        let (signer, ring) = signer(scheme, 3);
        let message = [9; 32];
        let signature = signer.sign(&message);
        let longer = [&signature[..], &[0]].concat();
        for bad in [&signature[..signature.len() - 1], &longer, &[]] {
            assert_eq!(
                ring.verify("key", &message, bad),
                Verdict::Malformed,
                "{scheme:?}"
            );
        }
    }
}

#[test]
fn ethereum_takes_a_32_byte_digest_alone() {
    let (signer, ring) = signer(Scheme::Ethereum, 4);
    let signature = signer.sign(&[5; 32]);
    for length in [0, 31, 33, 64] {
        assert_eq!(
            ring.verify("key", &vec![5; length], &signature),
            Verdict::Malformed
        );
    }
}

#[test]
fn ethereum_v_is_one_of_four_and_names_the_right_key() {
    let (signer, ring) = signer(Scheme::Ethereum, 5);
    let mut seen = [false; 2];
    for byte in 0..16 {
        let message = [byte; 32];
        let signature = signer.sign(&message);
        let right = signature[64];
        seen[usize::from(right)] = true;
        for v in 0..=255_u8 {
            let mut bent = signature.clone();
            bent[64] = v;
            let expected = v == right || v == right + 27;
            let got = ring.verify("key", &message, &bent);
            assert_eq!(got == Verdict::Valid, expected, "v = {v}");
        }
    }
    assert_eq!(seen, [true; 2]);
}

#[test]
fn ethereum_by_public_key_is_as_strict_as_by_address() {
    let (signer, by_address) = signer(Scheme::Ethereum, 6);
    let Signer::Ethereum(secret) = &signer else {
        panic!()
    };
    let point = secret.public_key(secp256k1::SECP256K1);
    for public_key in [&point.serialize()[..], &point.serialize_uncompressed()] {
        let mut ring = Keyring::new();
        ring.enrol("key", Scheme::Ethereum, public_key).unwrap();
        for byte in 0..10 {
            let message = [byte; 32];
            let mut signature = signer.sign(&message);
            assert_eq!(ring.verify("key", &message, &signature), Verdict::Valid);
            assert_eq!(
                by_address.verify("key", &message, &signature),
                Verdict::Valid
            );
            signature[64] ^= 1;
            assert_eq!(ring.verify("key", &message, &signature), Verdict::Invalid);
            assert_eq!(
                by_address.verify("key", &message, &signature),
                Verdict::Invalid
            );
        }
    }
}

#[test]
fn the_hash_is_not_taken_for_the_message() {
    use sha2::Digest as _;
    for scheme in [Scheme::EcdsaSecp256k1Sha256, Scheme::EcdsaP256Sha256] {
        let (signer, ring) = signer(scheme, 7);
        let digest = sha2::Sha256::digest(b"message");
        assert_eq!(
            ring.verify("key", &digest, &signer.sign(b"message")),
            Verdict::Invalid
        );
    }
}

#[test]
fn keys_that_are_no_points_are_refused() {
    let p_k1 = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
    let p_r1 = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    let five = format!("{}5", "0".repeat(63));
    let zero = "0".repeat(64);
    // x = 5 is on neither secp256k1 nor a lawful encoding when it is p or above.
    for (scheme, key) in [
        (Scheme::EcdsaSecp256k1Sha256, format!("02{five}")),
        (Scheme::EcdsaSecp256k1Sha256, format!("02{p_k1}")),
        (Scheme::EcdsaSecp256k1Sha256, format!("04{zero}{zero}")),
        (Scheme::EcdsaSecp256k1Sha256, format!("04{five}{five}")),
        (Scheme::EcdsaP256Sha256, format!("02{p_r1}")),
        (Scheme::EcdsaP256Sha256, format!("04{zero}{zero}")),
        (Scheme::EcdsaP256Sha256, format!("04{five}{five}")),
        (Scheme::Bip340, five.clone()),
        (Scheme::Bip340, p_k1.to_owned()),
        (Scheme::Bip340, zero.clone()),
        (Scheme::Ethereum, format!("02{five}")),
    ] {
        assert_eq!(
            Keyring::new().enrol("key", scheme, &hex::decode(&key).unwrap()),
            Err(KeyError::NotOnCurve),
            "{scheme:?} {key}"
        );
    }
    assert!(matches!(
        Keyring::new().enrol("key", Scheme::Ethereum, &[0; 20]),
        Err(KeyError::Encoding(_))
    ));
}

#[test]
fn identity_hybrid_and_der_forms_of_a_key_are_refused() {
    for scheme in [
        Scheme::EcdsaSecp256k1Sha256,
        Scheme::EcdsaP256Sha256,
        Scheme::Ethereum,
    ] {
        assert_eq!(
            Keyring::new().enrol("key", scheme, &[0]),
            Err(KeyError::Length)
        );
    }
    let (signer, _) = signer(Scheme::EcdsaP256Sha256, 8);
    let point = signer.public_key();
    let mut hybrid = point.clone();
    hybrid[0] = 6 | (point[64] & 1);
    assert!(matches!(
        Keyring::new().enrol("key", Scheme::EcdsaP256Sha256, &hybrid),
        Err(KeyError::Encoding(_))
    ));
    let spki = [
        &hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap()[..],
        &point,
    ]
    .concat();
    assert_eq!(
        Keyring::new().enrol("key", Scheme::EcdsaP256Sha256, &spki),
        Err(KeyError::Length)
    );
}
