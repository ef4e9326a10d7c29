//! What an address learns and from whom, and who shares a table with whom.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::Barrier;

use ::secp256k1::{Message, Parity, SECP256K1, Scalar, SecretKey};
use sha3::{Digest as _, Keccak256};

use super::*;
use crate::fixed_base::Backend;
use crate::keyring::Keyring;
use crate::verify_one;

fn secret(number: u8) -> SecretKey {
    SecretKey::from_byte_array([number; 32]).unwrap()
}

fn address(key: &SecretKey) -> Vec<u8> {
    let point = key.public_key(SECP256K1).serialize_uncompressed();
    Keccak256::digest(&point[1..])[12..].to_vec()
}

fn sign(key: &SecretKey, digest: [u8; 32]) -> Vec<u8> {
    let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(digest), key);
    let (id, compact) = signature.serialize_compact();
    let mut bytes = compact.to_vec();
    bytes.push(u8::try_from(i32::from(id)).unwrap());
    bytes
}

/// The same signature with n − s and the other v: it recovers the same key, and breaks the rule of low S.
fn twin(signature: &[u8]) -> Vec<u8> {
    let s = SecretKey::from_byte_array(signature[32..64].try_into().unwrap()).unwrap();
    let mut bytes = signature.to_vec();
    bytes[32..64].copy_from_slice(&s.negate().secret_bytes());
    bytes[64] ^= 1;
    bytes
}

/// Items that must not teach an address anything, with their verdicts.
fn attacks(owner: &SecretKey, digest: [u8; 32]) -> Vec<(Vec<u8>, Vec<u8>, Verdict)> {
    let good = sign(owner, digest);
    let mut other_v = good.clone();
    other_v[64] ^= 1;
    let mut bad_v = good.clone();
    bad_v[64] = 2;
    let mut other_digest = digest;
    other_digest[0] ^= 1;
    let of_another = sign(&secret(9), digest);
    vec![
        (digest.to_vec(), of_another, Verdict::Invalid),
        (digest.to_vec(), twin(&good), Verdict::Invalid),
        (digest.to_vec(), other_v, Verdict::Invalid),
        (digest.to_vec(), bad_v, Verdict::Invalid),
        (digest.to_vec(), vec![0; 65], Verdict::Invalid),
        (digest.to_vec(), good[..64].to_vec(), Verdict::Malformed),
        (digest[..31].to_vec(), good.clone(), Verdict::Malformed),
        (other_digest.to_vec(), good, Verdict::Invalid),
    ]
}

#[test]
fn no_signature_but_a_valid_one_plants_a_point() {
    let (owner, digest) = (secret(5), [3; 32]);
    let key = Enrolled::new(Scheme::Ethereum, &address(&owner)).unwrap();
    let attacks = attacks(&owner, digest);
    for (message, signature, expected) in &attacks {
        assert_eq!(key.verify_and_learn(message, signature), *expected);
        assert!(!key.has_table(), "{signature:02x?} planted a point");
    }
    assert_eq!(
        key.verify_and_learn(&digest, &sign(&owner, digest)),
        Verdict::Valid
    );
    assert!(key.has_table());
    let Table::Learnt(place) = &key.table else {
        unreachable!("an address learns");
    };
    let own = tables::of_secp256k1(&owner.public_key(SECP256K1)).unwrap();
    assert!(Arc::ptr_eq(place.get().unwrap(), &own));
}

#[test]
fn the_single_verifier_learns_nothing() {
    let (owner, digest) = (secret(6), [4; 32]);
    let key = Enrolled::new(Scheme::Ethereum, &address(&owner)).unwrap();
    assert_eq!(
        key.verify_single(&digest, &sign(&owner, digest)),
        Verdict::Valid
    );
    assert!(!key.has_table());
}

#[test]
fn an_address_gives_the_same_verdicts_before_and_after_it_learnt() {
    for backend in Backend::available() {
        let (owner, digest) = (secret(7), [5; 32]);
        let mut ring = Keyring::with_backend(*backend);
        ring.enrol("a", Scheme::Ethereum, &address(&owner)).unwrap();
        let mut items = attacks(&owner, digest);
        let check = |items: &[(Vec<u8>, Vec<u8>, Verdict)]| {
            let batch = items
                .iter()
                .map(|(message, signature, _)| ("a", &message[..], &signature[..]))
                .collect::<Vec<_>>();
            let expected = items.iter().map(|item| item.2).collect::<Vec<_>>();
            assert_eq!(ring.verify_batch(&batch), expected);
        };
        check(&items);
        items.push((digest.to_vec(), sign(&owner, digest), Verdict::Valid));
        // In the middle of this batch it learns; in the next it knows.
        items.extend(attacks(&owner, digest));
        check(&items);
        check(&items);
    }
}

