//! The field of p = 2²⁵⁶ − 2³² − 977 in five 64-bit words of 52 bits: what the portable backend computes with.
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "constant indices into five limbs; splitting a u128 into its limbs"
)]

use super::inverse::{self, Modulus};

/// p in 64-bit words, the least first.
pub(super) const P: [u64; 4] = [
    0xffff_fffe_ffff_fc2f,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];
/// 2²⁵⁶ modulo p.
pub(super) const FOLD_256: u64 = 0x1_0000_03d1;
/// 2²⁶⁰ modulo p.
pub(super) const FOLD_260: u64 = FOLD_256 << 4;
/// What every ordinate in tables and sums carries on top of y, modulo p: with it, the complement of all 256 bits is the
/// negation. For 2²⁵⁶ − 1 − (y + δ) = −y + δ (mod p) where 2δ = 2²⁵⁶ − 1 − p.
pub(super) const OFFSET: u64 = (FOLD_256 - 1) / 2;

pub(super) const LOW_52: u64 = (1 << 52) - 1;
pub(super) const LOW_48: u64 = (1 << 48) - 1;
const P_LIMBS: [u64; 5] = [0xf_fffe_ffff_fc2f, LOW_52, LOW_52, LOW_52, LOW_48];

const FOUR_P: [u64; 5] = [
    P_LIMBS[0] << 2,
    P_LIMBS[1] << 2,
    P_LIMBS[2] << 2,
    P_LIMBS[3] << 2,
    P_LIMBS[4] << 2,
];

static MODULUS: Modulus = Modulus::new(P);

/// An element: Σ limb[i]·2^(52i), not always below p.
///
/// *Tight*: limbs 0 to 3 below 2⁵², limb 4 below 2⁴⁸ + 2⁴⁵. *Loose*: limbs 0 to 3 below 2⁵⁶, limb 4 below 2⁵². Every
/// function takes loose elements and returns tight ones unless it says otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fe(pub(super) [u64; 5]);

/// Σ products + rest: at most five products of 56-bit limbs and small terms, below 2¹¹⁶.
macro_rules! sum {
    ($start:expr $(, $a:expr, $b:expr)*) => {
        $start $( .wrapping_add(($a as u128).wrapping_mul($b as u128)) )*
    };
}

