//! A scalar as 32 odd digits of 8 bits: no digit is zero, so no table entry is the identity.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "constant indices into four words and 32 bytes; shifts by less than 32; one byte as u32"
)]

use super::scalar::{self, Words};

/// Windows of a scalar: k = Σ digit[i]·256^i.
pub(super) const WINDOWS: usize = 32;
/// The digits' absolute values: 1, 3, … 255.
pub(super) const MAGNITUDES: usize = 128;

/// The digits of a scalar: digit[i] = ±(2·magnitudes[i] + 1), below zero where bit i of `negative` is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digits {
    pub(super) magnitudes: [u8; WINDOWS],
    pub(super) negative: u32,
}

/// The regular recoding of Joye and Tunstall ("Exponent recoding and regular exponentiation algorithms", 2009) for a k in
/// [1, n−1].
///
/// For odd k, with m = (k + 2²⁵⁶ − 1)/2 = ⌊k/2⌋ + 2²⁵⁵ and its bytes m[i], k = 2m − (2²⁵⁶ − 1) = Σ (2·m[i] − 255)·256^i.
/// An even k becomes n − k, which is odd, and then every digit changes its sign: 255 − m[i], the complement.
#[inline(always)]
pub(super) const fn recode(k: &Words) -> Digits {
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
    const ONES: u64 = u64::MAX / 255;
    let mut digits = Digits {
        magnitudes: [0; WINDOWS],
        negative: 0,
    };
    let mut i = 0usize;
    while i < 4 {
        // 128 … 255 are +1 … +255; 127 … 0 are −1 … −255.
        let negative = !m[i] >> 7 & ONES;
        let magnitudes = (m[i] & (0x7f * ONES)) ^ negative.wrapping_mul(0x7f);
        // Bit 8j to bit 56 + j: each byte is 0 or 1, so no two products meet.
        let gathered = negative.wrapping_mul(0x0102_0408_1020_4080) >> 56;
        digits.negative |= (gathered as u32) << (i * 8);
        let mut j = 0usize;
        while j < 8 {
            digits.magnitudes[i * 8 + j] = magnitudes.to_le_bytes()[j];
            j += 1;
        }
        i += 1;
    }
    digits
}
