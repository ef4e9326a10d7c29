//! SSHSIG: every field bent once, re-signed where the attacker could; nothing but the one lawful form passes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr
)]

mod common;

use common::{Rng, Sshsig, sk_blob, ssh_blob, string};
use custody_crypto::{KeyError, Keyring, Scheme, Verdict};
use ed25519_dalek::SigningKey;

const MESSAGE: &[u8] = b"an approval's exact bytes";

fn key(seed: u64) -> SigningKey {
    SigningKey::from_bytes(&Rng(seed).seed())
}

fn verdict(blob: &[u8], signature: &[u8]) -> Verdict {
    let mut ring = Keyring::new();
    ring.enrol("key", Scheme::Sshsig, blob).unwrap();
    ring.verify("key", MESSAGE, signature)
}

fn plain(namespace: &[u8], reserved: &[u8], hash: &str) -> Verdict {
    let key = key(1);
    verdict(
        &ssh_blob(&key),
        &Sshsig::signed(&key, MESSAGE, namespace, reserved, hash, None).build(),
    )
}

#[test]
fn a_lawful_signature_is_valid() {
    assert_eq!(plain(b"custody/v1", b"", "sha512"), Verdict::Valid);
    let key = key(1);
    let signature = Sshsig::touched(&key, MESSAGE, 0x01).build();
    assert_eq!(verdict(&sk_blob(&key, b"ssh:"), &signature), Verdict::Valid);
    let verified_user = Sshsig::touched(&key, MESSAGE, 0x05).build();
    assert_eq!(
        verdict(&sk_blob(&key, b"ssh:"), &verified_user),
        Verdict::Valid
    );
}

#[test]
fn a_signature_for_another_namespace_is_refused() {
    for namespace in [
        &b"git"[..],
        b"file",
        b"",
        b"custody/v2",
        b"custody/v1\0",
        b"custody/v",
        b"Custody/v1",
    ] {
        assert_eq!(plain(namespace, b"", "sha512"), Verdict::Invalid);
    }
}

#[test]
fn a_filled_reserved_field_is_refused() {
    assert_eq!(plain(b"custody/v1", b"x", "sha512"), Verdict::Invalid);
}

#[test]
fn another_hash_is_refused() {
    assert_eq!(plain(b"custody/v1", b"", "sha256"), Verdict::Invalid);
    assert_eq!(plain(b"custody/v1", b"", "SHA512"), Verdict::Invalid);
}

#[test]
fn a_security_key_without_touch_is_refused() {
    let key = key(1);
    for flags in [0x00, 0x04, 0xfe] {
        let signature = Sshsig::touched(&key, MESSAGE, flags).build();
        assert_eq!(
            verdict(&sk_blob(&key, b"ssh:"), &signature),
            Verdict::Invalid
        );
    }
}

#[test]
fn a_touch_claimed_after_signing_is_refused() {
    let key = key(1);
    let mut envelope = Sshsig::touched(&key, MESSAGE, 0x00);
    let flags = envelope.signature.len() - 5;
    assert_eq!(envelope.signature[flags], 0x00);
    envelope.signature[flags] = 0x01;
    assert_eq!(
        verdict(&sk_blob(&key, b"ssh:"), &envelope.build()),
        Verdict::Invalid
    );
}

#[test]
fn a_security_keys_point_used_as_a_plain_key_is_refused() {
    let key = key(1);
    // The same point, enrolled as a security key; the signature as a plain key would make it, without touch.
    let bare = Sshsig::plain(&key, MESSAGE);
    assert_eq!(
        verdict(&sk_blob(&key, b"ssh:"), &bare.build()),
        Verdict::Invalid
    );
    let mut dressed = bare;
    dressed.public_key = sk_blob(&key, b"ssh:");
    assert_ne!(
        verdict(&sk_blob(&key, b"ssh:"), &dressed.build()),
        Verdict::Valid
    );
}

#[test]
fn a_signature_made_for_another_application_is_refused() {
    let key = key(1);
    let mut envelope = Sshsig::touched(&key, MESSAGE, 0x01);
    envelope.public_key = sk_blob(&key, b"ssh:other");
    assert_eq!(
        verdict(&sk_blob(&key, b"ssh:other"), &envelope.build()),
        Verdict::Invalid
    );
}

#[test]
fn another_embedded_key_is_refused_whoever_signed() {
    let (mine, other) = (key(1), key(2));
    let mut envelope = Sshsig::plain(&other, MESSAGE);
    assert_eq!(
        verdict(&ssh_blob(&mine), &envelope.build()),
        Verdict::Invalid
    );
    envelope.public_key = ssh_blob(&mine);
    assert_eq!(
        verdict(&ssh_blob(&mine), &envelope.build()),
        Verdict::Invalid
    );
    let mut swapped = Sshsig::plain(&mine, MESSAGE);
    swapped.public_key = ssh_blob(&other);
    assert_eq!(
        verdict(&ssh_blob(&mine), &swapped.build()),
        Verdict::Invalid
    );
}

