//! The field modulo p = 2^255 − 19 on any processor: five limbs of 51 bits, carried only by products.
//!
//! Two bounds on every limb, by which nothing here overflows:
//! - *tight*, below 2^51 + 2^13: what `mul`, `square`, `from_words` and `carry` give;
//! - *loose*, below 2^54: what `mul`, `square` and `carry` take. `add` and `sub` of tight elements give at most 2^53, and
//!   doubling a tight one before that still stays below 2^54.
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "limbs: arrays of fixed size under constant indices, and widths that the stated bounds keep"
)]

/// The low 51 bits.
const MASK: u64 = (1 << 51) - 1;
/// 2p, limb by limb: each is above any tight limb.
const TWICE_P: [u64; 5] = [
    (1 << 52) - 38,
    (1 << 52) - 2,
    (1 << 52) - 2,
    (1 << 52) - 2,
    (1 << 52) - 2,
];

/// An element: Σ limb\[i\]·2^(51i), not necessarily below p.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field(pub(super) [u64; 5]);

impl Field {
    pub(super) const ZERO: Self = Self([0; 5]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0]);

    /// The low 255 bits of four words, least first. Tight.
    #[inline(always)]
    pub(super) const fn from_words(w: &[u64; 4]) -> Self {
        Self([
            w[0] & MASK,
            (w[0] >> 51 | w[1] << 13) & MASK,
            (w[1] >> 38 | w[2] << 26) & MASK,
            (w[2] >> 25 | w[3] << 39) & MASK,
            (w[3] >> 12) & MASK,
        ])
    }

    /// The low 255 bits, little-endian.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self::from_words(&words(bytes))
    }

    /// The one representative below p of a loose element, as four words.
    pub(super) const fn to_words(self) -> [u64; 4] {
        let [a0, a1, a2, a3, a4] = self.carry().0;
        // value < 2^255 + 2^219 < 2p; q = 1 exactly where value + 19 reaches 2^255, that is where value >= p.
        let mut q = a0.wrapping_add(19) >> 51;
        q = a1.wrapping_add(q) >> 51;
        q = a2.wrapping_add(q) >> 51;
        q = a3.wrapping_add(q) >> 51;
        q = a4.wrapping_add(q) >> 51;
        let a0 = a0.wrapping_add(q.wrapping_mul(19));
        let a1 = a1.wrapping_add(a0 >> 51);
        let a2 = a2.wrapping_add(a1 >> 51);
        let a3 = a3.wrapping_add(a2 >> 51);
        let a4 = a4.wrapping_add(a3 >> 51);
        let (a0, a1, a2, a3, a4) = (a0 & MASK, a1 & MASK, a2 & MASK, a3 & MASK, a4 & MASK);
        [
            a0 | a1 << 51,
            a1 >> 13 | a2 << 38,
            a2 >> 26 | a3 << 25,
            a3 >> 39 | a4 << 12,
        ]
    }

    pub(super) const fn is_zero(self) -> bool {
        let [a, b, c, d] = self.to_words();
        a | b | c | d == 0
    }

    /// Whether the representative below p is odd: the sign of RFC 8032 §5.1.2.
    pub(super) const fn is_odd(self) -> bool {
        let [low, ..] = self.to_words();
        low & 1 == 1
    }

    /// One parallel carry of limbs of any size: tight.
    #[inline(always)]
    pub(super) const fn carry(self) -> Self {
        let [a0, a1, a2, a3, a4] = self.0;
        // Every carry is below 2^13, and 19 times the last below 2^18: so once more from the first limb.
        let a0c = (a0 & MASK).wrapping_add((a4 >> 51).wrapping_mul(19));
        let a1c = (a1 & MASK).wrapping_add(a0 >> 51);
        Self([
            a0c & MASK,
            a1c.wrapping_add(a0c >> 51),
            (a2 & MASK).wrapping_add(a1 >> 51),
            (a3 & MASK).wrapping_add(a2 >> 51),
            (a4 & MASK).wrapping_add(a3 >> 51),
        ])
    }

    /// Limb by limb, uncarried.
    #[inline(always)]
    pub(super) const fn add(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self([
            a[0].wrapping_add(b[0]),
            a[1].wrapping_add(b[1]),
            a[2].wrapping_add(b[2]),
            a[3].wrapping_add(b[3]),
            a[4].wrapping_add(b[4]),
        ])
    }

    /// self + 2p − other, uncarried; `other` is tight, so that no limb goes below zero.
    #[inline(always)]
    pub(super) const fn sub(self, other: Self) -> Self {
        let (a, b, p) = (self.0, other.0, TWICE_P);
        Self([
            a[0].wrapping_add(p[0]).wrapping_sub(b[0]),
            a[1].wrapping_add(p[1]).wrapping_sub(b[1]),
            a[2].wrapping_add(p[2]).wrapping_sub(b[2]),
            a[3].wrapping_add(p[3]).wrapping_sub(b[3]),
            a[4].wrapping_add(p[4]).wrapping_sub(b[4]),
        ])
    }

    /// 2p − self for a tight element, uncarried.
    #[inline(always)]
    pub(super) const fn neg(self) -> Self {
        Self::ZERO.sub(self)
    }

    /// The first where `choice` holds, else the second, without a branch.
    #[inline(always)]
    pub(super) fn select(choice: bool, first: Self, second: Self) -> Self {
        let mask = 0_u64.wrapping_sub(u64::from(choice));
        Self(std::array::from_fn(|i| {
            (first.0[i] & mask) | (second.0[i] & !mask)
        }))
    }

    /// The product of loose elements: tight.
    ///
    /// Schoolbook, the limbs above 2^255 folded by 2^255 = 19. A column is at most 5 products below 2^108, four of them
    /// times 19: below 2^115, and its carry below 2^64.
    #[inline(always)]
    pub(super) const fn mul(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        // 19·2^54 < 2^59.
        let b1 = b[1].wrapping_mul(19);
        let b2 = b[2].wrapping_mul(19);
        let b3 = b[3].wrapping_mul(19);
        let b4 = b[4].wrapping_mul(19);
        let c0 = sum5(
            wide(a[0], b[0]),
            wide(a[1], b4),
            wide(a[2], b3),
            wide(a[3], b2),
            wide(a[4], b1),
        );
        let c1 = sum5(
            wide(a[0], b[1]),
            wide(a[1], b[0]),
            wide(a[2], b4),
            wide(a[3], b3),
            wide(a[4], b2),
        );
        let c2 = sum5(
            wide(a[0], b[2]),
            wide(a[1], b[1]),
            wide(a[2], b[0]),
            wide(a[3], b4),
            wide(a[4], b3),
        );
        let c3 = sum5(
            wide(a[0], b[3]),
            wide(a[1], b[2]),
            wide(a[2], b[1]),
            wide(a[3], b[0]),
            wide(a[4], b4),
        );
        let c4 = sum5(
            wide(a[0], b[4]),
            wide(a[1], b[3]),
            wide(a[2], b[2]),
            wide(a[3], b[1]),
            wide(a[4], b[0]),
        );
        Self::fold([c0, c1, c2, c3, c4])
    }

    /// The square of a loose element: tight.
    #[inline(always)]
    pub(super) const fn square(self) -> Self {
        let a = self.0;
        let (d0, d1, d2) = (a[0] << 1, a[1] << 1, a[2] << 1);
        let (n3, n4) = (a[3].wrapping_mul(19), a[4].wrapping_mul(19));
        let c0 = sum3(wide(a[0], a[0]), wide(d1, n4), wide(d2, n3));
        let c1 = sum3(wide(d0, a[1]), wide(d2, n4), wide(a[3], n3));
        let c2 = sum3(wide(d0, a[2]), wide(a[1], a[1]), wide(a[3] << 1, n4));
        let c3 = sum3(wide(d0, a[3]), wide(d1, a[2]), wide(a[4], n4));
        let c4 = sum3(wide(d0, a[4]), wide(d1, a[3]), wide(a[2], a[2]));
        Self::fold([c0, c1, c2, c3, c4])
    }

    /// Carries columns below 2^115, the last below 2^111 (none of its products is times 19): tight.
    #[inline(always)]
    const fn fold(c: [u128; 5]) -> Self {
        let c1 = c[1].wrapping_add((c[0] >> 51) as u64 as u128);
        let c2 = c[2].wrapping_add((c1 >> 51) as u64 as u128);
        let c3 = c[3].wrapping_add((c2 >> 51) as u64 as u128);
        let c4 = c[4].wrapping_add((c3 >> 51) as u64 as u128);
        // 5·2^108 + 2^64 < 2^110.33, hence the carry < 2^59.33 and 19 of it < 2^63.6.
        let over = ((c4 >> 51) as u64).wrapping_mul(19);
        let a0 = (c[0] as u64 & MASK).wrapping_add(over);
        Self([
            a0 & MASK,
            (c1 as u64 & MASK).wrapping_add(a0 >> 51),
            c2 as u64 & MASK,
            c3 as u64 & MASK,
            c4 as u64 & MASK,
        ])
    }

    /// self^(2^times).
    pub(super) fn square_times(self, times: u32) -> Self {
        (0..times).fold(self, |x, _| x.square())
    }

    /// self^(2^250 − 1) and self^11, the common part of the two powers below.
    fn power_250(self) -> (Self, Self) {
        let x2 = self.square();
        let x9 = x2.square_times(2).mul(self);
        let x11 = x9.mul(x2);
        let x5 = x11.square().mul(x9);
        let x10 = x5.square_times(5).mul(x5);
        let x20 = x10.square_times(10).mul(x10);
        let x40 = x20.square_times(20).mul(x20);
        let x50 = x40.square_times(10).mul(x10);
        let x100 = x50.square_times(50).mul(x50);
        let x200 = x100.square_times(100).mul(x100);
        (x200.square_times(50).mul(x50), x11)
    }

    /// self^(p − 2), the inverse (Fermat); zero for zero.
    pub(super) fn invert(self) -> Self {
        let (x250, x11) = self.power_250();
        x250.square_times(5).mul(x11)
    }

    /// self^((p − 5)/8), of the square root in RFC 8032 §5.1.3.
    pub(super) fn power_p58(self) -> Self {
        let (x250, _) = self.power_250();
        x250.square_times(2).mul(self)
    }

    /// Replaces every element by its inverse with one inversion (Montgomery's trick); a zero stays zero and spoils no other.
    pub(super) fn invert_all(elements: &mut [Self]) {
        let mut product = Self::ONE;
        let mut before = Vec::with_capacity(elements.len());
        for element in elements.iter() {
            before.push(product);
            if !element.is_zero() {
                product = product.mul(*element);
            }
        }
        let mut inverse = product.invert();
        for (element, before) in elements.iter_mut().zip(before).rev() {
            if element.is_zero() {
                *element = Self::ZERO;
            } else {
                let next = inverse.mul(*element);
                *element = inverse.mul(before);
                inverse = next;
            }
        }
    }
}

#[inline(always)]
const fn wide(a: u64, b: u64) -> u128 {
    (a as u128).wrapping_mul(b as u128)
}

#[inline(always)]
const fn sum3(a: u128, b: u128, c: u128) -> u128 {
    a.wrapping_add(b).wrapping_add(c)
}

#[inline(always)]
const fn sum5(a: u128, b: u128, c: u128, d: u128, e: u128) -> u128 {
    sum3(a, b, c).wrapping_add(d).wrapping_add(e)
}

/// Four words, least first, of 32 little-endian bytes.
pub(super) fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let (parts, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(parts[i]))
}
