//! SSHSIG blobs, raw or with fields rewritten and signed anew: never a panic, one verdict by batch and single, and valid
//! only where the blob is, byte for byte, what a lawful signer writes around its signature.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use common::{Sshsig, sk_blob, ssh_blob, string};
use custody_crypto::{Backend, Keyring, Scheme, Verdict};
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Change {
    Magic(Vec<u8>),
    Version(u32),
    PublicKey(Vec<u8>),
    Namespace(Vec<u8>),
    Reserved(Vec<u8>),
    Hash(Vec<u8>),
    Signature(Vec<u8>),
    /// Of the whole blob.
    Flip(u16),
    Cut(u16),
    Append(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Input {
    Raw {
        touched: bool,
        message: Vec<u8>,
        blob: Vec<u8>,
    },
    Signed {
        message: Vec<u8>,
        namespace: Option<Vec<u8>>,
        reserved: Vec<u8>,
        sha256: bool,
        flags: Option<u8>,
        under_the_other_key: bool,
        changes: Vec<Change>,
    },
}

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[7; 32]));

static RINGS: LazyLock<Vec<Keyring>> = LazyLock::new(|| {
    let ring = |backend: &Backend| {
        let mut ring = Keyring::with_backend(*backend);
        ring.enrol("plain", Scheme::Sshsig, &ssh_blob(&KEY))
            .unwrap();
        ring.enrol("touched", Scheme::Sshsig, &sk_blob(&KEY, b"ssh:"))
            .unwrap();
        ring
    };
    Backend::available().iter().map(ring).collect()
});

/// Whether the blob is the template of this key around 64 bytes (and flags with user presence, and a counter).
fn is_lawful(id: &str, blob: &[u8]) -> bool {
    let (key, kind, after) = if id == "plain" {
        (ssh_blob(&KEY), string(b"ssh-ed25519"), 0)
    } else {
        let kind = string(b"sk-ssh-ed25519@openssh.com");
        (sk_blob(&KEY, b"ssh:"), kind, 5)
    };
    let Some(start) = blob.len().checked_sub(64 + after) else {
        return false;
    };
    let (signature, after) = blob[start..].split_at(64);
    let inner = [kind, string(signature), after.to_vec()].concat();
    let template = [
        b"SSHSIG\x00\x00\x00\x01".to_vec(),
        string(&key),
        string(b"custody/v1"),
        string(b""),
        string(b"sha512"),
        string(&inner),
    ];
    template.concat() == blob && after.first().is_none_or(|flags| flags & 1 == 1)
}

fuzz_target!(|input: Input| {
    let (id, message, blob) = match input {
        Input::Raw {
            touched,
            message,
            blob,
        } => (if touched { "touched" } else { "plain" }, message, blob),
        Input::Signed {
            message,
            namespace,
            reserved,
            sha256,
            flags,
            under_the_other_key,
            changes,
        } => {
            let namespace = namespace.unwrap_or_else(|| b"custody/v1".to_vec());
            let hash = if sha256 { "sha256" } else { "sha512" };
            let mut envelope = Sshsig::signed(&KEY, &message, &namespace, &reserved, hash, flags);
            for change in &changes {
                match change {
                    Change::Magic(bytes) => envelope.magic.clone_from(bytes),
                    Change::Version(version) => envelope.version = *version,
                    Change::PublicKey(bytes) => envelope.public_key.clone_from(bytes),
                    Change::Namespace(bytes) => envelope.namespace.clone_from(bytes),
                    Change::Reserved(bytes) => envelope.reserved.clone_from(bytes),
                    Change::Hash(bytes) => envelope.hash.clone_from(bytes),
                    Change::Signature(bytes) => envelope.signature.clone_from(bytes),
                    Change::Flip(_) | Change::Cut(_) | Change::Append(_) => {}
                }
            }
            let mut blob = envelope.build();
            for change in changes {
                match change {
                    Change::Flip(bit) if !blob.is_empty() => {
                        let bit = usize::from(bit) % (blob.len() * 8);
                        blob[bit / 8] ^= 1 << (bit % 8);
                    }
                    Change::Cut(length) => blob.truncate(usize::from(length)),
                    Change::Append(bytes) => blob.extend(bytes),
                    _ => {}
                }
            }
            let id = if flags.is_some() == under_the_other_key {
                "plain"
            } else {
                "touched"
            };
            (id, message, blob)
        }
    };
    for ring in &*RINGS {
        let single = ring.verify(id, &message, &blob);
        let batch = ring.verify_batch(&[(id, &message[..], &blob[..]); 2]);
        assert_eq!(
            batch,
            [single; 2],
            "{} {id} {blob:02x?}",
            ring.backend().name()
        );
        if single == Verdict::Valid {
            assert!(is_lawful(id, &blob), "{id} {blob:02x?}");
        }
    }
});
