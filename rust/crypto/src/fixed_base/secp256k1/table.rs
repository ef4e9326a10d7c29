//! One key's multiples: for every window the 128 odd multiples 1, 3, … 255 of 256^window·P, in affine form.
#![allow(
    clippy::indexing_slicing,
    reason = "an index modulo the length is below it"
)]

use std::sync::LazyLock;

use super::field::{Fe, OFFSET, P};
use super::lanes::{Point, Portable};
use super::recode::{MAGNITUDES, WINDOWS};
use super::scalar::{self, Words};
use super::sum;

/// x, then y + δ (`field::OFFSET`), each below p in words with the least first: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Entry(pub(super) [u64; 8]);

/// A point's multiples: 32 × 128 entries of 64 bytes, 256 KiB.
#[derive(Debug)]
pub(crate) struct Table(Box<[[Entry; MAGNITUDES]; WINDOWS]>);

/// The uncompressed generator (SEC 2, 2.4.1).
const GENERATOR: [u8; 65] = [
    0x04, 0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac, 0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b,
    0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce, 0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17,
    0x98, 0x48, 0x3a, 0xda, 0x77, 0x26, 0xa3, 0xc4, 0x65, 0x5d, 0xa4, 0xfb, 0xfc, 0x0e, 0x11, 0x08,
    0xa8, 0xfd, 0x17, 0xb4, 0x48, 0xa6, 0x85, 0x54, 0x19, 0x9c, 0x47, 0xd0, 0x8f, 0xfb, 0x10, 0xd4,
    0xb8,
];

static OF_GENERATOR: LazyLock<Option<Table>> = LazyLock::new(|| Table::new(&GENERATOR));

impl Table {
    /// The generator's multiples, built once in a process.
    pub(super) fn of_generator() -> Option<&'static Self> {
        OF_GENERATOR.as_ref()
    }

    /// Reads an uncompressed point (SEC 1, 2.3.4) and computes its multiples; nothing if it is not on the curve.
    pub(crate) fn new(uncompressed: &[u8; 65]) -> Option<Self> {
        let (&[tag, ref x @ ..], y) = uncompressed.split_first_chunk::<33>()?;
        let (x, y) = (read(x)?, read(y.try_into().ok()?)?);
        let on_curve = y.sqr().sub(x.sqr().mul(x).add(Fe::small(7))).is_zero();
        (tag == 0x04 && on_curve).then(|| Self::of_point(x, y))?
    }

    /// The entry of a window (0 … 31) for the magnitude 2·index + 1, an index of 0 … 127.
    #[inline(always)]
    pub(super) fn entry(&self, window: usize, index: u8) -> &Entry {
        &self.0[window % WINDOWS][usize::from(index) % MAGNITUDES]
    }

    /// Doubles the number of magnitudes of all windows seven times: T[j + m] = T[j] + 2m·T[0].
    ///
    /// No addition is exceptional: 2j + 1 ± 2m is odd and small, so never 0 modulo the prime order of the group.
    fn of_point(x: Fe, y: Fe) -> Option<Self> {
        // 2^t·P for t in 0 … 255.
        let powers = powers_of_two(x, y);
        let mut rows: Vec<Vec<Point<Fe>>> =
            powers.iter().step_by(8).map(|point| vec![*point]).collect();
        let mut prefixes = Vec::new();
        for step in 1..8 {
            // First all the T[j], then as often the 2m·T[0] of each one's window.
            let mut points: Vec<Point<Fe>> = rows.iter().flatten().copied().collect();
            for (row, power) in rows.iter().zip(powers.iter().skip(step).step_by(8)) {
                points.extend(row.iter().map(|_| *power));
            }
            if !sum::add_halves(Portable, &mut points, &mut prefixes) {
                return None;
            }
            let mut sums = points.into_iter();
            for row in &mut rows {
                let size = row.len();
                row.extend(sums.by_ref().take(size));
            }
        }
        let entries: Vec<[Entry; MAGNITUDES]> = rows
            .iter()
            .map(|row| row.iter().map(entry).collect::<Vec<_>>().try_into().ok())
            .collect::<Option<_>>()?;
        Some(Self(entries.into_boxed_slice().try_into().ok()?))
    }
}

fn entry(point: &Point<Fe>) -> Entry {
    let ([x0, x1, x2, x3], [y0, y1, y2, y3]) = (point.x.to_words(), point.y.to_words());
    Entry([x0, x1, x2, x3, y0, y1, y2, y3])
}

/// A coordinate below p.
fn read(bytes: &[u8; 32]) -> Option<Fe> {
    let words: Words = scalar::from_bytes(bytes);
    scalar::less(&words, &P).then(|| Fe::from_words(&words))
}

/// 2^t·P for t in 0 … 255, affine, with y + δ.
fn powers_of_two(x: Fe, y: Fe) -> Vec<Point<Fe>> {
    // Jacobian doublings for a = 0 (EFD, dbl-2009-l): x = X/Z², y = Y/Z³. The order is odd and prime: never the identity.
    let mut jacobian = vec![(x, y, Fe::ONE)];
    let (mut x, mut y, mut z) = (x, y, Fe::ONE);
    for _ in 1..(WINDOWS * 8) {
        let a = x.sqr();
        let b = y.sqr();
        let c = b.sqr();
        let half_d = x.add(b).sqr().sub(a).sub(c);
        let d = half_d.add(half_d);
        let e = a.add(a).add(a);
        let x3 = e.sqr().sub(d).sub(d);
        let two_c = c.add(c);
        let four_c = two_c.add(two_c);
        let y3 = e.mul(d.sub(x3)).sub(four_c).sub(four_c);
        let half_z3 = y.mul(z);
        (x, y, z) = (x3, y3, half_z3.add(half_z3));
        jacobian.push((x, y, z));
    }
    // One inversion for all Z (Montgomery's trick).
    let mut product = Fe::ONE;
    let prefixes: Vec<Fe> = jacobian
        .iter()
        .map(|(_, _, z)| {
            let before = product;
            product = before.mul(*z);
            before
        })
        .collect();
    let mut inverse = product.invert();
    let mut points: Vec<Point<Fe>> = jacobian
        .iter()
        .zip(&prefixes)
        .rev()
        .map(|((x, y, z), prefix)| {
            let over_z = inverse.mul(*prefix);
            inverse = inverse.mul(*z);
            let over_z2 = over_z.sqr();
            Point {
                x: x.mul(over_z2),
                y: y.mul(over_z2.mul(over_z)).add(Fe([OFFSET, 0, 0, 0, 0])),
            }
        })
        .collect();
    points.reverse();
    points
}
