//! The door to the eight-lane code, and its way to memory: the only unsafe code of this engine.
#![allow(
    unsafe_code,
    reason = "an entry that the processor must be asked for, and loads and stores through references"
)]

use std::arch::x86_64::{
    __m256i, __m512i, _MM_HINT_T0, _mm_prefetch, _mm256_loadu_si256, _mm512_loadu_si512,
    _mm512_storeu_si512,
};

use super::super::Ifma;
use super::job::Job;
use super::{encodings, hashes, sums};

/// Appends, for each job, whether its equation holds.
pub(super) fn decide(_: Ifma, jobs: &[Job<'_>], holds: &mut Vec<bool>) {
    // SAFETY: an `Ifma` exists only where the processor has every instruction that the function is compiled for.
    unsafe { decide_in_lanes(jobs, holds) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn decide_in_lanes(jobs: &[Job<'_>], holds: &mut Vec<bool>) {
    let challenges = hashes::challenges(jobs);
    let sums = sums::sums(jobs, &challenges);
    encodings::compare(jobs, &sums, holds);
}

#[cfg(test)]
pub(super) use probes::{carries, differences, equal_encodings, products};

/// Four words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(super) fn load_4(words: &[u64; 4]) -> __m256i {
    // SAFETY: the reference is to 32 readable bytes; no alignment is asked for.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Eight words, the first in lane 0.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(super) fn load_8(words: &[u64; 8]) -> __m512i {
    // SAFETY: the reference is to 64 readable bytes; no alignment is asked for.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// 64 bytes, the first eight in lane 0.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(super) fn load_bytes(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the reference is to 64 readable bytes; no alignment is asked for.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// The eight lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(super) fn store_8(lanes: __m512i) -> [u64; 8] {
    let mut words = [0; 8];
    // SAFETY: the array is 64 writable bytes; no alignment is asked for.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), lanes) };
    words
}

/// Asks for an entry's two lines to be in the first cache soon; on any x86-64.
#[inline(always)]
pub(super) fn prefetch([first, _, last]: &[[u64; 4]; 3]) {
    // SAFETY: SSE is part of x86-64; a hint reads nothing and cannot fault.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(first.as_ptr().cast());
        _mm_prefetch::<_MM_HINT_T0>(last.as_ptr().cast());
    }
}

/// Single operations for the tests, one element in each lane.
#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod probes {
    use super::super::lanes::{Columns, Factor};
    use super::{__m512i, Ifma, encodings, load_8, store_8};

    type Limbs = [[u64; 5]; 8];

    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn read<const N: usize>(lanes: &[[u64; N]; 8]) -> [__m512i; N] {
        std::array::from_fn(|i| load_8(&lanes.each_ref().map(|words| words[i])))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn write(limbs: [__m512i; 5]) -> Limbs {
        let limbs = limbs.map(|limb| store_8(limb));
        std::array::from_fn(|lane| limbs.each_ref().map(|limb| limb[lane]))
    }

    /// Makes the safe door of one operation.
    macro_rules! probe {
        ($name:ident($($argument:ident: $type:ty),*) -> $result:ty, $body:expr) => {
            pub(in super::super) fn $name(_: Ifma, $($argument: $type),*) -> $result {
                #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
                fn inner($($argument: $type),*) -> $result {
                    $body
                }
                // SAFETY: an `Ifma` exists only where the processor has every instruction of `inner`.
                unsafe { inner($($argument),*) }
            }
        };
    }

    probe!(products(a: &Limbs, b: &Limbs) -> Limbs, write(Factor(read(a)).mul(&Factor(read(b))).0));
    probe!(carries(a: &Limbs) -> Limbs, write(Columns(read(a)).carry().0));
    probe!(differences(a: &Limbs, b: &Limbs) -> Limbs, write(Columns(read(a)).minus(&Columns(read(b))).0));
    probe!(equal_encodings(x: &Limbs, y: &Limbs, words: &[[u64; 4]; 8]) -> u8,
        encodings::is_encoding(&Factor(read(x)), &Factor(read(y)), read(words)));
}
