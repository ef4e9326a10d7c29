//! The schemes' rules once more, on the libraries directly: no line of the crate under test is called here.
//!
//! Where two libraries exist both are asked: libsecp256k1 and AWS-LC for ECDSA over secp256k1, ed25519-dalek and AWS-LC
//! for Ed25519. P-256 is AWS-LC's alone here; the Python tests hold it against OpenSSL.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256K1_SHA256_FIXED, ED25519, UnparsedPublicKey,
};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use custody_crypto::Scheme;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId, Signature};
use secp256k1::{Message, PublicKey, SECP256K1, XOnlyPublicKey};
use sha2::{Digest as _, Sha256, Sha512};
use sha3::Keccak256;

use crate::common::{N_SECP256K1, string, subtract};

/// Whether the signature is good for this key, which is one that can be enrolled.
pub fn accepts(scheme: Scheme, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match scheme {
        Scheme::Ed25519 => ed25519(key, message, signature),
        Scheme::EcdsaSecp256k1Sha256 => ecdsa_secp256k1(key, message, signature),
        Scheme::EcdsaP256Sha256 => {
            signature.len() == 64
                && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
                    .verify(message, signature)
                    .is_ok()
        }
        Scheme::Bip340 => bip340(key, message, signature),
        Scheme::Ethereum => ethereum(key, message, signature),
        Scheme::Sshsig => sshsig(key, message, signature),
    }
}

fn ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(bytes) = <[u8; 64]>::try_from(signature) else {
        return false;
    };
    let strict = ed25519_dalek::VerifyingKey::from_bytes(key.try_into().unwrap())
        .unwrap()
        .verify_strict(message, &ed25519_dalek::Signature::from_bytes(&bytes))
        .is_ok();
    // AWS-LC compares R's bytes as well, and refuses S >= L; what it does not know is small order.
    let plain = UnparsedPublicKey::new(&ED25519, key)
        .verify(message, signature)
        .is_ok();
    let r = CompressedEdwardsY(bytes[..32].try_into().unwrap());
    let small = r.decompress().is_some_and(|r| EIGHT_TORSION.contains(&r));
    assert_eq!(strict, plain && !small, "the libraries disagree");
    strict
}

/// n/2, rounded down: the highest low S.
pub fn is_low(s: &[u8]) -> bool {
    let n = hex::decode(N_SECP256K1).unwrap();
    // s <= n - s, for s <= n.
    s <= &n[..] && s <= &subtract(&n, s)[..]
}

fn ecdsa_secp256k1(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    if signature.len() != 64 {
        return false;
    }
    let digest = Message::from_digest(Sha256::digest(message).into());
    let point = PublicKey::from_slice(key).unwrap();
    let libsecp = Signature::from_compact(signature)
        .is_ok_and(|signature| SECP256K1.verify_ecdsa(digest, &signature, &point).is_ok());
    let aws = UnparsedPublicKey::new(&ECDSA_P256K1_SHA256_FIXED, key)
        .verify(message, signature)
        .is_ok();
    assert_eq!(
        libsecp,
        aws && is_low(&signature[32..]),
        "the libraries disagree"
    );
    libsecp
}

fn bip340(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(bytes) = <[u8; 64]>::try_from(signature) else {
        return false;
    };
    let point = XOnlyPublicKey::from_byte_array(key.try_into().unwrap()).unwrap();
    SECP256K1
        .verify_schnorr(
            &secp256k1::schnorr::Signature::from_byte_array(bytes),
            message,
            &point,
        )
        .is_ok()
}

fn ethereum(key: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let (Ok(digest), [compact @ .., v]) = (<[u8; 32]>::try_from(digest), signature) else {
        return false;
    };
    let id = match v {
        0 | 27 => RecoveryId::Zero,
        1 | 28 => RecoveryId::One,
        _ => return false,
    };
    if compact.len() != 64 || !is_low(&compact[32..]) {
        return false;
    }
    let Ok(recoverable) = RecoverableSignature::from_compact(compact, id) else {
        return false;
    };
    let Ok(point) = SECP256K1.recover_ecdsa(Message::from_digest(digest), &recoverable) else {
        return false;
    };
    let uncompressed = point.serialize_uncompressed();
    match key.len() {
        20 => Keccak256::digest(&uncompressed[1..])[12..] == *key,
        33 => point.serialize() == key,
        _ => uncompressed == key,
    }
}

/// An SSHSIG blob is one template around the signature (and a security key's flags and counter): compared whole.
fn sshsig(key: &[u8], message: &[u8], blob: &[u8]) -> bool {
    let plain_type = string(b"ssh-ed25519");
    let plain = key.starts_with(&plain_type);
    let kind = if plain {
        plain_type
    } else {
        string(b"sk-ssh-ed25519@openssh.com")
    };
    let point = &key[kind.len() + 4..kind.len() + 36];
    let tail = if plain { 0 } else { 5 };
    let Some(start) = blob.len().checked_sub(64 + tail) else {
        return false;
    };
    let (signature, tail) = blob[start..].split_at(64);
    let inner = [kind, string(signature), tail.to_vec()].concat();
    let template = [
        b"SSHSIG\x00\x00\x00\x01".to_vec(),
        string(key),
        string(b"custody/v1"),
        string(b""),
        string(b"sha512"),
        string(&inner),
    ]
    .concat();
    if template != blob {
        return false;
    }
    let signed = [
        b"SSHSIG".to_vec(),
        string(b"custody/v1"),
        string(b""),
        string(b"sha512"),
        string(&Sha512::digest(message)),
    ]
    .concat();
    if plain {
        return ed25519(point, &signed, signature);
    }
    let application = &key[key.len() - 4..];
    assert_eq!(application, b"ssh:", "the tests' only application");
    let touched = tail[0] & 1 == 1;
    let authenticated = [
        &Sha256::digest(application)[..],
        tail,
        &Sha256::digest(&signed),
    ]
    .concat();
    touched && ed25519(point, &authenticated, signature)
}
