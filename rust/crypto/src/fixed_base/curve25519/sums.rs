//! S·B − h·A for eight signatures at once, one in each lane.
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "lanes are eight, words four, and places within the table that made them: an index beyond it would panic"
)]

use std::arch::x86_64::{
    __m512i, _mm512_abs_epi64, _mm512_and_si512, _mm512_castsi256_si512, _mm512_cmplt_epi64_mask,
    _mm512_inserti64x4, _mm512_mask_sub_epi64, _mm512_maskz_add_epi64, _mm512_or_si512,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_sllv_epi64,
    _mm512_srlv_epi64, _mm512_sub_epi64, _mm512_test_epi64_mask, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi64,
};

use super::ifma::{load_4, store_8};
use super::job::Job;
use super::lanes::{Columns, Factor};
use super::scalar::{Biased, Scalar};
use super::table::{BASE, BaseMultiples, Entry, KeyMultiples};

/// Entries that one sum is of.
const ENTRIES: usize = BaseMultiples::WINDOWS + KeyMultiples::WINDOWS;
/// How many entries ahead the cache is asked: an addition takes about as long as the third cache does.
const AHEAD: usize = 2;

/// Extended coordinates of eight points, their products not carried. What T is for is over.
pub(super) struct Points {
    pub(super) x: Columns,
    pub(super) y: Columns,
    pub(super) z: Columns,
    t: Factor,
}

/// What an addition needs of eight table entries: y + x, y − x and 2d·xy.
struct Niels {
    y_plus_x: Factor,
    y_minus_x: Factor,
    xy2d: Factor,
}

/// The sum of each job, eight to a `Points`; lanes without a job of their own repeat the last one's.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(super) fn sums(jobs: &[Job<'_>], challenges: &[Scalar]) -> Vec<Points> {
    let of_base = [BASE.entries(); 8];
    let mut sums = Vec::with_capacity(jobs.len().div_ceil(8));
    for (jobs, challenges) in jobs.chunks(8).zip(challenges.chunks(8)) {
        let own: [usize; 8] = std::array::from_fn(|lane| lane.min(jobs.len().saturating_sub(1)));
        let of_key = own.map(|own| jobs[own].check.table.multiples().entries());
        let mut rows = [Row::default(); ENTRIES];
        let (base, key) = rows.split_at_mut(BaseMultiples::WINDOWS);
        place(
            own.map(|own| BaseMultiples::biased(jobs[own].s)),
            base,
            BaseMultiples::WIDTH,
        );
        place(
            own.map(|own| KeyMultiples::biased(challenges[own])),
            key,
            KeyMultiples::WIDTH,
        );
        // The entries that a row of places is of.
        let entries = |index: usize, row: &Row| -> [&Entry; 8] {
            let tables = if index < BaseMultiples::WINDOWS {
                &of_base
            } else {
                &of_key
            };
            std::array::from_fn(|lane| &tables[lane][row.places[lane] as usize])
        };
        let mut points = Points::identity();
        for (index, row) in rows.iter().enumerate() {
            let ahead = index.wrapping_add(AHEAD);
            if let Some(row) = rows.get(ahead) {
                for entry in entries(ahead, row) {
                    entry.prefetch();
                }
            }
            points.add(&Niels::load(&entries(index, row), row.negative));
        }
        sums.push(points);
    }
    sums
}

/// One digit of each lane's scalar: where its entry stands, and whether the entry is to be negated.
#[derive(Clone, Copy, Default)]
struct Row {
    places: [u64; 8],
    negative: u8,
}

