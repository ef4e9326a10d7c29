//! The field on eight lanes of five 52-bit limbs: AVX-512 IFMA's products of 52-bit halves, added into 64-bit columns.
#![allow(clippy::indexing_slicing, reason = "a lane modulo eight")]

use std::cell::Cell;

use super::super::Ifma;
use super::field::{FOLD_256, FOLD_260, Fe, OFFSET};
use super::lanes::{Lanes, MAX_LANES, Point, Workspace};
use super::table::Entry;
use super::vector::V;

const LOW_52: u64 = (1 << 52) - 1;
const LOW_48: u64 = (1 << 48) - 1;

/// Elements that may be subtracted: limbs 0 to 3 below 2⁵², limb 4 below 2⁴⁹ + 2¹⁰.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coordinate([V; 5]);

/// Elements that may be multiplied: of limbs 0 to 3 only the low 52 bits count (what is above them went into the next
/// limb already; a multiplication ignores it), limb 4 is below 2⁵².
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor([V; 5]);

/// The ten columns of a product: column i counts 2^(52i). Each is below 2⁵⁶: at most five low and five high halves below
/// 2⁵², and a start in the lower five.
struct Columns([V; 10]);

/// Adds a limb times all limbs: low halves to five columns, high halves to the five that begin with the next.
macro_rules! row {
    ($a:ident, $b:ident: $c0:ident $c1:ident $c2:ident $c3:ident $c4:ident $c5:ident) => {
        let [b0, b1, b2, b3, b4] = $b;
        $c0 = $c0.add_low($a, b0);
        $c1 = $c1.add_low($a, b1);
        $c2 = $c2.add_low($a, b2);
        $c3 = $c3.add_low($a, b3);
        $c4 = $c4.add_low($a, b4);
        $c1 = $c1.add_high($a, b0);
        $c2 = $c2.add_high($a, b1);
        $c3 = $c3.add_high($a, b2);
        $c4 = $c4.add_high($a, b3);
        $c5 = $c5.add_high($a, b4);
    };
}

impl Columns {
    /// Both a·b + start, row by row in turn: each row waits for the one before, and the other product fills the wait.
    /// (Column 9 is one high half: below 2⁵².)
    #[inline(always)]
    fn products(ifma: Ifma, a: [Factor; 2], b: [Factor; 2], start: [[V; 5]; 2]) -> [Self; 2] {
        let zero = V::splat(ifma, 0);
        let [Factor([a0, a1, a2, a3, a4]), Factor([d0, d1, d2, d3, d4])] = a;
        let [Factor(b), Factor(e)] = b;
        let [
            [mut c0, mut c1, mut c2, mut c3, mut c4],
            [mut f0, mut f1, mut f2, mut f3, mut f4],
        ] = start;
        let [mut c5, mut c6, mut c7, mut c8, mut c9] = [zero; 5];
        let [mut f5, mut f6, mut f7, mut f8, mut f9] = [zero; 5];
        row!(a0, b: c0 c1 c2 c3 c4 c5);
        row!(d0, e: f0 f1 f2 f3 f4 f5);
        row!(a1, b: c1 c2 c3 c4 c5 c6);
        row!(d1, e: f1 f2 f3 f4 f5 f6);
        row!(a2, b: c2 c3 c4 c5 c6 c7);
        row!(d2, e: f2 f3 f4 f5 f6 f7);
        row!(a3, b: c3 c4 c5 c6 c7 c8);
        row!(d3, e: f3 f4 f5 f6 f7 f8);
        row!(a4, b: c4 c5 c6 c7 c8 c9);
        row!(d4, e: f4 f5 f6 f7 f8 f9);
        [
            Self([c0, c1, c2, c3, c4, c5, c6, c7, c8, c9]),
            Self([f0, f1, f2, f3, f4, f5, f6, f7, f8, f9]),
        ]
    }

    /// a·b + start.
    #[inline(always)]
    fn product(ifma: Ifma, a: Factor, b: Factor, start: [V; 5]) -> Self {
        let zero = V::splat(ifma, 0);
        let [a0, a1, a2, a3, a4] = a.0;
        let b = b.0;
        let [mut c0, mut c1, mut c2, mut c3, mut c4] = start;
        let [mut c5, mut c6, mut c7, mut c8, mut c9] = [zero; 5];
        row!(a0, b: c0 c1 c2 c3 c4 c5);
        row!(a1, b: c1 c2 c3 c4 c5 c6);
        row!(a2, b: c2 c3 c4 c5 c6 c7);
        row!(a3, b: c3 c4 c5 c6 c7 c8);
        row!(a4, b: c4 c5 c6 c7 c8 c9);
        Self([c0, c1, c2, c3, c4, c5, c6, c7, c8, c9])
    }

