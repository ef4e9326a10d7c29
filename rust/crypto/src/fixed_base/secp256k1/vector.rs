//! Eight 64-bit words in one AVX-512 register: all of this engine's `unsafe`, each use resting on one proof.
//!
//! A `V` exists only where an `Ifma` did, which only `Backend::available` makes after asking the processor: so every
//! instruction below is one that the processor has. That is the reason meant by "a V is the proof".
#![allow(unsafe_code, reason = "all of this engine's unsafe code is here")]

use std::arch::x86_64::*;

use super::super::{Answer, Ifma};
use super::check::{self, Check};
use super::table::Entry;

/// Eight words, one a lane. Arithmetic wraps.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct V(__m512i);

impl V {
    /// The same word in every lane.
    #[inline(always)]
    pub(super) fn splat(_: Ifma, word: u64) -> Self {
        // SAFETY: the processor has AVX-512 F, by the token.
        Self(unsafe { _mm512_set1_epi64(word.cast_signed()) })
    }

    #[inline(always)]
    pub(super) fn from_array(_: Ifma, words: &[u64; 8]) -> Self {
        // SAFETY: AVX-512 F by the token; 64 readable bytes, no alignment asked.
        Self(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
    }

    #[inline(always)]
    pub(super) fn to_array(self) -> [u64; 8] {
        let mut words = [0; 8];
        // SAFETY: a V is the proof of AVX-512 F; 64 writable bytes, no alignment asked.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), self.0) };
        words
    }

    #[inline(always)]
    pub(super) fn add(self, other: Self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F.
        Self(unsafe { _mm512_add_epi64(self.0, other.0) })
    }

    #[inline(always)]
    pub(super) fn sub(self, other: Self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F.
        Self(unsafe { _mm512_sub_epi64(self.0, other.0) })
    }

    #[inline(always)]
    pub(super) fn and(self, other: Self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F.
        Self(unsafe { _mm512_and_si512(self.0, other.0) })
    }

    /// (self & mask) | set.
    #[inline(always)]
    pub(super) fn and_or(self, mask: Self, set: Self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F. 0xea is the truth table of (a & b) | c.
        Self(unsafe { _mm512_ternarylogic_epi64::<0xea>(self.0, mask.0, set.0) })
    }

    /// (self | other) & mask.
    #[inline(always)]
    pub(super) fn or_and(self, other: Self, mask: Self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F. 0xa8 is the truth table of (a | b) & c.
        Self(unsafe { _mm512_ternarylogic_epi64::<0xa8>(self.0, other.0, mask.0) })
    }

    #[inline(always)]
    pub(super) fn shl<const BITS: u32>(self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F.
        Self(unsafe { _mm512_slli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    pub(super) fn shr<const BITS: u32>(self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F.
        Self(unsafe { _mm512_srli_epi64::<BITS>(self.0) })
    }

    /// The shift that keeps the sign.
    #[inline(always)]
    pub(super) fn sar<const BITS: u32>(self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F.
        Self(unsafe { _mm512_srai_epi64::<BITS>(self.0) })
    }

    /// self + the low 52 bits of a·b, of which the low 52 bits each count.
    #[inline(always)]
    pub(super) fn add_low(self, a: Self, b: Self) -> Self {
        // SAFETY: a V is the proof of AVX-512 IFMA.
        Self(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    /// self + the high 52 bits of a·b, of which the low 52 bits each count.
    #[inline(always)]
    pub(super) fn add_high(self, a: Self, b: Self) -> Self {
        // SAFETY: a V is the proof of AVX-512 IFMA.
        Self(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }

    /// The complement of the lanes whose bit is set.
    #[inline(always)]
    pub(super) fn complement(self, lanes: u8, ones: Self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F.
        Self(unsafe { _mm512_mask_xor_epi64(self.0, lanes, self.0, ones.0) })
    }

    /// The lanes that share a bit with `bits`.
    #[inline(always)]
    pub(super) fn meets(self, bits: Self) -> u8 {
        // SAFETY: a V is the proof of AVX-512 F.
        unsafe { _mm512_test_epi64_mask(self.0, bits.0) }
    }

    /// Lane i becomes lane i xor 1, 2 or 4.
    #[inline(always)]
    pub(super) fn swap<const DISTANCE: u8>(self) -> Self {
        // SAFETY: a V is the proof of AVX-512 F.
        Self(unsafe {
            match DISTANCE {
                1 => _mm512_permutex_epi64::<0b10_11_00_01>(self.0),
                2 => _mm512_permutex_epi64::<0b01_00_11_10>(self.0),
                _ => _mm512_shuffle_i64x2::<0b01_00_11_10>(self.0, self.0),
            }
        })
    }

    /// Asks for an entry's cache line.
    #[inline(always)]
    pub(super) fn prefetch(_: Ifma, entry: &Entry) {
        // SAFETY: a prefetch reads nothing that the program can see, and SSE is in every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(entry.0.as_ptr().cast()) };
    }

    /// Word i of entry j in lane j of vector i.
    #[inline(always)]
    pub(super) fn transpose(_: Ifma, entries: &[&Entry; 8]) -> [Self; 8] {
        let [e0, e1, e2, e3, e4, e5, e6, e7] = *entries;
        // SAFETY: AVX-512 F by the token; an Entry is 64 bytes, aligned to as many.
        unsafe {
            let (e0, e1) = (row(e0), row(e1));
            let (e2, e3) = (row(e2), row(e3));
            let (e4, e5) = (row(e4), row(e5));
            let (e6, e7) = (row(e6), row(e7));
            // Pairs of words: (0, 0), (2, 2), (4, 4), (6, 6) of two entries, then the odd ones.
            let (a0, a1) = (_mm512_unpacklo_epi64(e0, e1), _mm512_unpackhi_epi64(e0, e1));
            let (b0, b1) = (_mm512_unpacklo_epi64(e2, e3), _mm512_unpackhi_epi64(e2, e3));
            let (c0, c1) = (_mm512_unpacklo_epi64(e4, e5), _mm512_unpackhi_epi64(e4, e5));
            let (d0, d1) = (_mm512_unpacklo_epi64(e6, e7), _mm512_unpackhi_epi64(e6, e7));
            let [w0, w2, w4, w6] = quarters(a0, b0, c0, d0);
            let [w1, w3, w5, w7] = quarters(a1, b1, c1, d1);
            [w0, w1, w2, w3, w4, w5, w6, w7]
        }
    }
}

/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn row(entry: &Entry) -> __m512i {
    // SAFETY: the caller has AVX-512 F; an Entry is 64 bytes, aligned to as many.
    unsafe { _mm512_load_si512(entry.0.as_ptr().cast()) }
}

/// Of four vectors of 128-bit quarters, vector i of the result has quarter i of each.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn quarters(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> [V; 4] {
    // SAFETY: the caller has AVX-512 F.
    unsafe {
        // Quarters 0 and 2, or 1 and 3, of two; then the same of both.
        let ab = (
            _mm512_shuffle_i64x2::<0x88>(a, b),
            _mm512_shuffle_i64x2::<0xdd>(a, b),
        );
        let cd = (
            _mm512_shuffle_i64x2::<0x88>(c, d),
            _mm512_shuffle_i64x2::<0xdd>(c, d),
        );
        [
            V(_mm512_shuffle_i64x2::<0x88>(ab.0, cd.0)),
            V(_mm512_shuffle_i64x2::<0x88>(ab.1, cd.1)),
            V(_mm512_shuffle_i64x2::<0xdd>(ab.0, cd.0)),
            V(_mm512_shuffle_i64x2::<0xdd>(ab.1, cd.1)),
        ]
    }
}

/// `check::decide` on eight lanes, compiled for the instructions that `Ifma` stands for.
pub(super) fn decide(ifma: Ifma, checks: &[Check<'_>], answers: &mut Vec<Answer>) {
    #[target_feature(
        enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512ifma,bmi1,bmi2,lzcnt,popcnt,adx"
    )]
    fn compiled(ifma: Ifma, checks: &[Check<'_>], answers: &mut Vec<Answer>) {
        check::decide(ifma, checks, answers);
    }
    // SAFETY: the token is the proof of all these features.
    unsafe { compiled(ifma, checks, answers) }
}
