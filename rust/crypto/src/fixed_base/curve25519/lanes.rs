//! Eight elements of the field modulo p = 2^255 − 19 at once, one in each lane of AVX-512 IFMA: five limbs of 51 bits.
//!
//! Two types keep the bounds, so that no sum overflows and no factor is cut:
//! - a `Factor`'s limbs are below 2^52, all that IFMA multiplies by. `carry` gives limbs below 2^51 + 2^17;
//! - `Columns` are limbs below 2^63 that no carry has gone through. A product's are below 2^61.
#![allow(
    clippy::indexing_slicing,
    reason = "limbs: arrays of fixed size under constant indices"
)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64,
    _mm512_or_si512, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_sub_epi64,
};

/// The low 51 bits.
const MASK: i64 = (1 << 51) - 1;

/// Elements ready to be multiplied: limbs below 2^52.
#[derive(Clone, Copy)]
pub(super) struct Factor(pub(super) [__m512i; 5]);

/// Elements not carried: limbs below 2^63.
#[derive(Clone, Copy)]
pub(super) struct Columns(pub(super) [__m512i; 5]);

impl Factor {
    /// The product, its columns below 2^61.
    ///
    /// A product a·b of limbs is lo + 2^52·hi, and 2^52 = 2·2^51: column k is the sum of lo over i + j = k, and of 2·hi over
    /// i + j = k − 1. Columns from the fifth on come back times 19 (2^255 = 19). The largest: column 5 has 4 lo and 5 hi,
    /// below 14·2^52, so that column 0 is below (1 + 19·14)·2^52 < 2^61.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    pub(super) fn mul(&self, other: &Self) -> Columns {
        let (a, b) = (&self.0, &other.0);
        let zero = _mm512_setzero_si512();
        // Columns 5 to 9.
        let mut h5 = hi(zero, a[0], b[4]);
        let mut h6 = hi(zero, a[1], b[4]);
        let mut h7 = hi(zero, a[2], b[4]);
        let mut h8 = hi(zero, a[3], b[4]);
        let h9 = hi(zero, a[4], b[4]);
        h5 = hi(h5, a[1], b[3]);
        h6 = hi(h6, a[2], b[3]);
        h7 = hi(h7, a[3], b[3]);
        h8 = hi(h8, a[4], b[3]);
        h5 = hi(h5, a[2], b[2]);
        h6 = hi(h6, a[3], b[2]);
        h7 = hi(h7, a[4], b[2]);
        h5 = hi(h5, a[3], b[1]);
        h6 = hi(h6, a[4], b[1]);
        h5 = hi(h5, a[4], b[0]);
        let t9 = add(h9, h9);
        let t8 = lo(add(h8, h8), a[4], b[4]);
        let mut t7 = lo(add(h7, h7), a[3], b[4]);
        let mut t6 = lo(add(h6, h6), a[2], b[4]);
        let mut t5 = lo(add(h5, h5), a[1], b[4]);
        t7 = lo(t7, a[4], b[3]);
        t6 = lo(t6, a[3], b[3]);
        t5 = lo(t5, a[2], b[3]);
        t6 = lo(t6, a[4], b[2]);
        t5 = lo(t5, a[3], b[2]);
        t5 = lo(t5, a[4], b[1]);
        // Columns 0 to 4: lo + 2·hi + 19t = lo + t + 2·(t + (hi + 8t)), in this order because the compiler would turn 8t + t into
        // products of its own.
        let c0 = shl::<4>(t5);
        let mut h1 = hi(shl::<3>(t6), a[0], b[0]);
        let mut h2 = hi(shl::<3>(t7), a[0], b[1]);
        let mut h3 = hi(shl::<3>(t8), a[0], b[2]);
        let mut h4 = hi(shl::<3>(t9), a[0], b[3]);
        h2 = hi(h2, a[1], b[0]);
        h3 = hi(h3, a[1], b[1]);
        h4 = hi(h4, a[1], b[2]);
        h3 = hi(h3, a[2], b[0]);
        h4 = hi(h4, a[2], b[1]);
        h4 = hi(h4, a[3], b[0]);
        h1 = add(h1, t6);
        h2 = add(h2, t7);
        h3 = add(h3, t8);
        h4 = add(h4, t9);
        let c0 = add(lo(c0, a[0], b[0]), add(t5, add(t5, t5)));
        let mut c1 = lo(add(add(h1, h1), t6), a[0], b[1]);
        let mut c2 = lo(add(add(h2, h2), t7), a[0], b[2]);
        let mut c3 = lo(add(add(h3, h3), t8), a[0], b[3]);
        let mut c4 = lo(add(add(h4, h4), t9), a[0], b[4]);
        c1 = lo(c1, a[1], b[0]);
        c2 = lo(c2, a[1], b[1]);
        c3 = lo(c3, a[1], b[2]);
        c4 = lo(c4, a[1], b[3]);
        c2 = lo(c2, a[2], b[0]);
        c3 = lo(c3, a[2], b[1]);
        c4 = lo(c4, a[2], b[2]);
        c3 = lo(c3, a[3], b[0]);
        c4 = lo(c4, a[3], b[1]);
        c4 = lo(c4, a[4], b[0]);
        Columns([c0, c1, c2, c3, c4])
    }

    /// The low 255 bits of four words, least first.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    pub(super) fn from_words(w: [__m512i; 4]) -> Self {
        let mask = _mm512_set1_epi64(MASK);
        Self([
            and(w[0], mask),
            and(or(shr::<51>(w[0]), shl::<13>(w[1])), mask),
            and(or(shr::<38>(w[1]), shl::<26>(w[2])), mask),
            and(or(shr::<25>(w[2]), shl::<39>(w[3])), mask),
            and(shr::<12>(w[3]), mask),
        ])
    }
}

