//! Integers modulo the group's order L: the range of S, the challenge's reduction, and digits for the tables.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "words: arrays of fixed size under constant indices, and carries of a known width"
)]

use super::field::words;

/// L = 2^252 + c, least word first.
const L: [u64; 4] = [C[0], C[1], 0, 1 << 60];
/// c = 27742317777372353535851937790883648493, below 2^125.
const C: [u64; 2] = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6];

/// An integer in [0, L), least word first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scalar(pub(super) [u64; 4]);

impl Scalar {
    pub(super) const ZERO: Self = Self([0; 4]);

    /// 32 little-endian bytes; none from L on (RFC 8032 §5.1.7).
    #[inline]
    pub(super) fn from_canonical_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let value = words(bytes);
        let (_, below) = sub(value, L);
        below.then_some(Self(value))
    }

    /// 64 little-endian bytes modulo L.
    ///
    /// By 2^252 = −c, three times: x = l0 + 2^252·x1, c·x1 = l1 + 2^252·x2, c·x2 = l2 + 2^252·x3, so that
    /// x = l0 − l1 + l2 − c·x3 with x1 < 2^260, x2 < 2^133, x3 < 2^6.
    #[inline]
    pub(super) fn reduce(bytes: &[u8; 64]) -> Self {
        let (parts, _) = bytes.as_chunks::<8>();
        let x: [u64; 8] = std::array::from_fn(|i| u64::from_le_bytes(parts[i]));
        Self::reduce_words(x)
    }

    /// As `reduce`, of eight words, least first.
    #[inline]
    pub(super) fn reduce_words(x: [u64; 8]) -> Self {
        let l0 = [x[0], x[1], x[2], x[3] & LOW];
        let x1 = [
            x[3] >> 60 | x[4] << 4,
            x[4] >> 60 | x[5] << 4,
            x[5] >> 60 | x[6] << 4,
            x[6] >> 60 | x[7] << 4,
            x[7] >> 60,
        ];
        // Below 2^385: seven words.
        let y: [u64; 7] = times_c(x1);
        let l1 = [y[0], y[1], y[2], y[3] & LOW];
        let x2 = [
            y[3] >> 60 | y[4] << 4,
            y[4] >> 60 | y[5] << 4,
            y[5] >> 60 | y[6] << 4,
        ];
        // Below 2^258: five words.
        let z: [u64; 5] = times_c(x2);
        let l2 = [z[0], z[1], z[2], z[3] & LOW];
        let x3 = [z[3] >> 60 | z[4] << 4];
        let l3: [u64; 3] = times_c(x3);
        // l0 + l2 + 2L − l1 − l3 is in (0, 2^252·2 + 2L): no word is lost, and L goes off at most thrice.
        let (mut sum, _) = add(l0, l2);
        (sum, _) = add(sum, L);
        (sum, _) = add(sum, L);
        (sum, _) = sub(sum, l1);
        (sum, _) = sub(sum, [l3[0], l3[1], l3[2], 0]);
        for _ in 0..4 {
            let (less, below) = sub(sum, L);
            if !below {
                sum = less;
            }
        }
        Self(sum)
    }

    /// Adds Σ 2^(offset + width − 1) over all windows but the last: every window's bits are then its digit plus half.
    #[inline(always)]
    pub(super) fn biased(self, bias: [u64; 4]) -> Biased {
        Biased(add(self.0, bias).0)
    }
}

/// The low 60 bits of the word that holds bit 252.
const LOW: u64 = (1 << 60) - 1;

/// A scalar made ready for signed digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Biased([u64; 4]);

impl Biased {
    pub(super) const fn words(&self) -> &[u64; 4] {
        &self.0
    }

    /// The digit of window `index` among `windows` of `width` bits: in [−2^(width−1), 2^(width−1)), the last one's ≥ 0.
    #[inline(always)]
    pub(super) const fn digit(&self, width: usize, windows: usize, index: usize) -> i32 {
        let at = index.wrapping_mul(width);
        let (word, shift) = (at / 64, at % 64);
        let mut bits = self.0[word] >> shift;
        if shift.wrapping_add(width) > 64 && word < 3 {
            bits |= self.0[word + 1] << (64 - shift);
        }
        let bits = (bits & ((1 << width) - 1)) as i32;
        let half = if index + 1 == windows {
            0
        } else {
            1 << (width - 1)
        };
        bits.wrapping_sub(half)
    }
}

/// The bias for `windows` windows of `width` bits.
pub(super) const fn bias(width: usize, windows: usize) -> [u64; 4] {
    let mut bias = [0; 4];
    let mut index = 0;
    while index + 1 < windows {
        let at = index * width + width - 1;
        bias[at / 64] |= 1 << (at % 64);
        index += 1;
    }
    bias
}

/// c·x, of one word more than two more.
#[inline(always)]
fn times_c<const N: usize, const M: usize>(x: [u64; N]) -> [u64; M] {
    let mut product = [0; M];
    for i in 0..N {
        let mut carry = 0;
        for j in 0..2 {
            let wide = u128::from(x[i])
                .wrapping_mul(u128::from(C[j]))
                .wrapping_add(u128::from(product[i.wrapping_add(j)]))
                .wrapping_add(carry);
            product[i.wrapping_add(j)] = wide as u64;
            carry = wide >> 64;
        }
        product[i.wrapping_add(2)] = carry as u64;
    }
    product
}

#[inline(always)]
fn add(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let (c0, o) = a[0].carrying_add(b[0], false);
    let (c1, o) = a[1].carrying_add(b[1], o);
    let (c2, o) = a[2].carrying_add(b[2], o);
    let (c3, o) = a[3].carrying_add(b[3], o);
    ([c0, c1, c2, c3], o)
}

/// The difference, and whether it was below zero.
#[inline(always)]
fn sub(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let (c0, o) = a[0].borrowing_sub(b[0], false);
    let (c1, o) = a[1].borrowing_sub(b[1], o);
    let (c2, o) = a[2].borrowing_sub(b[2], o);
    let (c3, o) = a[3].borrowing_sub(b[3], o);
    ([c0, c1, c2, c3], o)
}