    /// a² + start: the products of different limbs once, doubled, then the squares.
    #[inline(always)]
    fn square(ifma: Ifma, a: Factor, start: [V; 5]) -> Self {
        let zero = V::splat(ifma, 0);
        let [a0, a1, a2, a3, a4] = a.0;
        let double = |c: V| c.add(c);
        let c1 = zero.add_low(a0, a1);
        let c2 = zero.add_low(a0, a2).add_high(a0, a1);
        let c3 = zero.add_low(a0, a3).add_high(a0, a2).add_low(a1, a2);
        let c4 = zero
            .add_low(a0, a4)
            .add_high(a0, a3)
            .add_low(a1, a3)
            .add_high(a1, a2);
        let c5 = zero
            .add_high(a0, a4)
            .add_low(a1, a4)
            .add_high(a1, a3)
            .add_low(a2, a3);
        let c6 = zero.add_high(a1, a4).add_low(a2, a4).add_high(a2, a3);
        let c7 = zero.add_high(a2, a4).add_low(a3, a4);
        let c8 = zero.add_high(a3, a4);
        let [s0, s1, s2, s3, s4] = start;
        Self([
            s0.add_low(a0, a0),
            double(c1).add(s1).add_high(a0, a0),
            double(c2).add(s2).add_low(a1, a1),
            double(c3).add(s3).add_high(a1, a1),
            double(c4).add(s4).add_low(a2, a2),
            double(c5).add_high(a2, a2),
            double(c6).add_low(a3, a3),
            double(c7).add_high(a3, a3),
            double(c8).add_low(a4, a4),
            zero.add_high(a4, a4),
        ])
    }

    /// Folds columns 5 and above at 2²⁶⁰, then what is above 2²⁵⁶, and carries once. With `BIASED`, p is added, so that
    /// columns 0 to 3 may be below zero (above −2⁵⁶): column 4 ends in [2⁴⁸ − 2⁵, 2⁴⁹ + 2⁵), else in [0, 2⁴⁸ + 2⁵).
    ///
    /// The caller has 0 ≤ column 4. It stays below 2⁵⁷ with three more halves; `over`, its bits above 2⁴⁸ and 2⁴ times the
    /// upper half of column 9's fold (below 2⁵²·2³⁷/2⁵² = 2³⁷), is below 2⁴² and so a factor.
    #[inline(always)]
    fn reduce<const BIASED: bool>(self, ifma: Ifma) -> Factor {
        let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9] = self.0;
        let fold = V::splat(ifma, FOLD_260);
        // The low 52 bits of a column by both halves; the bits above, below 2⁵, by one product below 2⁴².
        let c0 = c0.add_low(c5, fold);
        let c1 = c1
            .add_high(c5, fold)
            .add_low(c5.shr::<52>(), fold)
            .add_low(c6, fold);
        let c2 = c2
            .add_high(c6, fold)
            .add_low(c6.shr::<52>(), fold)
            .add_low(c7, fold);
        let c3 = c3
            .add_high(c7, fold)
            .add_low(c7.shr::<52>(), fold)
            .add_low(c8, fold);
        let c4 = c4
            .add_high(c8, fold)
            .add_low(c8.shr::<52>(), fold)
            .add_low(c9, fold);
        let c5 = V::splat(ifma, 0).add_high(c9, fold);
        let over = c5.shl::<4>().add(c4.shr::<48>());
        let fold = V::splat(ifma, FOLD_256);
        let low_48 = V::splat(ifma, LOW_48);
        let c4 = if BIASED {
            c4.and_or(low_48, V::splat(ifma, 1 << 48))
        } else {
            c4.and(low_48)
        };
        // p = 2²⁵⁶ − FOLD_256: its upper part just now, its lower part in the caller's start.
        let c0 = c0.add_low(over, fold);
        let c1 = c1.add_high(over, fold);
        Factor(carry(c0, c1, c2, c3, c4))
    }
}

/// One carry from each limb to the next; what was carried stays above the limb's 52 bits.
#[inline(always)]
fn carry(c0: V, c1: V, c2: V, c3: V, c4: V) -> [V; 5] {
    let c1 = c1.add(c0.sar::<52>());
    let c2 = c2.add(c1.sar::<52>());
    let c3 = c3.add(c2.sar::<52>());
    let c4 = c4.add(c3.sar::<52>());
    [c0, c1, c2, c3, c4]
}

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