impl Columns {
    /// self + other, for columns whose sum stays below 2^63.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| add(self.0[i], other.0[i])))
    }

    /// self + 2^11·p − other, for a product `other`: 2^11·p's limbs, from 2^62 − 19·2^11 on, are above its own, so that
    /// none goes below zero. `self` is below 2^62, and what comes out below 2^63.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    pub(super) fn minus(&self, other: &Self) -> Self {
        let low = _mm512_set1_epi64((1 << 62) - (19 << 11));
        let high = _mm512_set1_epi64((1 << 62) - (1 << 11));
        Self(std::array::from_fn(|i| {
            let p = if i == 0 { low } else { high };
            sub(add(self.0[i], p), other.0[i])
        }))
    }

    /// One parallel carry: every carry is below 2^12, and the last comes back times 19, so limbs are below 2^51 + 2^17.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    pub(super) fn carry(&self) -> Factor {
        let mask = _mm512_set1_epi64(MASK);
        let nineteen = _mm512_set1_epi64(19);
        let [c0, c1, c2, c3, c4] = self.0;
        Factor([
            lo(and(c0, mask), shr::<51>(c4), nineteen),
            add(and(c1, mask), shr::<51>(c0)),
            add(and(c2, mask), shr::<51>(c1)),
            add(and(c3, mask), shr::<51>(c2)),
            add(and(c4, mask), shr::<51>(c3)),
        ])
    }
}

/// sum + the low 52 bits of the product of the factors' low 52 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn lo(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_madd52lo_epu64(sum, a, b)
}

/// sum + the high 52 bits of the product of the factors' low 52 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn hi(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_madd52hi_epu64(sum, a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn sub(a: __m512i, b: __m512i) -> __m512i {
    _mm512_sub_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn and(a: __m512i, b: __m512i) -> __m512i {
    _mm512_and_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn or(a: __m512i, b: __m512i) -> __m512i {
    _mm512_or_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn shl<const BITS: u32>(a: __m512i) -> __m512i {
    _mm512_slli_epi64::<BITS>(a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn shr<const BITS: u32>(a: __m512i) -> __m512i {
    _mm512_srli_epi64::<BITS>(a)
}
