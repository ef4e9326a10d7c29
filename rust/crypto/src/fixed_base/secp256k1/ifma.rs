//! The field on eight lanes of five 52-bit limbs, by AVX-512 IFMA.
#![allow(clippy::indexing_slicing, reason = "a lane modulo eight")]

use std::cell::Cell;

use super::super::Ifma;
use super::columns::{Columns, Factor, carry};
use super::field::{FOLD_256, Fe, LOW_52, OFFSET};
use super::lanes::{Lanes, MAX_LANES, Point, Workspace};
use super::table::Entry;
use super::vector::V;

/// Elements that may be subtracted: limbs 0 to 3 below 2⁵², limb 4 below 2⁴⁹ + 2¹⁰.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coordinate([V; 5]);

/// A biased reduction's limb 4 fits a coordinate's; the others lose what was carried.
#[inline(always)]
fn clean(ifma: Ifma, a: Factor) -> Coordinate {
    let mask = V::splat(ifma, LOW_52);
    let [a0, a1, a2, a3, a4] = a.0;
    Coordinate([a0.and(mask), a1.and(mask), a2.and(mask), a3.and(mask), a4])
}

/// Lane i becomes lane i xor `DISTANCE`.
#[inline(always)]
fn swap<const DISTANCE: u8>(a: Factor) -> Factor {
    let [a0, a1, a2, a3, a4] = a.0;
    Factor([
        a0.swap::<DISTANCE>(),
        a1.swap::<DISTANCE>(),
        a2.swap::<DISTANCE>(),
        a3.swap::<DISTANCE>(),
        a4.swap::<DISTANCE>(),
    ])
}

/// 256 bits in four words to limbs.
#[inline(always)]
fn limbs(ifma: Ifma, [w0, w1, w2, w3]: [V; 4]) -> Coordinate {
    let mask = V::splat(ifma, LOW_52);
    Coordinate([
        w0.and(mask),
        w0.shr::<52>().or_and(w1.shl::<12>(), mask),
        w1.shr::<40>().or_and(w2.shl::<24>(), mask),
        w2.shr::<28>().or_and(w3.shl::<36>(), mask),
        w3.shr::<16>(),
    ])
}

/// −y + 2δ + 4p, and p by the bias: column 4 starts above 2⁵⁰ − 2⁴⁹ − 2¹⁰.
#[inline(always)]
fn less(ifma: Ifma, y: Coordinate) -> [V; 5] {
    const FOUR_P: (u64, u64) = multiple_of_p(4);
    const LOWEST: u64 = FOUR_P.0.wrapping_add(2 * OFFSET).wrapping_sub(FOLD_256);
    let [y0, y1, y2, y3, y4] = y.0;
    let zero = V::splat(ifma, 0);
    [
        V::splat(ifma, LOWEST).sub(y0),
        zero.sub(y1),
        zero.sub(y2),
        zero.sub(y3),
        V::splat(ifma, FOUR_P.1).sub(y4),
    ]
}

/// multiple·p in the two limbs that differ from zero when limb 0 may be negative: p = 2²⁵⁶ − FOLD_256.
#[inline(always)]
const fn multiple_of_p(multiple: u64) -> (u64, u64) {
    (
        FOLD_256.wrapping_mul(multiple).wrapping_neg(),
        multiple << 48,
    )
}

thread_local! {
    static WORKSPACE: Cell<Workspace<Ifma>> = Cell::default();
}

impl Lanes for Ifma {
    const LANES: usize = 8;
    type Coordinate = Coordinate;
    type Factor = Factor;

    fn workspace(self) -> Workspace<Self> {
        WORKSPACE.take()
    }

    fn keep(self, workspace: Workspace<Self>) {
        WORKSPACE.set(workspace);
    }

    #[inline(always)]
    fn prefetch(self, entry: &Entry) {
        V::prefetch(self, entry);
    }

    #[inline(always)]
    fn one(self) -> Factor {
        let zero = V::splat(self, 0);
        Factor([V::splat(self, 1), zero, zero, zero, zero])
    }

    #[inline(always)]
    fn origin(self) -> Point<Coordinate> {
        let zero = Coordinate([V::splat(self, 0); 5]);
        Point { x: zero, y: zero }
    }

    /// a − b + 4p: limb 4 in [2⁵⁰ − 2⁴⁹ − 2¹⁰ − 1, 2⁵⁰ + 2⁴⁹ + 2¹⁰).
    #[inline(always)]
    fn sub(self, a: Coordinate, b: Coordinate) -> Factor {
        const FOUR_P: (u64, u64) = multiple_of_p(4);
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (a.0, b.0);
        Factor(carry(
            a0.sub(b0).add(V::splat(self, FOUR_P.0)),
            a1.sub(b1),
            a2.sub(b2),
            a3.sub(b3),
            a4.sub(b4).add(V::splat(self, FOUR_P.1)),
        ))
    }

    #[inline(always)]
    fn mul(self, a: Factor, b: Factor) -> Factor {
        let zero = V::splat(self, 0);
        Columns::product(self, a, b, [zero; 5]).reduce::<false>(self)
    }