#[test]
fn another_version_or_magic_is_refused() {
    let key = key(1);
    for version in [0, 2, u32::MAX] {
        let mut envelope = Sshsig::plain(&key, MESSAGE);
        envelope.version = version;
        assert_eq!(
            verdict(&ssh_blob(&key), &envelope.build()),
            Verdict::Invalid
        );
    }
    let mut envelope = Sshsig::plain(&key, MESSAGE);
    envelope.magic = b"SSHSIH".to_vec();
    assert_eq!(
        verdict(&ssh_blob(&key), &envelope.build()),
        Verdict::Malformed
    );
}

#[test]
fn trailing_bytes_are_refused_at_both_depths() {
    let key = key(1);
    let mut outer = Sshsig::plain(&key, MESSAGE).build();
    outer.push(0);
    assert_eq!(verdict(&ssh_blob(&key), &outer), Verdict::Malformed);
    let mut envelope = Sshsig::plain(&key, MESSAGE);
    envelope.signature.push(0);
    assert_eq!(
        verdict(&ssh_blob(&key), &envelope.build()),
        Verdict::Malformed
    );
    let mut touched = Sshsig::touched(&key, MESSAGE, 0x01);
    touched.signature.push(0);
    assert_eq!(
        verdict(&sk_blob(&key, b"ssh:"), &touched.build()),
        Verdict::Malformed
    );
}

#[test]
fn every_truncation_is_malformed() {
    let key = key(1);
    for (blob, signature) in [
        (ssh_blob(&key), Sshsig::plain(&key, MESSAGE).build()),
        (
            sk_blob(&key, b"ssh:"),
            Sshsig::touched(&key, MESSAGE, 0x01).build(),
        ),
    ] {
        for length in 0..signature.len() {
            assert_eq!(verdict(&blob, &signature[..length]), Verdict::Malformed);
        }
    }
}

#[test]
fn an_inner_signature_of_another_type_or_length_is_refused() {
    let key = key(1);
    for kind in [&b"sk-ssh-ed25519@openssh.com"[..], b"ssh-rsa", b""] {
        let mut envelope = Sshsig::plain(&key, MESSAGE);
        let (_, inner) = envelope.signature.split_at(4 + 11);
        envelope.signature = [string(kind), inner.to_vec()].concat();
        assert_eq!(
            verdict(&ssh_blob(&key), &envelope.build()),
            Verdict::Invalid
        );
    }
    let mut envelope = Sshsig::plain(&key, MESSAGE);
    envelope.signature = [string(b"ssh-ed25519"), string(&[1; 63])].concat();
    assert_eq!(
        verdict(&ssh_blob(&key), &envelope.build()),
        Verdict::Malformed
    );
}

#[test]
fn certificates_other_types_and_other_applications_are_not_enrolled() {
    let point = *key(1).verifying_key().as_bytes();
    let certificate = [string(b"ssh-ed25519-cert-v01@openssh.com"), string(&point)].concat();
    let rsa = [string(b"ssh-rsa"), string(&[1, 0, 1]), string(&point)].concat();
    let p256 = [
        string(b"ecdsa-sha2-nistp256"),
        string(b"nistp256"),
        string(&[4; 65]),
    ]
    .concat();
    for blob in [certificate, rsa, p256] {
        assert_eq!(
            Keyring::new().enrol("key", Scheme::Sshsig, &blob),
            Err(KeyError::KeyType)
        );
    }
    let web = sk_blob(&key(1), b"https://example.org");
    let empty = sk_blob(&key(1), b"");
    let trailing = [ssh_blob(&key(1)), vec![0]].concat();
    for blob in [web, empty, trailing, Vec::new()] {
        assert!(matches!(
            Keyring::new().enrol("key", Scheme::Sshsig, &blob),
            Err(KeyError::Encoding(_))
        ));
    }
    let short = [string(b"ssh-ed25519"), string(&point[1..])].concat();
    assert_eq!(
        Keyring::new().enrol("key", Scheme::Sshsig, &short),
        Err(KeyError::Length)
    );
    let identity = [
        string(b"ssh-ed25519"),
        string(&[&[1_u8][..], &[0; 31]].concat()),
    ]
    .concat();
    assert_eq!(
        Keyring::new().enrol("key", Scheme::Sshsig, &identity),
        Err(KeyError::SmallOrder)
    );
}
