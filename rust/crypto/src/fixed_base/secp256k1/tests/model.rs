//! The big-integer model: numbers modulo p and n, slow and plain.

use num_bigint::BigUint;

use super::super::field::P;
use super::super::scalar::{N, Words};

pub(super) fn big(words: &Words) -> BigUint {
    words
        .iter()
        .rev()
        .fold(BigUint::ZERO, |sum, word| (sum << 64u32) + word)
}

pub(super) fn words(number: &BigUint) -> Words {
    let mut digits = number.iter_u64_digits();
    let words = std::array::from_fn(|_| digits.next().unwrap_or(0));
    assert_eq!(digits.next(), None, "above 2^256");
    words
}

pub(super) fn bytes(number: &BigUint) -> [u8; 32] {
    let mut bytes = [0; 32];
    let digits = number.to_bytes_be();
    bytes[32 - digits.len()..].copy_from_slice(&digits);
    bytes
}

pub(super) fn p() -> BigUint {
    big(&P)
}

pub(super) fn n() -> BigUint {
    big(&N)
}

/// What limbs of 52 bits stand for, not reduced.
pub(super) fn of_limbs(limbs: &[u64; 5]) -> BigUint {
    limbs
        .iter()
        .rev()
        .fold(BigUint::ZERO, |sum, limb| (sum << 52u32) + limb)
}

/// a − b modulo m.
pub(super) fn less(a: &BigUint, b: &BigUint, m: &BigUint) -> BigUint {
    (a % m + m - b % m) % m
}

/// a/b modulo m.
pub(super) fn over(a: &BigUint, b: &BigUint, m: &BigUint) -> BigUint {
    a * b.modinv(m).unwrap() % m
}
