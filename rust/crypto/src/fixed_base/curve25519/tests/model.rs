//! The big-integer model, and values at which limbs go wrong.

use num_bigint::BigUint;
use proptest::prelude::*;

pub(super) fn p() -> BigUint {
    (BigUint::from(1_u8) << 255_u32) - 19_u8
}

pub(super) fn order() -> BigUint {
    (BigUint::from(1_u8) << 252_u32) + 27_742_317_777_372_353_535_851_937_790_883_648_493_u128
}

/// Σ limb\[i\]·2^(51i).
pub(super) fn value(limbs: &[u64; 5]) -> BigUint {
    limbs.iter().rev().fold(BigUint::ZERO, |sum, limb| {
        (sum << 51_u32) + BigUint::from(*limb)
    })
}

/// The value of little-endian words.
pub(super) fn of_words(words: &[u64]) -> BigUint {
    words.iter().rev().fold(BigUint::ZERO, |sum, word| {
        (sum << 64_u32) + BigUint::from(*word)
    })
}

pub(super) fn to_bytes<const N: usize>(value: &BigUint) -> [u8; N] {
    let mut bytes = value.to_bytes_le();
    bytes.resize(N, 0);
    bytes.try_into().unwrap()
}

/// Five limbs below `bound`, often at an edge.
pub(super) fn limbs(bound: u64) -> impl Strategy<Value = [u64; 5]> {
    let full = (1_u64 << 51) - 1;
    prop::array::uniform5(prop_oneof![
        2 => Just(bound - 1),
        1 => Just(0),
        1 => Just(1),
        1 => Just(full),
        1 => Just(full - 18),
        1 => Just(full - 19),
        4 => 0..bound,
    ])
}

/// 0, 1, p − 1, p and p + 18 = 2^255 − 1, as limbs below 2^51.
pub(super) fn edges() -> [[u64; 5]; 5] {
    let full = (1_u64 << 51) - 1;
    [
        [0; 5],
        [1, 0, 0, 0, 0],
        [full - 19, full, full, full, full],
        [full - 18, full, full, full, full],
        [full, full, full, full, full],
    ]
}
