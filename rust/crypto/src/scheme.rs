//! The signature schemes by their names in policy and on the wire; one file below for each scheme's rules.

pub(crate) mod bip340;
pub(crate) mod ecdsa_p256;
pub(crate) mod ecdsa_secp256k1;
pub(crate) mod ed25519;
pub(crate) mod ethereum;
pub(crate) mod sshsig;

/// A signature scheme with all its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RFC 8032 Ed25519, strict and cofactorless; 64-byte signature.
    Ed25519,
    /// ECDSA over secp256k1 and SHA-256; 64-byte r‖s, low S required.
    EcdsaSecp256k1Sha256,
    /// ECDSA over P-256 and SHA-256; 64-byte r‖s, either S.
    EcdsaP256Sha256,
    /// BIP 340 Schnorr over the bytes given, of any length; 64-byte signature, x-only key.
    Bip340,
    /// 65-byte r‖s‖v over a 32-byte digest given as the message; low S; v in {0, 1, 27, 28}.
    Ethereum,
    /// The raw blob that `ssh-keygen -Y sign -n custody/v1` makes, by ssh-ed25519 or sk-ssh-ed25519@openssh.com.
    Sshsig,
}

impl Scheme {
    /// Every scheme, in the order of declaration.
    pub const ALL: [Self; 6] = [
        Self::Ed25519,
        Self::EcdsaSecp256k1Sha256,
        Self::EcdsaP256Sha256,
        Self::Bip340,
        Self::Ethereum,
        Self::Sshsig,
    ];

    /// The name in policy files and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaSecp256k1Sha256 => "ecdsa-secp256k1-sha256",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::Bip340 => "bip340",
            Self::Ethereum => "ethereum",
            Self::Sshsig => "sshsig",
        }
    }

    /// The scheme of exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }
}
