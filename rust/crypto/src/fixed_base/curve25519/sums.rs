//! S·B − h·A for eight signatures at once, one in each lane.
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "lanes are eight, and places within the table that made them: an index beyond it would panic"
)]

use std::arch::x86_64::{
    __m512i, _mm512_castsi256_si512, _mm512_inserti64x4, _mm512_mask_sub_epi64, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::ifma::{load_4, prefetch};
use super::job::Job;
use super::lanes::{Columns, Factor};
use super::scalar::Scalar;
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
    let base = BASE.entries();
    let mut sums = Vec::with_capacity(jobs.len().div_ceil(8));
    for (jobs, challenges) in jobs.chunks(8).zip(challenges.chunks(8)) {
        // Rows of eight entries, one for each lane, and the lanes whose entry is to be negated.
        let mut rows = [[&base[0]; 8]; ENTRIES];
        let mut negative = [0_u8; ENTRIES];
        for lane in 0..8 {
            let own = lane.min(jobs.len().saturating_sub(1));
            let job = &jobs[own];
            let (of_base, of_key) = rows.split_at_mut(BaseMultiples::WINDOWS);
            let (sign_base, sign_key) = negative.split_at_mut(BaseMultiples::WINDOWS);
            let s = BaseMultiples::biased(job.s);
            for (window, (row, sign)) in of_base.iter_mut().zip(sign_base).enumerate() {
                let place = BaseMultiples::place(&s, window);
                row[lane] = &base[place.index as usize];
                *sign |= u8::from(place.negative) << lane;
            }
            let key = job.check.table.multiples().entries();
            let h = KeyMultiples::biased(challenges[own]);
            for (window, (row, sign)) in of_key.iter_mut().zip(sign_key).enumerate() {
                let place = KeyMultiples::place(&h, window);
                row[lane] = &key[place.index as usize];
                *sign |= u8::from(place.negative) << lane;
            }
        }
        let mut points = Points::identity();
        for (index, (row, sign)) in rows.iter().zip(negative).enumerate() {
            if let Some(row) = rows.get(index.wrapping_add(AHEAD)) {
                for entry in row {
                    prefetch(entry);
                }
            }
            points.add(&Niels::load(row, sign));
        }
        sums.push(points);
    }
    sums
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
