//! Numbers modulo the group's order n in four 64-bit words, with Montgomery's multiplication.
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "constant indices into four words; splitting a u128 into its words"
)]

use super::inverse::{self, Modulus};

/// A 256-bit number, the least word first.
pub(super) type Words = [u64; 4];

/// n, the order of the group.
pub(super) const N: Words = [
    0xbfd2_5e8c_d036_4141,
    0xbaae_dce6_af48_a03b,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];
/// (n − 1)/2: the largest low S.
pub(super) const HALF_N: Words = [
    0xdfe9_2f46_681b_20a0,
    0x5d57_6e73_57a4_501d,
    0xffff_ffff_ffff_ffff,
    0x7fff_ffff_ffff_ffff,
];

static MODULUS: Modulus = Modulus::new(N);
/// −1/n modulo 2⁶⁴.
const NEGATED_INVERSE: u64 = negated_inverse();
/// 2⁵¹² modulo n: what turns x into x·2²⁵⁶.
const R_SQUARED: Words = power_of_two(512);

const fn negated_inverse() -> u64 {
    let mut inverse = 1u64;
    let mut step = 0u32;
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(N[0].wrapping_mul(inverse)));
        step = step.wrapping_add(1);
    }
    inverse.wrapping_neg()
}

/// 2^exponent modulo n.
pub(super) const fn power_of_two(exponent: u32) -> Words {
    let mut x = [1, 0, 0, 0];
    let mut step = 0u32;
    while step < exponent {
        let top = x[3] >> 63;
        let doubled = [
            x[0] << 1,
            x[1] << 1 | x[0] >> 63,
            x[2] << 1 | x[1] >> 63,
            x[3] << 1 | x[2] >> 63,
        ];
        let (less, borrow) = subtract(&doubled, &N);
        x = if top == 1 || !borrow { less } else { doubled };
        step = step.wrapping_add(1);
    }
    x
}

/// Reads 32 big-endian bytes.
#[inline(always)]
pub(super) fn from_bytes(bytes: &[u8; 32]) -> Words {
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_be_bytes(*chunk);
    }
    words
}

/// a − b modulo 2²⁵⁶, and whether b was larger.
#[inline(always)]
pub(super) const fn subtract(a: &Words, b: &Words) -> (Words, bool) {
    let (r0, borrow) = borrowing_sub(a[0], b[0], false);
    let (r1, borrow) = borrowing_sub(a[1], b[1], borrow);
    let (r2, borrow) = borrowing_sub(a[2], b[2], borrow);
    let (r3, borrow) = borrowing_sub(a[3], b[3], borrow);
    ([r0, r1, r2, r3], borrow)
}

/// a − b − borrow modulo 2⁶⁴, and whether it was below zero. (`u64::borrowing_sub` is not const yet.)
#[inline(always)]
const fn borrowing_sub(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (difference, first) = a.overflowing_sub(b);
    let (difference, second) = difference.overflowing_sub(borrow as u64);
    (difference, first | second)
}

/// a < b.
#[inline(always)]
pub(super) const fn less(a: &Words, b: &Words) -> bool {
    subtract(a, b).1
}

#[inline(always)]
pub(super) const fn is_zero(a: &Words) -> bool {
    a[0] | a[1] | a[2] | a[3] == 0
}

/// Any 256-bit number modulo n: it is below 2n.
#[inline(always)]
pub(super) const fn reduce(a: &Words) -> Words {
    let (less, borrow) = subtract(a, &N);
    if borrow { *a } else { less }
}

/// −a modulo n, for a below n.
#[inline(always)]
pub(super) const fn negate(a: &Words) -> Words {
    if is_zero(a) { *a } else { subtract(&N, a).0 }
}

/// a·b/2²⁵⁶ modulo n, below n; a is any 256-bit number and b below n.
///
/// Montgomery's multiplication word by word. Before the last step the value is below (2²⁵⁶·n + 2²⁵⁶·n)/2²⁵⁶ = 2n: one
/// subtraction is enough.
#[inline(always)]
pub(super) fn montgomery_mul(a: &Words, b: &Words) -> Words {
    let mut t = [0u64; 5];
    for &word in a {
        // t + word·b < 2·2³²⁰: below (2⁶⁴ + 1)·2²⁵⁶ as t < 2n, so the sixth word is 0 or 1.
        let mut carry = 0u64;
        for j in 0..4usize {
            (t[j], carry) = mac(t[j], word, b[j], carry);
        }
        let (top, over) = t[4].overflowing_add(carry);
        let m = t[0].wrapping_mul(NEGATED_INVERSE);
        let (_, mut carry) = mac(t[0], m, N[0], 0);
        for j in 1..4usize {
            (t[j.wrapping_sub(1)], carry) = mac(t[j], m, N[j], carry);
        }
        let (word, second) = top.overflowing_add(carry);
        t[3] = word;
        t[4] = u64::from(over).wrapping_add(u64::from(second));
    }
    let low = [t[0], t[1], t[2], t[3]];
    let (less, borrow) = subtract(&low, &N);
    if t[4] == 0 && borrow { low } else { less }
}

/// t + a·b + carry, which is below 2¹²⁸.
#[inline(always)]
const fn mac(t: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let wide = (a as u128)
        .wrapping_mul(b as u128)
        .wrapping_add(t as u128)
        .wrapping_add(carry as u128);
    (wide as u64, (wide >> 64) as u64)
}

/// 1/a modulo n, for a below n.
pub(super) fn invert(a: &Words) -> Words {
    inverse::invert(&MODULUS, a)
}

/// Replaces every value, in [1, n−1], by 2²⁵⁶/value: one inversion for all by Montgomery's trick.
///
/// With ⊗ for `montgomery_mul`, the prefix products lose a factor 2²⁵⁶ at each step and the way back wins it again.
pub(super) fn invert_all(values: &mut [Words], prefixes: &mut Vec<Words>) {
    prefixes.clear();
    let Some((first, rest)) = values.split_first() else {
        return;
    };
    let mut product = *first;
    for value in rest {
        prefixes.push(product);
        product = montgomery_mul(&product, value);
    }
    // ×2²⁵⁶, which every inverse keeps.
    let mut inverse = montgomery_mul(&invert(&product), &R_SQUARED);
    for (value, prefix) in values.iter_mut().skip(1).zip(prefixes.iter()).rev() {
        let inverted = montgomery_mul(&inverse, prefix);
        inverse = montgomery_mul(&inverse, value);
        *value = inverted;
    }
    if let Some(first) = values.first_mut() {
        *first = inverse;
    }
}
