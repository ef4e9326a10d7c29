//! Signers for the tests, one for each scheme, and a seeded generator: a failure names its seed and repeats.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use custody_crypto::Scheme;
use ed25519_dalek::{Signer as _, SigningKey};
use secp256k1::{Keypair, Message, SECP256K1, SecretKey};
use sha2::{Digest as _, Sha256, Sha512};

/// The order of secp256k1, big-endian.
pub const N_SECP256K1: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
/// The order of P-256, big-endian.
pub const N_P256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// splitmix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform enough below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    pub fn seed(&mut self) -> [u8; 32] {
        self.bytes(32).try_into().unwrap()
    }
}

/// A private key of one scheme.
pub enum Signer {
    Ed25519(SigningKey),
    Ecdsa(SecretKey),
    P256(Box<EcdsaKeyPair>),
    Bip340(Keypair),
    Ethereum(SecretKey),
    Ssh(SigningKey),
    SshSk(SigningKey),
}

impl Signer {
    pub fn all(rng: &mut Rng) -> Vec<Self> {
        vec![
            Self::Ed25519(SigningKey::from_bytes(&rng.seed())),
            Self::Ecdsa(SecretKey::from_byte_array(rng.seed()).unwrap()),
            Self::P256(Box::new(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            )),
            Self::Bip340(Keypair::from_seckey_byte_array(SECP256K1, rng.seed()).unwrap()),
            Self::Ethereum(SecretKey::from_byte_array(rng.seed()).unwrap()),
            Self::Ssh(SigningKey::from_bytes(&rng.seed())),
            Self::SshSk(SigningKey::from_bytes(&rng.seed())),
        ]
    }

    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Ed25519(_) => Scheme::Ed25519,
            Self::Ecdsa(_) => Scheme::EcdsaSecp256k1Sha256,
            Self::P256(_) => Scheme::EcdsaP256Sha256,
            Self::Bip340(_) => Scheme::Bip340,
            Self::Ethereum(_) => Scheme::Ethereum,
            Self::Ssh(_) | Self::SshSk(_) => Scheme::Sshsig,
        }
    }

    pub fn public_key(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            Self::Ecdsa(key) => key.public_key(SECP256K1).serialize().to_vec(),
            Self::P256(pair) => pair.public_key().as_ref().to_vec(),
            Self::Bip340(pair) => pair.x_only_public_key().0.serialize().to_vec(),
            Self::Ethereum(key) => {
                let point = key.public_key(SECP256K1).serialize_uncompressed();
                sha3::Keccak256::digest(&point[1..])[12..].to_vec()
            }
            Self::Ssh(key) => ssh_blob(key),
            Self::SshSk(key) => sk_blob(key, b"ssh:"),
        }
    }

    /// A message of a length that the scheme takes.
    pub fn message(&self, rng: &mut Rng) -> Vec<u8> {
        let length = if matches!(self, Self::Ethereum(_)) {
            32
        } else {
            rng.below(300)
        };
        rng.bytes(length)
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Self::Ecdsa(key) => {
                let digest = Message::from_digest(Sha256::digest(message).into());
                SECP256K1
                    .sign_ecdsa(digest, key)
                    .serialize_compact()
                    .to_vec()
            }
            Self::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .unwrap()
                .as_ref()
                .to_vec(),
            Self::Bip340(pair) => SECP256K1
                .sign_schnorr_no_aux_rand(message, pair)
                .to_byte_array()
                .to_vec(),
            Self::Ethereum(key) => {
                let digest = Message::from_digest(message.try_into().unwrap());
                let (id, compact) = SECP256K1
                    .sign_ecdsa_recoverable(digest, key)
                    .serialize_compact();
                let mut signature = compact.to_vec();
                signature.push(u8::try_from(i32::from(id)).unwrap());
                signature
            }
            Self::Ssh(key) => Sshsig::plain(key, message).build(),
            Self::SshSk(key) => Sshsig::touched(key, message, 0x01).build(),
        }
    }
}