/// Writes the digits' places, as `Multiples::place` has them.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn place(scalars: [Biased; 8], rows: &mut [Row], width: usize) {
    let [w0, w1, w2, w3] = transpose(scalars.each_ref().map(Biased::words));
    let words = [w0, w1, w2, w3, _mm512_setzero_si512()];
    let half = 1_i64 << width.wrapping_sub(1);
    let mask = _mm512_set1_epi64((half << 1).wrapping_sub(1));
    let last = rows.len().wrapping_sub(1);
    let mut first = 0;
    for (window, row) in rows.iter_mut().enumerate() {
        let at = window.wrapping_mul(width);
        let (word, shift) = (at / 64, (at % 64) as i64);
        // A shift by 64 gives zero.
        let low = _mm512_srlv_epi64(words[word], _mm512_set1_epi64(shift));
        let high = _mm512_sllv_epi64(
            words[word.wrapping_add(1)],
            _mm512_set1_epi64(64_i64.wrapping_sub(shift)),
        );
        let bits = _mm512_and_si512(_mm512_or_si512(low, high), mask);
        let digit = if window == last {
            bits
        } else {
            _mm512_sub_epi64(bits, _mm512_set1_epi64(half))
        };
        let not_zero = _mm512_test_epi64_mask(digit, digit);
        row.negative = _mm512_cmplt_epi64_mask(digit, _mm512_setzero_si512());
        row.places = store_8(_mm512_maskz_add_epi64(
            not_zero,
            _mm512_abs_epi64(digit),
            _mm512_set1_epi64(first),
        ));
        first = first.wrapping_add(half);
    }
}

impl Points {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn identity() -> Self {
        let zero = _mm512_setzero_si512();
        let one = _mm512_set1_epi64(1);
        Self {
            x: Columns([zero; 5]),
            y: Columns([one, zero, zero, zero, zero]),
            z: Columns([one, zero, zero, zero, zero]),
            t: Factor([zero; 5]),
        }
    }

    /// P + Q in every lane, `madd-2008-hwcd-3`: 7 products and 7 carries, without exceptions.
    ///
    /// x, y and z are products, below 2^61: their sums are below 2^62, their differences below 2^63.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn add(&mut self, other: &Niels) {
        let a = self.y.minus(&self.x).carry().mul(&other.y_minus_x);
        let b = self.y.plus(&self.x).carry().mul(&other.y_plus_x);
        let c = self.t.mul(&other.xy2d);
        let d = self.z.plus(&self.z);
        let e = b.minus(&a).carry();
        let f = d.minus(&c).carry();
        let g = d.plus(&c).carry();
        let h = b.plus(&a).carry();
        self.x = e.mul(&f);
        self.y = g.mul(&h);
        self.z = f.mul(&g);
        self.t = e.mul(&h).carry();
    }
}

impl Niels {
    /// The entries' points, or the negatives where `negative` has a bit: −(x, y) = (−x, y).
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn load(entries: &[&Entry; 8], negative: u8) -> Self {
        let swap = |lane: usize| usize::from(negative >> lane & 1);
        let y_plus_x = transpose(std::array::from_fn(|lane| &entries[lane].0[swap(lane)]));
        let y_minus_x = transpose(std::array::from_fn(|lane| &entries[lane].0[1 ^ swap(lane)]));
        let mut xy2d = Factor::from_words(transpose(entries.map(|entry| &entry.0[2])));
        // 2p − limb, below 2^52: limbs of an entry are below 2^51.
        let low = _mm512_set1_epi64((1 << 52) - 38);
        let high = _mm512_set1_epi64((1 << 52) - 2);
        for (i, limb) in xy2d.0.iter_mut().enumerate() {
            let p = if i == 0 { low } else { high };
            *limb = _mm512_mask_sub_epi64(*limb, negative, p, *limb);
        }
        Self {
            y_plus_x: Factor::from_words(y_plus_x),
            y_minus_x: Factor::from_words(y_minus_x),
            xy2d,
        }
    }
}

/// Four words of each of eight lanes: vector i holds every lane's word i.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(super) fn transpose(w: [&[u64; 4]; 8]) -> [__m512i; 4] {
    let v02 = pair(w[0], w[2]);
    let v13 = pair(w[1], w[3]);
    let v46 = pair(w[4], w[6]);
    let v57 = pair(w[5], w[7]);
    // Of each 128 bits: words 0 and 2 of two lanes, or words 1 and 3.
    let (low0, low1) = (
        _mm512_unpacklo_epi64(v02, v13),
        _mm512_unpacklo_epi64(v46, v57),
    );
    let (high0, high1) = (
        _mm512_unpackhi_epi64(v02, v13),
        _mm512_unpackhi_epi64(v46, v57),
    );
    [
        _mm512_shuffle_i64x2::<0b10_00_10_00>(low0, low1),
        _mm512_shuffle_i64x2::<0b10_00_10_00>(high0, high1),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(low0, low1),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(high0, high1),
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn pair(low: &[u64; 4], high: &[u64; 4]) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(load_4(low)), load_4(high))
}