    #[inline(always)]
    fn mul_two(self, a: [Factor; 2], b: [Factor; 2]) -> [Factor; 2] {
        let [c, f] = Columns::products(self, a, b, [[V::splat(self, 0); 5]; 2]);
        [c.reduce::<false>(self), f.reduce::<false>(self)]
    }

    /// a² − b − c + 8p, and p by the bias: column 4 starts above 2⁵¹ − 2⁵⁰ − 2¹¹.
    #[inline(always)]
    fn square_less(self, a: Factor, b: Coordinate, c: Coordinate) -> Coordinate {
        const EIGHT_P: (u64, u64) = multiple_of_p(8);
        let ([b0, b1, b2, b3, b4], [c0, c1, c2, c3, c4]) = (b.0, c.0);
        let zero = V::splat(self, 0);
        let low = V::splat(self, EIGHT_P.0.wrapping_sub(FOLD_256));
        let start = [
            low.sub(b0).sub(c0),
            zero.sub(b1).sub(c1),
            zero.sub(b2).sub(c2),
            zero.sub(b3).sub(c3),
            V::splat(self, EIGHT_P.1).sub(b4).sub(c4),
        ];
        clean(self, Columns::square(self, a, start).reduce::<true>(self))
    }

    #[inline(always)]
    fn mul_less(self, a: Factor, b: Factor, y: Coordinate) -> Coordinate {
        let columns = Columns::product(self, a, b, less(self, y));
        clean(self, columns.reduce::<true>(self))
    }

    #[inline(always)]
    fn mul_less_two(
        self,
        a: [Factor; 2],
        b: [Factor; 2],
        [y, z]: [Coordinate; 2],
    ) -> [Coordinate; 2] {
        let [c, f] = Columns::products(self, a, b, [less(self, y), less(self, z)]);
        [
            clean(self, c.reduce::<true>(self)),
            clean(self, f.reduce::<true>(self)),
        ]
    }

    /// One scalar inversion: of the product of all lanes, gathered in three steps that also leave what undoes them.
    #[inline(always)]
    fn invert(self, a: Factor) -> Option<Factor> {
        let swapped = swap::<1>(a);
        let pairs = self.mul(a, swapped);
        let swapped_pairs = swap::<2>(pairs);
        let fours = self.mul(pairs, swapped_pairs);
        let swapped_fours = swap::<4>(fours);
        let all = self.mul(fours, swapped_fours);
        let all = self.get(clean(self, all), 0);
        if all.is_zero() {
            return None;
        }
        let [i0, i1, i2, i3, i4] = all.invert().0;
        let inverse = Factor([
            V::splat(self, i0),
            V::splat(self, i1),
            V::splat(self, i2),
            V::splat(self, i3),
            V::splat(self, i4),
        ]);
        let over_four = self.mul(inverse, swapped_fours);
        let over_pair = self.mul(over_four, swapped_pairs);
        Some(self.mul(over_pair, swapped))
    }

    #[inline(always)]
    fn load(
        self,
        entries: &[&Entry; MAX_LANES],
        negative: &[u64; MAX_LANES],
        sign: u32,
    ) -> Point<Coordinate> {
        let negative = V::from_array(self, negative).meets(V::splat(self, 1 << (sign & 63)));
        let ones = V::splat(self, u64::MAX);
        let [x0, x1, x2, x3, y0, y1, y2, y3] = V::transpose(self, entries);
        let y = [
            y0.complement(negative, ones),
            y1.complement(negative, ones),
            y2.complement(negative, ones),
            y3.complement(negative, ones),
        ];
        Point {
            x: limbs(self, [x0, x1, x2, x3]),
            y: limbs(self, y),
        }
    }

    #[inline(always)]
    fn get(self, a: Coordinate, lane: usize) -> Fe {
        let mut limbs = [0; 5];
        for (limb, vector) in limbs.iter_mut().zip(a.0) {
            *limb = vector.to_array()[lane % 8];
        }
        Fe(limbs)
    }

    #[inline(always)]
    fn set(self, a: &mut Coordinate, lane: usize, value: bool) {
        for (i, vector) in a.0.iter_mut().enumerate() {
            let mut words = vector.to_array();
            words[lane % 8] = u64::from(value && i == 0);
            *vector = V::from_array(self, &words);
        }
    }

    #[cfg(test)]
    fn coordinate(self, limbs: &[[u64; 5]; MAX_LANES]) -> Coordinate {
        Coordinate(std::array::from_fn(|i| {
            V::from_array(self, &limbs.map(|limbs| limbs[i]))
        }))
    }

    #[cfg(test)]
    fn factor(self, limbs: &[[u64; 5]; MAX_LANES]) -> Factor {
        Factor(self.coordinate(limbs).0)
    }

    #[cfg(test)]
    fn limbs(self, a: Factor, lane: usize) -> [u64; 5] {
        let [a0, a1, a2, a3, a4] = a.0.map(|limb| limb.to_array()[lane]);
        [a0 & LOW_52, a1 & LOW_52, a2 & LOW_52, a3 & LOW_52, a4]
    }
}