/// SSH's string: u32 length and bytes.
pub fn string(field: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(field.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(field);
    out
}

pub fn ssh_blob(key: &SigningKey) -> Vec<u8> {
    [
        string(b"ssh-ed25519"),
        string(key.verifying_key().as_bytes()),
    ]
    .concat()
}

pub fn sk_blob(key: &SigningKey, application: &[u8]) -> Vec<u8> {
    [
        string(b"sk-ssh-ed25519@openssh.com"),
        string(key.verifying_key().as_bytes()),
        string(application),
    ]
    .concat()
}

/// The fields of an SSHSIG blob, to be bent before building.
#[derive(Clone)]
pub struct Sshsig {
    pub magic: Vec<u8>,
    pub version: u32,
    pub public_key: Vec<u8>,
    pub namespace: Vec<u8>,
    pub reserved: Vec<u8>,
    pub hash: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Sshsig {
    /// An envelope signed as it says: namespace, reserved and hash name go into the signed data as given.
    pub fn signed(
        key: &SigningKey,
        message: &[u8],
        namespace: &[u8],
        reserved: &[u8],
        hash: &str,
        flags: Option<u8>,
    ) -> Self {
        let digest = match hash {
            "sha256" => Sha256::digest(message).to_vec(),
            _ => Sha512::digest(message).to_vec(),
        };
        let data = [
            b"SSHSIG".to_vec(),
            string(namespace),
            string(reserved),
            string(hash.as_bytes()),
            string(&digest),
        ]
        .concat();
        let (public_key, signature) = match flags {
            None => {
                let signature =
                    [string(b"ssh-ed25519"), string(&key.sign(&data).to_bytes())].concat();
                (ssh_blob(key), signature)
            }
            Some(flags) => {
                let counter = 7_u32.to_be_bytes();
                let authenticated = [
                    Sha256::digest(b"ssh:").to_vec(),
                    vec![flags],
                    counter.to_vec(),
                    Sha256::digest(&data).to_vec(),
                ]
                .concat();
                let signature = [
                    string(b"sk-ssh-ed25519@openssh.com"),
                    string(&key.sign(&authenticated).to_bytes()),
                    vec![flags],
                    counter.to_vec(),
                ]
                .concat();
                (sk_blob(key, b"ssh:"), signature)
            }
        };
        Self {
            magic: b"SSHSIG".to_vec(),
            version: 1,
            public_key,
            namespace: namespace.to_vec(),
            reserved: reserved.to_vec(),
            hash: hash.as_bytes().to_vec(),
            signature,
        }
    }

    pub fn plain(key: &SigningKey, message: &[u8]) -> Self {
        Self::signed(key, message, b"custody/v1", b"", "sha512", None)
    }

    pub fn touched(key: &SigningKey, message: &[u8], flags: u8) -> Self {
        Self::signed(key, message, b"custody/v1", b"", "sha512", Some(flags))
    }

    pub fn build(&self) -> Vec<u8> {
        [
            self.magic.clone(),
            self.version.to_be_bytes().to_vec(),
            string(&self.public_key),
            string(&self.namespace),
            string(&self.reserved),
            string(&self.hash),
            string(&self.signature),
        ]
        .concat()
    }
}

/// `a - b` for big-endian 32-byte numbers, a >= b.
pub fn subtract(a: &[u8], b: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let mut borrow = 0_i16;
    for i in (0..32).rev() {
        let mut digit = i16::from(a[i]) - i16::from(b[i]) - borrow;
        borrow = i16::from(digit < 0);
        digit += 256 * borrow;
        out[i] = u8::try_from(digit).unwrap();
    }
    assert_eq!(borrow, 0);
    out
}

/// The signature with s replaced by n - s.
pub fn with_negated_s(signature: &[u8], order: &str) -> Vec<u8> {
    let n = hex::decode(order).unwrap();
    let mut twin = signature.to_vec();
    twin[32..64].copy_from_slice(&subtract(&n, &signature[32..64]));
    twin
}
