//! The ring: versions, snapshots, order, unknown keys, places outside the buffer; and the text forms and ids of keys.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr
)]

mod common;

use common::{Rng, Signer};
use custody_crypto::{
    KeyError, Keyring, PackedItem, Scheme, Span, Verdict, key_id, parse_public_key,
};
use proptest::prelude::*;

fn ed25519(seed: u64) -> Signer {
    Signer::all(&mut Rng(seed)).swap_remove(0)
}

#[test]
fn every_change_raises_the_version_and_a_refused_one_does_not() {
    let mut ring = Keyring::new();
    assert_eq!((ring.version(), ring.is_empty()), (0, true));
    let key = ed25519(1).public_key();
    ring.enrol("a", Scheme::Ed25519, &key).unwrap();
    assert_eq!(ring.version(), 1);
    assert_eq!(
        ring.enrol("a", Scheme::Ed25519, &key),
        Err(KeyError::AlreadyEnrolled)
    );
    assert_eq!(
        ring.enrol("b", Scheme::Ed25519, &[1; 5]),
        Err(KeyError::Length)
    );
    assert_eq!(ring.enrol("", Scheme::Ed25519, &key), Err(KeyError::KeyId));
    assert_eq!(
        ring.enrol(&"x".repeat(129), Scheme::Ed25519, &key),
        Err(KeyError::KeyId)
    );
    assert_eq!(ring.revoke("b"), Err(KeyError::NotEnrolled));
    assert_eq!((ring.version(), ring.len()), (1, 1));
    ring.revoke("a").unwrap();
    assert_eq!((ring.version(), ring.contains("a")), (2, false));
}

#[test]
fn a_second_key_never_replaces_the_first_under_its_id() {
    let (first, second) = (ed25519(1), ed25519(2));
    let mut ring = Keyring::new();
    ring.enrol("a", Scheme::Ed25519, &first.public_key())
        .unwrap();
    assert!(
        ring.enrol("a", Scheme::Ed25519, &second.public_key())
            .is_err()
    );
    assert_eq!(ring.verify("a", b"m", &second.sign(b"m")), Verdict::Invalid);
    assert_eq!(ring.verify("a", b"m", &first.sign(b"m")), Verdict::Valid);
}

#[test]
fn a_snapshot_keeps_its_keys_and_its_version() {
    let signer = ed25519(1);
    let mut ring = Keyring::new();
    ring.enrol("a", Scheme::Ed25519, &signer.public_key())
        .unwrap();
    let snapshot = ring.clone();
    ring.revoke("a").unwrap();
    let signature = signer.sign(b"m");
    assert_eq!(snapshot.verify("a", b"m", &signature), Verdict::Valid);
    assert_eq!(ring.verify("a", b"m", &signature), Verdict::UnknownKey);
    assert!(
        snapshot.version() < ring.version(),
        "so the verdict is known to be old"
    );
}

#[test]
fn an_unknown_key_is_told_before_anything_about_the_signature() {
    assert_eq!(Keyring::new().verify("a", b"m", b""), Verdict::UnknownKey);
    assert!(Keyring::new().verify_batch::<&str>(&[]).is_empty());
}

#[test]
fn a_place_outside_the_buffer_is_malformed_and_disturbs_no_other() {
    let signer = ed25519(1);
    let mut ring = Keyring::new();
    ring.enrol("a", Scheme::Ed25519, &signer.public_key())
        .unwrap();
    let buffer = [b"am".to_vec(), signer.sign(b"m")].concat();
    let good = PackedItem {
        key_id: Span { offset: 0, len: 1 },
        message: Span { offset: 1, len: 1 },
        signature: Span { offset: 2, len: 64 },
    };
    let outside = [
        Span { offset: 3, len: 64 },
        Span {
            offset: u32::MAX,
            len: u32::MAX,
        },
        Span { offset: 67, len: 0 },
    ];
    let mut verdicts = Vec::new();
    for span in outside {
        let bad = [
            PackedItem {
                signature: span,
                ..good
            },
            PackedItem {
                message: span,
                ..good
            },
            PackedItem {
                key_id: span,
                ..good
            },
        ];
        ring.verify_packed(
            &buffer,
            &[good, bad[0], good, bad[1], bad[2], good],
            &mut verdicts,
        );
        use Verdict::{Malformed, Valid};
        assert_eq!(
            verdicts,
            [Valid, Malformed, Valid, Malformed, Malformed, Valid]
        );
    }
}

#[test]
fn ids_are_those_that_ssh_keygen_prints() {
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAJhjjQDiqUDfloOBF4rif9ECTe9V2eF9QVKhl1yHJW ada@example";
    let expected = "SHA256:La6MMIn+7SGRzNIj48LuQqZq052cNFCdJkEjCafwrH4";
    for scheme in [Scheme::Ed25519, Scheme::Sshsig] {
        let key = parse_public_key(scheme, line).unwrap();
        assert_eq!(key_id(scheme, &key).unwrap(), expected);
    }
    let line = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCaSwJrBognavCPPbHKiaK9t5iv+hlEvkfEoQfLMmrWuJFCewp9xHpYcfmzu1l/zB/IZhFqib7cJDJtzBL0u9E0=";
    let key = parse_public_key(Scheme::EcdsaP256Sha256, line).unwrap();
    assert_eq!(key.len(), 33);
    let expected = "SHA256:XHBfyGbA9f3XzU1ThoBR9uAPXzx9myTOHlWkmUprit0";
    assert_eq!(key_id(Scheme::EcdsaP256Sha256, &key).unwrap(), expected);
    assert_eq!(
        parse_public_key(Scheme::EcdsaP256Sha256, &hex::encode(&key)).unwrap(),
        key
    );
}