#[test]
fn threads_that_teach_at_once_leave_one_table() {
    let (owner, digest) = (secret(8), [6; 32]);
    let key = Enrolled::new(Scheme::Ethereum, &address(&owner)).unwrap();
    let signature = sign(&owner, digest);
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (key, barrier, signature) = (&key, &barrier, &signature);
            scope.spawn(move || {
                barrier.wait();
                for _ in 0..20 {
                    if number % 2 == 0 {
                        let verdict = key.verify_and_learn(&digest, signature);
                        assert_eq!(verdict, Verdict::Valid);
                    } else {
                        let bad = key.verify_and_learn(&digest, &[1; 65]);
                        assert_eq!(bad, Verdict::Invalid);
                    }
                }
            });
        }
    });
    assert!(key.has_table());
}

#[test]
fn one_point_has_one_table_whatever_the_scheme_or_ring() {
    let key = secret(11);
    let point = key.public_key(SECP256K1);
    let ecdsa = Enrolled::new(Scheme::EcdsaSecp256k1Sha256, &point.serialize()).unwrap();
    let full = point.serialize_uncompressed();
    let ethereum = Enrolled::new(Scheme::Ethereum, &full).unwrap();
    let (Table::Secp256k1(one), Table::Secp256k1(other)) = (&ecdsa.table, &ethereum.table) else {
        unreachable!("a point has its table at once");
    };
    assert!(Arc::ptr_eq(one, other));
}

#[test]
fn bip340_and_ecdsa_tables_differ_where_y_is_odd() {
    for number in 20..30 {
        let key = secret(number);
        let (x, parity) = key.x_only_public_key(SECP256K1);
        let point = key.public_key(SECP256K1).serialize();
        let ecdsa = Enrolled::new(Scheme::EcdsaSecp256k1Sha256, &point).unwrap();
        let bip340 = Enrolled::new(Scheme::Bip340, &x.serialize()).unwrap();
        let (Table::Secp256k1(one), Table::Secp256k1(other)) = (&ecdsa.table, &bip340.table) else {
            unreachable!("a point has its table at once");
        };
        let even = parity == Parity::Even;
        assert_eq!(Arc::ptr_eq(one, other), even, "key {number}");
    }
}

#[test]
fn verify_one_builds_no_table() {
    let key = secret(12).add_tweak(&Scalar::ONE).unwrap();
    let point = key.public_key(SECP256K1);
    let digest = [7; 32];
    let signature = sign(&key, digest);
    for public_key in [address(&key), point.serialize().to_vec()] {
        verify_one(Scheme::Ethereum, &public_key, &digest, &signature).unwrap();
        assert!(!tables::holds_secp256k1(&point));
    }
    let _held = Enrolled::new(Scheme::Ethereum, &point.serialize()).unwrap();
    assert!(tables::holds_secp256k1(&point), "the test would see one");
}

#[test]
fn every_scheme_but_p256_goes_to_its_engine() {
    let ed = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let ed_key = ed.verifying_key();
    let point = secret(13).public_key(SECP256K1).serialize();
    let blob = crate::ssh::ed25519_blob(ed_key.as_bytes());
    let x_only: &[u8] = &point[1..];
    let cases: [(Scheme, &[u8], usize, &str); 4] = [
        (Scheme::Ed25519, ed_key.as_bytes(), 64, "curve25519"),
        (Scheme::EcdsaSecp256k1Sha256, &point, 64, "secp256k1"),
        (Scheme::Bip340, x_only, 64, "secp256k1"),
        (Scheme::Ethereum, &point, 65, "secp256k1"),
    ];
    let of = |task: Task<'_>| match task {
        Task::Done(_) => "done",
        Task::Secp256k1(_) => "secp256k1",
        Task::Curve25519(_) => "curve25519",
        Task::Made(_) => "made",
        Task::Single => "single",
    };
    for (scheme, public_key, length, engine) in cases {
        let key = Enrolled::new(scheme, public_key).unwrap();
        let signature = vec![1; length];
        assert_eq!(of(key.task(&[0; 32], &signature)), engine, "{scheme:?}");
        for length in [0, length - 1, length + 1] {
            let signature = vec![1; length];
            assert_eq!(of(key.task(&[0; 32], &signature)), "done", "{scheme:?}");
        }
    }
    let ssh = Enrolled::new(Scheme::Sshsig, &blob).unwrap();
    let mut envelope = b"SSHSIG\0\0\0\x01".to_vec();
    let mut inner = Vec::new();
    crate::ssh::put_string(&mut inner, b"ssh-ed25519");
    crate::ssh::put_string(&mut inner, &[1; 64]);
    for field in [&blob[..], b"custody/v1", b"", b"sha512", &inner] {
        crate::ssh::put_string(&mut envelope, field);
    }
    assert_eq!(of(ssh.task(b"m", &envelope)), "made");
    assert_eq!(of(ssh.task(b"m", &[1; 64])), "done");
}