impl Fe {
    pub(super) const ZERO: Self = Self([0; 5]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0]);

    pub(super) const fn small(value: u32) -> Self {
        Self([value as u64, 0, 0, 0, 0])
    }

    /// Reads any 256-bit number; at or above p it is taken modulo p.
    #[inline(always)]
    pub(super) const fn from_words(w: &[u64; 4]) -> Self {
        Self([
            w[0] & LOW_52,
            (w[0] >> 52 | w[1] << 12) & LOW_52,
            (w[1] >> 40 | w[2] << 24) & LOW_52,
            (w[2] >> 28 | w[3] << 36) & LOW_52,
            w[3] >> 16,
        ])
    }

    /// The one number below p.
    #[inline(always)]
    pub(super) const fn to_words(self) -> [u64; 4] {
        let [a, b, c, d, e] = self.canonical().0;
        [
            a | b << 52,
            b >> 12 | c << 40,
            c >> 24 | d << 28,
            d >> 36 | e << 16,
        ]
    }

    /// One round of carries. Limb 4 of the result is at most 2⁴⁸ + 2⁴: limb 3's carry is below 2⁵.
    #[inline(always)]
    const fn tighten(self) -> Self {
        let [a, b, c, d, e] = self.0;
        // limb 4 < 2⁵⁷, so its part above 2⁴⁸ is below 2⁹ and the product below 2⁴².
        let a = a.wrapping_add((e >> 48).wrapping_mul(FOLD_256));
        let b = b.wrapping_add(a >> 52);
        let c = c.wrapping_add(b >> 52);
        let d = d.wrapping_add(c >> 52);
        let e = (e & LOW_48).wrapping_add(d >> 52);
        Self([a & LOW_52, b & LOW_52, c & LOW_52, d & LOW_52, e])
    }

    /// Fully reduced: the one representation with a value below p.
    #[inline(always)]
    pub(super) const fn canonical(self) -> Self {
        // A tight value is below 2²⁵⁶ + 2²¹³ < 2p: one subtraction of p, as adding 2²⁵⁶ − p and dropping bit 256.
        let [a, b, c, d, e] = self.tighten().0;
        let at_least_p = e >> 48 != 0 || (e == LOW_48 && d & c & b == LOW_52 && a >= P_LIMBS[0]);
        let a = a.wrapping_add(if at_least_p { FOLD_256 } else { 0 });
        let b = b.wrapping_add(a >> 52);
        let c = c.wrapping_add(b >> 52);
        let d = d.wrapping_add(c >> 52);
        let e = e.wrapping_add(d >> 52);
        Self([a & LOW_52, b & LOW_52, c & LOW_52, d & LOW_52, e & LOW_48])
    }

    pub(super) const fn is_zero(self) -> bool {
        let [a, b, c, d, e] = self.canonical().0;
        a | b | c | d | e == 0
    }

    /// self + other; the sum of both magnitudes must stay loose.
    pub(super) const fn add(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self([
            a[0].wrapping_add(b[0]),
            a[1].wrapping_add(b[1]),
            a[2].wrapping_add(b[2]),
            a[3].wrapping_add(b[3]),
            a[4].wrapping_add(b[4]),
        ])
        .tighten()
    }

    /// self − other, both tight or an IFMA coordinate (limb 4 below 2⁴⁹ + 2¹⁰, so below 4p's).
    pub(super) const fn sub(self, other: Self) -> Self {
        self.sub_loose(other).tighten()
    }

    /// −a − b + 4p for tight a and b; the result is loose.
    #[inline(always)]
    pub(super) const fn negated_sum(a: Self, b: Self) -> Self {
        let (a, b) = (a.0, b.0);
        // 4p's limbs are at least 2⁵⁴ − 2³⁵ and 2⁵⁰ − 4; two tight ones below 2⁵³ and 2⁴⁹ + 2⁴⁶.
        Self([
            FOUR_P[0].wrapping_sub(a[0]).wrapping_sub(b[0]),
            FOUR_P[1].wrapping_sub(a[1]).wrapping_sub(b[1]),
            FOUR_P[2].wrapping_sub(a[2]).wrapping_sub(b[2]),
            FOUR_P[3].wrapping_sub(a[3]).wrapping_sub(b[3]),
            FOUR_P[4].wrapping_sub(a[4]).wrapping_sub(b[4]),
        ])
    }

    /// self − other + 4p, both tight; the result is loose: limbs below 2⁵⁴ + 2⁵², the last below 2⁵¹.
    #[inline(always)]
    pub(super) const fn sub_loose(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        // 4p's limbs are at least 2⁵⁴ − 2³⁵ and 2⁵⁰ − 4: no difference is below zero.
        Self([
            a[0].wrapping_add(FOUR_P[0]).wrapping_sub(b[0]),
            a[1].wrapping_add(FOUR_P[1]).wrapping_sub(b[1]),
            a[2].wrapping_add(FOUR_P[2]).wrapping_sub(b[2]),
            a[3].wrapping_add(FOUR_P[3]).wrapping_sub(b[3]),
            a[4].wrapping_add(FOUR_P[4]).wrapping_sub(b[4]),
        ])
    }

    #[inline(always)]
    pub(super) const fn mul(self, other: Self) -> Self {
        self.mul_add(other, Self::ZERO)
    }

    #[inline(always)]
    pub(super) const fn sqr(self) -> Self {
        self.sqr_add(Self::ZERO)
    }

    /// self·other + addend, all loose: the multiplication of libsecp256k1's field_5x52, with the addend in its columns.
    ///
    /// Bounds: a product of limbs below 2⁵⁶ is below 2¹¹², so a column of at most five, an addend and a carry below 2¹¹⁵.
    #[inline(always)]
    pub(super) const fn mul_add(self, other: Self, addend: Self) -> Self {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, other.0);
        let [e0, e1, e2, e3, e4] = addend.0;
        reduce(
            [
                sum!(e0 as u128, a0, b0),
                sum!(e1 as u128, a0, b1, a1, b0),
                sum!(e2 as u128, a0, b2, a1, b1, a2, b0),
                sum!(e3 as u128, a0, b3, a1, b2, a2, b1, a3, b0),
                sum!(e4 as u128, a0, b4, a1, b3, a2, b2, a3, b1, a4, b0),
            ],
            [
                sum!(0u128, a1, b4, a2, b3, a3, b2, a4, b1),
                sum!(0u128, a2, b4, a3, b3, a4, b2),
                sum!(0u128, a3, b4, a4, b3),
                sum!(0u128, a4, b4),
            ],
        )
    }

    /// self² + addend, both loose.
    #[inline(always)]
    pub(super) const fn sqr_add(self, addend: Self) -> Self {
        let [a0, a1, a2, a3, a4] = self.0;
        let [e0, e1, e2, e3, e4] = addend.0;
        let (d0, d1, d2, d3) = (a0 << 1, a1 << 1, a2 << 1, a3 << 1);
        reduce(
            [
                sum!(e0 as u128, a0, a0),
                sum!(e1 as u128, d0, a1),
                sum!(e2 as u128, d0, a2, a1, a1),
                sum!(e3 as u128, d0, a3, d1, a2),
                sum!(e4 as u128, d0, a4, d1, a3, a2, a2),
            ],
            [
                sum!(0u128, d1, a4, d2, a3),
                sum!(0u128, d2, a4, a3, a3),
                sum!(0u128, d3, a4),
                sum!(0u128, a4, a4),
            ],
        )
    }

    /// 1/self, and 0 for 0.
    pub(super) fn invert(self) -> Self {
        Self::from_words(&inverse::invert(&MODULUS, &self.to_words()))
    }
}