#[test]
fn one_key_has_one_id_in_both_encodings() {
    use sha2::Digest as _;
    let secret = secp256k1::SecretKey::from_byte_array([7; 32]).unwrap();
    let point = secret.public_key(secp256k1::SECP256K1);
    let expected = hex::encode(sha2::Sha256::digest(point.serialize()));
    for scheme in [Scheme::EcdsaSecp256k1Sha256, Scheme::Ethereum] {
        assert_eq!(key_id(scheme, &point.serialize()).unwrap(), expected);
        assert_eq!(
            key_id(scheme, &point.serialize_uncompressed()).unwrap(),
            expected
        );
    }
    let generator = Signer::P256(Box::new(
        aws_lc_rs::signature::EcdsaKeyPair::generate(
            &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        )
        .unwrap(),
    ));
    let point = generator.public_key();
    let compressed = [&[2 | (point[64] & 1)], &point[1..33]].concat();
    let scheme = Scheme::EcdsaP256Sha256;
    assert_eq!(
        key_id(scheme, &point).unwrap(),
        key_id(scheme, &compressed).unwrap()
    );
}

#[test]
fn ethereum_addresses_are_read_with_their_checksum() {
    let right = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    let read = |text: &str| parse_public_key(Scheme::Ethereum, text);
    assert_eq!(hex::encode(read(right).unwrap()), right[2..].to_lowercase());
    assert!(read(&right.to_lowercase()).is_ok());
    assert!(
        read(&right.replace("0x5aA", "0x5aa")).is_err(),
        "a wrong checksum"
    );
    assert!(read(&right[2..]).is_err(), "no 0x");
    assert!(read(&right[..41]).is_err());
    assert!(read(&format!("0x{}", "0".repeat(40))).is_err());
    // The address of the secret key 1, as every wallet knows it.
    let mut one = [0; 32];
    one[31] = 1;
    let signer = Signer::Ethereum(secp256k1::SecretKey::from_byte_array(one).unwrap());
    let address = read("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf").unwrap();
    let mut ring = Keyring::new();
    ring.enrol("one", Scheme::Ethereum, &address).unwrap();
    assert_eq!(
        ring.verify("one", &[3; 32], &signer.sign(&[3; 32])),
        Verdict::Valid
    );
}

#[test]
fn other_text_forms_are_refused() {
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAJhjjQDiqUDfloOBF4rif9ECTe9V2eF9QVKhl1yHJW";
    assert!(parse_public_key(Scheme::Sshsig, &format!("{line}\n")).is_ok());
    for text in [
        line.replace("ssh-ed25519 ", "ssh-rsa "),
        line.replace("ssh-ed25519 ", "ssh-ed25519  "),
        format!("restrict {line}"),
        format!("{line}\n{line}"),
        line.replace("AAAAC3", "AAAAC4"),
        format!("{line}=="),
        line[..line.len() - 1].to_owned(),
        "ssh-ed25519".to_owned(),
        format!("{line} {}", "x".repeat(3000)),
        String::new(),
    ] {
        assert!(parse_public_key(Scheme::Sshsig, &text).is_err(), "{text}");
        assert!(parse_public_key(Scheme::Ed25519, &text).is_err(), "{text}");
    }
    let hex = hex::encode(ed25519(1).public_key());
    assert!(parse_public_key(Scheme::Ed25519, &hex).is_ok());
    for text in [
        format!("0x{hex}"),
        hex[1..].to_owned(),
        format!("{hex}00"),
        format!("{hex} "),
    ] {
        assert!(parse_public_key(Scheme::Ed25519, &text).is_err(), "{text}");
    }
}

#[test]
fn names_are_exact() {
    for scheme in Scheme::ALL {
        assert_eq!(Scheme::from_name(scheme.name()), Some(scheme));
    }
    for name in ["", "Ed25519", "ed25519 ", "none"] {
        assert_eq!(Scheme::from_name(name), None);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_any_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in ".{0,200}",
    ) {
        let mut rng = Rng(1);
        for signer in Signer::all(&mut rng) {
            let scheme = signer.scheme();
            let _ = Keyring::new().enrol("key", scheme, &bytes);
            let _ = parse_public_key(scheme, &text);
            let mut ring = Keyring::new();
            ring.enrol("key", scheme, &signer.public_key()).unwrap();
            prop_assert!(!ring.verify("key", &bytes, &bytes).is_valid());
        }
        let _ = custody_crypto::ecdsa_from_der(&bytes);
    }
}
