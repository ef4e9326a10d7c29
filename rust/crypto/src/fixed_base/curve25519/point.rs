//! Points of the twisted Edwards curve −x² + y² = 1 + d·x²y² (RFC 8032 §5.1), by addition laws without exceptions.
//!
//! −1 is a square and d is not, so the laws of Hisil–Wong–Carter–Dawson 2008 hold for every two points of the curve,
//! points of small order and the identity included.

use super::field::Field;

/// d = −121665/121666.
pub(super) const D: Field = Field([
    929_955_233_495_203,
    466_365_720_129_213,
    1_662_059_464_998_953,
    2_033_849_074_728_123,
    1_442_794_654_840_575,
]);
/// 2d.
pub(super) const D2: Field = Field([
    1_859_910_466_990_425,
    932_731_440_258_426,
    1_072_319_116_312_658,
    1_815_898_335_770_999,
    633_789_495_995_903,
]);
/// A square root of −1.
const SQRT_MINUS_ONE: Field = Field([
    1_718_705_420_411_056,
    234_908_883_556_509,
    2_233_514_472_574_048,
    2_117_202_627_021_982,
    765_476_049_583_133,
]);

/// Extended coordinates: x = X/Z, y = Y/Z, T = XY/Z. All tight, and Z is never zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: Field,
    pub(super) y: Field,
    pub(super) z: Field,
    pub(super) t: Field,
}

/// What an addition needs of an affine point: y + x, y − x and 2d·xy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Niels {
    pub(super) y_plus_x: Field,
    pub(super) y_minus_x: Field,
    pub(super) xy2d: Field,
}

impl Point {
    pub(super) const IDENTITY: Self = Self {
        x: Field::ZERO,
        y: Field::ONE,
        z: Field::ONE,
        t: Field::ZERO,
    };

    /// Decodes by RFC 8032 §5.1.3: none for y ≥ p, for a y of no point, and for x = 0 with the sign bit.
    pub(super) fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let y = Field::from_bytes(bytes);
        let [.., high] = *bytes;
        let odd = high & 0x80 != 0;
        // x² = u/v; a root is u·v³·(u·v⁷)^((p − 5)/8), perhaps times √−1.
        let yy = y.square();
        let u = yy.sub(Field::ONE).carry();
        let v = yy.mul(D).add(Field::ONE);
        let v3 = v.square().mul(v);
        let root = u.mul(v3).mul(v3.square().mul(v).mul(u).power_p58());
        let vxx = v.mul(root.square());
        let mut x = if vxx.sub(u).is_zero() {
            root
        } else if vxx.add(u).is_zero() {
            root.mul(SQRT_MINUS_ONE)
        } else {
            return None;
        };
        if x.is_odd() != odd {
            x = x.neg().carry();
        }
        let point = Self {
            x,
            y,
            z: Field::ONE,
            t: x.mul(y),
        };
        // Neither a y from p on nor −0, which is 0, is written so.
        (encode(x, y) == *bytes).then_some(point)
    }

    /// −P = (−x, y).
    pub(super) const fn negate(self) -> Self {
        Self {
            x: self.x.neg().carry(),
            y: self.y,
            z: self.z,
            t: self.t.neg().carry(),
        }
    }

    /// P + Q, `madd-2008-hwcd-3`: 7 products. With T as the formula has it, for any two points.
    #[inline(always)]
    pub(super) const fn add_niels(self, other: &Niels) -> Self {
        let a = self.y.sub(self.x).mul(other.y_minus_x);
        let b = self.y.add(self.x).mul(other.y_plus_x);
        let c = self.t.mul(other.xy2d);
        Self::complete(a, b, c, self.z.add(self.z))
    }

    /// P + Q, `add-2008-hwcd-3`: 9 products.
    pub(super) const fn add(self, other: &Self) -> Self {
        let a = self.y.sub(self.x).mul(other.y.sub(other.x));
        let b = self.y.add(self.x).mul(other.y.add(other.x));
        let c = self.t.mul(D2).mul(other.t);
        let zz = self.z.mul(other.z);
        Self::complete(a, b, c, zz.add(zz))
    }

    /// The second half of both: a, b, c tight and d below 2^53, hence every factor below 2^54.
    #[inline(always)]
    const fn complete(a: Field, b: Field, c: Field, d: Field) -> Self {
        let e = b.sub(a);
        let f = d.sub(c);
        let g = d.add(c);
        let h = b.add(a);
        Self {
            x: e.mul(f),
            y: g.mul(h),
            z: f.mul(g),
            t: e.mul(h),
        }
    }

    /// Whether 8·P is the identity: every point of small order, and no other.
    pub(super) fn is_small_order(&self) -> bool {
        let eight = (0..3).fold(*self, |point, _| point.add(&point));
        eight.x.is_zero() && eight.y.sub(eight.z).is_zero()
    }
}

impl Niels {
    /// Of the point with these affine coordinates.
    pub(super) const fn new(x: Field, y: Field) -> Self {
        Self {
            y_plus_x: y.add(x),
            y_minus_x: y.sub(x),
            xy2d: x.mul(y).mul(D2),
        }
    }
}

/// The encoding of the affine point (x, y) (RFC 8032 §5.1.2): y, and the highest bit where x is odd.
pub(super) fn encode(x: Field, y: Field) -> [u8; 32] {
    let [y0, y1, y2, y3] = y.to_words();
    let words = [y0, y1, y2, y3 | u64::from(x.is_odd()) << 63];
    let mut bytes = [0; 32];
    for (part, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *part = word.to_le_bytes();
    }
    bytes
}
