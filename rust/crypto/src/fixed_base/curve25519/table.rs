//! A point's multiples: one digit of a scalar is one entry, so that a product is a sum of entries without doublings.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "places of entries: bounded by the table's shape; an index beyond it would panic"
)]

use std::sync::LazyLock;

use super::field::Field;
use super::point::{Niels, Point};
use super::scalar::{Biased, Scalar, bias};

/// Words, least first, of y + x, y − x and 2d·xy, each below p.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(super) struct Entry(pub(super) [[u64; 4]; 3]);

/// Where a digit's entry stands, and whether it is to be negated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) index: u32,
    pub(super) negative: bool,
}

/// The multiples m·2^(WIDTH·i)·P for 1 ≤ m ≤ 2^(WIDTH−1), after the identity in front.
///
/// The last window holds the bits from 2^(WIDTH·(WINDOWS−1)) up to 2^252, and a bias's carry: at most
/// 2^(252 − WIDTH·(WINDOWS−1)). (Where a scalar below L has bit 252, its bits 125 to 251 are zero, so that the bias
/// carries nothing into the last window.)
pub(super) struct Multiples<const WIDTH: usize, const WINDOWS: usize>(Box<[Entry]>);

impl<const WIDTH: usize, const WINDOWS: usize> Multiples<WIDTH, WINDOWS> {
    pub(super) const WIDTH: usize = WIDTH;
    pub(super) const WINDOWS: usize = WINDOWS;
    const HALF: usize = 1 << (WIDTH - 1);
    const LAST: usize = 1 << (252 - WIDTH * (WINDOWS - 1));
    const ENTRIES: usize = 1 + (WINDOWS - 1) * Self::HALF + Self::LAST;
    const BIAS: [u64; 4] = bias(WIDTH, WINDOWS);

    /// Of any point of the curve.
    pub(super) fn new(point: Point) -> Self {
        const { assert!(Self::LAST <= Self::HALF) };
        let mut points = Vec::with_capacity(Self::ENTRIES);
        points.push(Point::IDENTITY);
        let mut base = point;
        for window in 0..WINDOWS {
            let count = if window + 1 == WINDOWS {
                Self::LAST
            } else {
                Self::HALF
            };
            let mut multiple = base;
            points.push(multiple);
            for _ in 1..count {
                multiple = multiple.add(&base);
                points.push(multiple);
            }
            base = multiple.add(&multiple);
        }
        let mut inverses = points.iter().map(|point| point.z).collect::<Vec<_>>();
        Field::invert_all(&mut inverses);
        let entries = points.iter().zip(inverses).map(|(point, inverse)| {
            Entry::new(&Niels::new(point.x.mul(inverse), point.y.mul(inverse)))
        });
        Self(entries.collect())
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// A scalar ready for `place`.
    #[inline(always)]
    pub(super) fn biased(scalar: Scalar) -> Biased {
        scalar.biased(Self::BIAS)
    }

    /// The place of a scalar's digit in one window.
    #[inline(always)]
    pub(super) const fn place(scalar: &Biased, window: usize) -> Place {
        let digit = scalar.digit(WIDTH, WINDOWS, window);
        let index = (window * Self::HALF) as u32 + digit.unsigned_abs();
        Place {
            index: if digit == 0 { 0 } else { index },
            negative: digit < 0,
        }
    }
}

impl Entry {
    fn new(niels: &Niels) -> Self {
        Self([
            niels.y_plus_x.to_words(),
            niels.y_minus_x.to_words(),
            niels.xy2d.to_words(),
        ])
    }

    /// Asks for the entry's two lines to be in the first cache soon, where that can be asked.
    #[inline(always)]
    pub(super) fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        super::ifma::prefetch(&self.0);
    }

    /// The entry's point, or its negative: −(x, y) = (−x, y). Signs are as good as random, so that a branch would be missed.
    #[inline(always)]
    pub(super) fn read(&self, negative: bool) -> Niels {
        let swap = usize::from(negative);
        let xy2d = Field::from_words(&self.0[2]);
        Niels {
            y_plus_x: Field::from_words(&self.0[swap]),
            y_minus_x: Field::from_words(&self.0[1 ^ swap]),
            xy2d: Field::select(negative, xy2d.neg(), xy2d),
        }
    }
}

/// The shape of a key's table: 3,985 entries of 96 bytes, 374 KiB.
pub(super) type KeyMultiples = Multiples<8, 32>;
/// The shape of the base point's, made once in a process: 12,805 entries, 1.2 MiB, that all keys share.
pub(super) type BaseMultiples = Multiples<10, 26>;

/// Multiples of the base point B.
pub(super) static BASE: LazyLock<BaseMultiples> = LazyLock::new(|| {
    // y = 4/5 and x even (RFC 8032 §5.1). It decodes: every entry is tested, and with the identity instead none would be right.
    let mut encoded = [0x66; 32];
    encoded[0] = 0x58;
    BaseMultiples::new(Point::decode(&encoded).unwrap_or(Point::IDENTITY))
});

/// One key's multiples, of −A.
pub(crate) struct Table(KeyMultiples);

impl Table {
    /// None where `ed25519` refuses a key: y ≥ p, no point of the curve, or of small order.
    pub(crate) fn new(public_key: &[u8; 32]) -> Option<Self> {
        let point = Point::decode(public_key)?;
        if point.is_small_order() {
            return None;
        }
        Some(Self(KeyMultiples::new(point.negate())))
    }

    pub(super) const fn multiples(&self) -> &KeyMultiples {
        &self.0
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Table")
    }
}
