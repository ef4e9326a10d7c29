//! Numbers modulo the order of secp256k1, with zero, on libsecp256k1's tweaks: to build what no signer would sign.

use secp256k1::{PublicKey, SECP256K1, Scalar as Tweak, SecretKey};

/// A number below n; `None` is zero, which libsecp256k1 has no secret key for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar(Option<SecretKey>);

impl Scalar {
    pub const ZERO: Self = Self(None);

    /// Of 32 big-endian bytes below n.
    pub fn of(bytes: [u8; 32]) -> Self {
        Self((bytes != [0; 32]).then(|| SecretKey::from_byte_array(bytes).unwrap()))
    }

    pub fn small(value: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&value.to_be_bytes());
        Self::of(bytes)
    }

    pub fn power_of_two(exponent: u32) -> Self {
        let mut power = Self::small(1);
        for _ in 0..exponent {
            power = power.plus(power);
        }
        power
    }

    pub fn bytes(self) -> [u8; 32] {
        self.0.map_or([0; 32], |key| key.secret_bytes())
    }

    fn tweak(self) -> Tweak {
        Tweak::from_be_bytes(self.bytes()).unwrap()
    }

    pub fn plus(self, other: Self) -> Self {
        match (self.0, other.0) {
            (None, sum) | (sum, None) => Self(sum),
            // A sum of zero is the only one that libsecp256k1 refuses.
            (Some(a), Some(_)) => Self(a.add_tweak(&other.tweak()).ok()),
        }
    }

    pub fn times(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(_)) => Self(Some(a.mul_tweak(&other.tweak()).unwrap())),
            _ => Self::ZERO,
        }
    }

    pub fn negated(self) -> Self {
        Self(self.0.map(SecretKey::negate))
    }

    /// By Fermat: the power n - 2.
    pub fn inverse(self) -> Self {
        let mut exponent = Self::small(2).negated().bytes();
        let mut power = Self::small(1);
        for byte in &mut exponent {
            for bit in (0..8).rev() {
                power = power.times(power);
                if *byte >> bit & 1 == 1 {
                    power = power.times(self);
                }
            }
        }
        assert_eq!(power.times(self), Self::small(1));
        power
    }

    /// This many times G; `None` for zero.
    pub fn point(self) -> Option<PublicKey> {
        self.0.map(|key| key.public_key(SECP256K1))
    }

    pub fn secret(self) -> Option<SecretKey> {
        self.0
    }
}
