//! S·B − h·A for eight signatures at once, one in each lane; the only unsafe code of this engine.
#![allow(
    unsafe_code,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "instructions and aligned loads; places are within the table that made them, an index beyond it would panic"
)]

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_loadu_si256, _mm512_castsi256_si512, _mm512_inserti64x4,
    _mm512_mask_sub_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_shuffle_i64x2,
    _mm512_storeu_si512, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::field::Field;
use super::job::Job;
use super::lanes::{Columns, Factor};
use super::point::Point;
use super::portable;
use super::scalar::Biased;
use super::table::{BASE, BaseMultiples, Entry, KeyMultiples};
use crate::fixed_base::Ifma;

/// Appends the encoding of S·B − h·A for each job.
pub(super) fn encode_sums(_: Ifma, jobs: &[Job<'_>], encodings: &mut Vec<[u8; 32]>) {
    let mut sums = Vec::with_capacity(jobs.len().next_multiple_of(8));
    for group in jobs.chunks(8) {
        // Lanes without a job of their own repeat the last one's; their sums are cut off.
        let lanes = std::array::from_fn(|lane| &group[lane.min(group.len().saturating_sub(1))]);
        // SAFETY: an `Ifma` exists only where the processor has every instruction that `sum` is compiled for.
        sums.extend(unsafe { sum(lanes) });
    }
    sums.truncate(jobs.len());
    portable::encode(&sums, encodings);
}

/// Extended coordinates of eight points: `t` is a factor of the next addition, the others only of sums.
struct Points {
    x: Columns,
    y: Columns,
    z: Columns,
    t: Factor,
}

/// What an addition needs of eight table entries: y + x, y − x and 2d·xy.
struct Niels {
    y_plus_x: Factor,
    y_minus_x: Factor,
    xy2d: Factor,
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn sum(jobs: [&Job<'_>; 8]) -> [Point; 8] {
    let base = BASE.entries();
    let s = jobs.map(|job| BaseMultiples::biased(job.s));
    let mut points = Points::identity();
    for window in 0..BaseMultiples::WINDOWS {
        let places = s.each_ref().map(|s| BaseMultiples::place(s, window));
        let mut negative = 0;
        for lane in 0..8 {
            negative |= u8::from(places[lane].negative) << lane;
        }
        let entries = places.map(|place| &base[place.index as usize]);
        points.add(&Niels::load(entries, negative));
    }
    let tables = jobs.map(|job| job.table.multiples().entries());
    let h = jobs.map(|job| KeyMultiples::biased(job.h));
    for window in 0..KeyMultiples::WINDOWS {
        let places = h
            .each_ref()
            .map(|h: &Biased| KeyMultiples::place(h, window));
        let mut negative = 0;
        for lane in 0..8 {
            negative |= u8::from(places[lane].negative) << lane;
        }
        let entries = std::array::from_fn(|lane| &tables[lane][places[lane].index as usize]);
        points.add(&Niels::load(entries, negative));
    }
    points.split()
}

impl Points {
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
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
    #[target_feature(enable = "avx512f,avx512ifma")]
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

    /// The lanes, one by one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn split(&self) -> [Point; 8] {
        let (x, y, z) = (fields(&self.x), fields(&self.y), fields(&self.z));
        std::array::from_fn(|lane| Point {
            x: x[lane],
            y: y[lane],
            z: z[lane],
            t: Field::ZERO,
        })
    }
}

impl Niels {
    /// The entries' points, or the negatives where `negative` has a bit: −(x, y) = (−x, y).
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn load(entries: [&Entry; 8], negative: u8) -> Self {
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
#[target_feature(enable = "avx512f,avx512ifma")]
fn transpose(w: [&[u64; 4]; 8]) -> [__m512i; 4] {
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
#[target_feature(enable = "avx512f,avx512ifma")]
fn pair(low: &[u64; 4], high: &[u64; 4]) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(load(low)), load(high))
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn load(words: &[u64; 4]) -> __m256i {
    // SAFETY: the reference is to 32 readable bytes; no alignment is asked for.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Eight elements out of their lanes; carried first, so that they are loose ones of `Field`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn fields(columns: &Columns) -> [Field; 8] {
    let limbs = columns.carry().0.map(|limb| {
        let mut lanes = [0_u64; 8];
        // SAFETY: `lanes` is 64 writable bytes; no alignment is asked for.
        unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), limb) };
        lanes
    });
    std::array::from_fn(|lane| Field(limbs.each_ref().map(|limb| limb[lane])))
}
