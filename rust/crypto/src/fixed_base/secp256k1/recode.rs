//! A scalar as 32 odd digits of 8 bits: no digit is zero, so no table entry is the identity.

use super::scalar::{self, Words};

/// Windows of a scalar: k = Σ digit[i]·256^i.
pub(super) const WINDOWS: usize = 32;
/// The digits' absolute values: 1, 3, … 255.
pub(super) const MAGNITUDES: usize = 128;

/// The regular recoding of Joye and Tunstall ("Exponent recoding and regular exponentiation algorithms", 2009) for a k in
/// [0, n−1], up to the sign of odd and even: byte i is (digit[i] + 255)/2.
///
/// For odd k, with m = (k + 2²⁵⁶ − 1)/2 = ⌊k/2⌋ + 2²⁵⁵ and its bytes m[i], k = 2m − (2²⁵⁶ − 1) = Σ (2·m[i] − 255)·256^i.
/// An even k becomes n − k, which is odd, and then every digit changes its sign: 255 − m[i], the complement.
#[inline(always)]
pub(super) const fn recode(k: &Words) -> [u8; WINDOWS] {
    let even = k[0] & 1 == 0;
    // For k = 0 this is n itself: digits of a multiple that is the identity. The caller never asks for its sum.
    let odd = if even {
        scalar::subtract(&scalar::N, k).0
    } else {
        *k
    };
    let flip = if even { u64::MAX } else { 0 };
    let m = [
        (odd[0] >> 1 | odd[1] << 63) ^ flip,
        (odd[1] >> 1 | odd[2] << 63) ^ flip,
        (odd[2] >> 1 | odd[3] << 63) ^ flip,
        (odd[3] >> 1 | 1 << 63) ^ flip,
    ];
    let mut bytes = [0; WINDOWS];
    let mut i = 0usize;
    while i < WINDOWS {
        bytes[i] = m[i / 8].to_le_bytes()[i % 8];
        i = i.wrapping_add(1);
    }
    bytes
}

/// Which magnitude a recoded byte names (i stands for 2i + 1).
#[inline(always)]
pub(super) const fn magnitude(byte: u8) -> u8 {
    // 128 … 255 are +1 … +255; 127 … 0 are −1 … −255.
    (byte & 0x7f) ^ if is_negative(byte) { 0x7f } else { 0 }
}

/// Whether a recoded byte names a negative digit.
#[inline(always)]
pub(super) const fn is_negative(byte: u8) -> bool {
    byte < 0x80
}
