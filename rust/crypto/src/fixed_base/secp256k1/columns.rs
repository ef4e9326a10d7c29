//! Products of eight lanes at once: IFMA's 52-bit halves added into 64-bit columns, and columns folded into limbs.

use super::super::Ifma;
use super::field::{FOLD_256, FOLD_260, LOW_48};
use super::vector::V;

/// Elements that may be multiplied: of limbs 0 to 3 only the low 52 bits count (what is above them went into the next
/// limb already; a multiplication ignores it), limb 4 is below 2⁵².
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor(pub(super) [V; 5]);

/// The ten columns of a product: column i counts 2^(52i). Each is below 2⁵⁶: at most five low and five high halves below
/// 2⁵², and a start in the lower five.
pub(super) struct Columns([V; 10]);

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
    pub(super) fn products(
        ifma: Ifma,
        a: [Factor; 2],
        b: [Factor; 2],
        start: [[V; 5]; 2],
    ) -> [Self; 2] {
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
    pub(super) fn product(ifma: Ifma, a: Factor, b: Factor, start: [V; 5]) -> Self {
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
    pub(super) fn square(ifma: Ifma, a: Factor, start: [V; 5]) -> Self {
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
    pub(super) fn reduce<const BIASED: bool>(self, ifma: Ifma) -> Factor {
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
pub(super) fn carry(c0: V, c1: V, c2: V, c3: V, c4: V) -> [V; 5] {
    let c1 = c1.add(c0.sar::<52>());
    let c2 = c2.add(c1.sar::<52>());
    let c3 = c3.add(c2.sar::<52>());
    let c4 = c4.add(c3.sar::<52>());
    [c0, c1, c2, c3, c4]
}
