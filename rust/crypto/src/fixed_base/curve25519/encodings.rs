//! Eight points' encodings at once (RFC 8032 §5.1.2), compared with what the signatures have for R.
#![allow(
    clippy::indexing_slicing,
    reason = "limbs, words and lanes: arrays of fixed size, and lanes cut to the jobs there are"
)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_or_si512,
    _mm512_set1_epi64, _mm512_slli_epi64, _mm512_srli_epi64, _mm512_sub_epi64,
};

use super::field::Field;
use super::ifma::{load_8, store_8};
use super::job::Job;
use super::lanes::Factor;
use super::sums::{Points, transpose};

/// Appends, for each job, whether its sum's encoding is its R: one inversion for all (Montgomery's trick, in each lane and
/// then across them).
///
/// No Z is zero, by the addition law. Were one, its lane's inverse and so x and y would be zero in every sum of all, whose
/// encoding is that of a point of small order, which no admitted R is.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(super) fn compare(jobs: &[Job<'_>], sums: &[Points], holds: &mut Vec<bool>) {
    let mut product = one();
    let mut before = Vec::with_capacity(sums.len());
    for sum in sums {
        before.push(product);
        product = product.mul(&sum.z.carry()).carry();
    }
    let mut inverse = invert(&product);
    let mut equal = vec![0_u8; sums.len()];
    for (((sum, before), jobs), equal) in sums
        .iter()
        .zip(before)
        .zip(jobs.chunks(8))
        .zip(&mut equal)
        .rev()
    {
        let own = inverse.mul(&before).carry();
        inverse = inverse.mul(&sum.z.carry()).carry();
        let x = sum.x.carry().mul(&own).carry();
        let y = sum.y.carry().mul(&own).carry();
        let r = transpose(std::array::from_fn(|lane| {
            &jobs[lane.min(jobs.len().saturating_sub(1))].r
        }));
        *equal = is_encoding(&x, &y, r);
    }
    for (jobs, equal) in jobs.chunks(8).zip(equal) {
        holds.extend((0..jobs.len()).map(|lane| equal >> lane & 1 == 1));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn one() -> Factor {
    let (zero, one) = (_mm512_set1_epi64(0), _mm512_set1_epi64(1));
    Factor([one, zero, zero, zero, zero])
}

/// The inverse in each lane, by one inversion out of the lanes. Carried limbs are loose ones of `Field`, and tight fit a factor.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn invert(factor: &Factor) -> Factor {
    let limbs = factor.0.map(|limb| store_8(limb));
    let mut fields: [Field; 8] =
        std::array::from_fn(|lane| Field(limbs.each_ref().map(|limb| limb[lane])));
    Field::invert_all(&mut fields);
    Factor(std::array::from_fn(|i| {
        load_8(&fields.each_ref().map(|field| field.0[i]))
    }))
}

/// The lanes in which the words are y below p and, in the highest bit, whether x below p is odd.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(super) fn is_encoding(x: &Factor, y: &Factor, words: [__m512i; 4]) -> u8 {
    let ([x0, ..], [y0, y1, y2, y3, y4]) = (above(x), above(y));
    let mask = _mm512_set1_epi64((1 << 51) - 1);
    let y1 = _mm512_add_epi64(y1, _mm512_srli_epi64::<51>(y0));
    let y2 = _mm512_add_epi64(y2, _mm512_srli_epi64::<51>(y1));
    let y3 = _mm512_add_epi64(y3, _mm512_srli_epi64::<51>(y2));
    let y4 = _mm512_add_epi64(y4, _mm512_srli_epi64::<51>(y3));
    let [y0, y1, y2, y3, y4] = [y0, y1, y2, y3, y4].map(|limb| _mm512_and_si512(limb, mask));
    let own = [
        _mm512_or_si512(y0, _mm512_slli_epi64::<51>(y1)),
        _mm512_or_si512(_mm512_srli_epi64::<13>(y1), _mm512_slli_epi64::<38>(y2)),
        _mm512_or_si512(_mm512_srli_epi64::<26>(y2), _mm512_slli_epi64::<25>(y3)),
        _mm512_or_si512(
            _mm512_or_si512(_mm512_srli_epi64::<39>(y3), _mm512_slli_epi64::<12>(y4)),
            _mm512_slli_epi64::<63>(x0),
        ),
    ];
    (0..4).fold(u8::MAX, |equal, i| {
        equal & _mm512_cmpeq_epi64_mask(own[i], words[i])
    })
}

/// A carried factor plus 19 where it is not below p: its value modulo 2^255 is then the representative below p.
///
/// The value is below 2^255 + 2^223 < 2p, and at least p exactly where adding 19 carries out of 2^255.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn above(factor: &Factor) -> [__m512i; 5] {
    let [a0, a1, a2, a3, a4] = factor.0;
    let nineteen = _mm512_set1_epi64(19);
    let mut q = _mm512_srli_epi64::<51>(_mm512_add_epi64(a0, nineteen));
    for limb in [a1, a2, a3, a4] {
        q = _mm512_srli_epi64::<51>(_mm512_add_epi64(limb, q));
    }
    // 19·q for q = 0 or 1.
    let times_19 = _mm512_and_si512(_mm512_sub_epi64(_mm512_set1_epi64(0), q), nineteen);
    [_mm512_add_epi64(a0, times_19), a1, a2, a3, a4]
}