/// Nine columns of 52 bits' weight to a tight element.
///
/// Bounds: a column is below 2¹¹⁵, so what it carries (>> 52) below 2⁶³. Column 8 is one product of last limbs, below
/// 2¹⁰⁴: its upper word is below 2⁴⁰. Column 7 with its carry is below 2¹¹⁰ (each product has a last limb): its upper word
/// below 2⁴⁶. Each fold adds less than 2⁶⁴·2⁴⁹ = 2¹¹³. So all sums are below 2¹¹⁶. Limb 3 gathers t3 < 2⁵², a carry
/// below 2⁶⁴ and 2⁴⁶·2⁴⁹ = 2⁹⁵: it carries less than 2⁴⁴ into limb 4, which was below 2⁴⁸.
#[inline(always)]
const fn reduce(low: [u128; 5], high: [u128; 4]) -> Fe {
    let [p0, p1, p2, p3, p4] = low;
    let [p5, p6, p7, p8] = high;
    // Columns 3 and 4 first: they make room for what 2²⁵⁶ and above folds to.
    let d = sum!(p3, p8 as u64, FOLD_260);
    let c = (p8 >> 64) as u64;
    let t3 = d as u64 & LOW_52;
    let d = sum!(p4.wrapping_add(d >> 52), c, FOLD_260 << 12);
    let t4 = d as u64 & LOW_52;
    let d = p5.wrapping_add(d >> 52);
    let u0 = (d as u64 & LOW_52) << 4 | t4 >> 48;
    let t4 = t4 & LOW_48;
    let c = sum!(p0, u0, FOLD_256);
    let r0 = c as u64 & LOW_52;
    let d = p6.wrapping_add(d >> 52);
    let c = sum!(p1.wrapping_add(c >> 52), d as u64 & LOW_52, FOLD_260);
    let r1 = c as u64 & LOW_52;
    let d = p7.wrapping_add(d >> 52);
    let c = sum!(p2.wrapping_add(c >> 52), d as u64, FOLD_260);
    let r2 = c as u64 & LOW_52;
    let d = (d >> 64) as u64;
    let c = sum!((t3 as u128).wrapping_add(c >> 52), d, FOLD_260 << 12);
    let r3 = c as u64 & LOW_52;
    let r4 = t4.wrapping_add((c >> 52) as u64);
    Fe([r0, r1, r2, r3, r4])
}
