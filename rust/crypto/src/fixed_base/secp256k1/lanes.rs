//! What the batch-affine sum asks of a field implementation that works on one or more lanes at once.

use std::cell::Cell;

use super::field::{Fe, OFFSET};
use super::table::Entry;

/// Lanes of the widest implementation.
pub(super) const MAX_LANES: usize = 8;

/// Affine points, one a lane: x, and y + δ (`field::OFFSET`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<C> {
    pub(super) x: C,
    pub(super) y: C,
}

/// The memory of a batch's sums: under 700 KiB, kept by each thread for its next batch.
#[derive(Debug)]
pub(super) struct Workspace<F: Lanes> {
    pub(super) points: Vec<Point<F::Coordinate>>,
    pub(super) prefixes: Vec<F::Factor>,
}

impl<F: Lanes> Default for Workspace<F> {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            prefixes: Vec::new(),
        }
    }
}

/// Arithmetic modulo p on `LANES` elements at once. A value of the type is leave to use it.
///
/// Two forms of elements, since representations may be lazy: a `Coordinate` may be subtracted, a `Factor` multiplied.
pub(super) trait Lanes: Copy {
    const LANES: usize;
    type Coordinate: Copy;
    type Factor: Copy;

    /// The thread's workspace. Both this and `keep` take no closure: that would not be compiled for the instructions.
    fn workspace(self) -> Workspace<Self>;
    /// Leaves a workspace for the thread's next batch.
    fn keep(self, workspace: Workspace<Self>);
    /// Asks for an entry that will be loaded soon.
    fn prefetch(self, _entry: &Entry) {}
    fn one(self) -> Self::Factor;
    /// (0, 0) in every lane: what a place holds before it is filled.
    fn origin(self) -> Point<Self::Coordinate>;
    /// a − b.
    fn sub(self, a: Self::Coordinate, b: Self::Coordinate) -> Self::Factor;
    /// a·b.
    fn mul(self, a: Self::Factor, b: Self::Factor) -> Self::Factor;
    /// Two products, side by side where that is quicker.
    #[inline(always)]
    fn mul_two(self, [a, b]: [Self::Factor; 2], [c, d]: [Self::Factor; 2]) -> [Self::Factor; 2] {
        [self.mul(a, c), self.mul(b, d)]
    }
    /// a² − b − c.
    fn square_less(
        self,
        a: Self::Factor,
        b: Self::Coordinate,
        c: Self::Coordinate,
    ) -> Self::Coordinate;
    /// a·b − y + 2δ: the ordinate −y of a point whose ordinate is y, moved by a·b, both with δ.
    fn mul_less(self, a: Self::Factor, b: Self::Factor, y: Self::Coordinate) -> Self::Coordinate;
    /// Two of them.
    #[inline(always)]
    fn mul_less_two(
        self,
        [a, b]: [Self::Factor; 2],
        [c, d]: [Self::Factor; 2],
        [y, z]: [Self::Coordinate; 2],
    ) -> [Self::Coordinate; 2] {
        [self.mul_less(a, c, y), self.mul_less(b, d, z)]
    }
    /// 1/a in every lane, or nothing if any lane is zero.
    fn invert(self, a: Self::Factor) -> Option<Self::Factor>;
    /// One entry a lane (the first `LANES` of them), negated where the lane's word in `negative` has the bit `sign`.
    fn load(
        self,
        entries: &[&Entry; MAX_LANES],
        negative: &[u64; MAX_LANES],
        sign: u32,
    ) -> Point<Self::Coordinate>;
    /// A lane's element.
    fn get(self, a: Self::Coordinate, lane: usize) -> Fe;
    /// Replaces a lane's element by 0 or 1.
    fn set(self, a: &mut Self::Coordinate, lane: usize, value: bool);

    /// Elements by their limbs, as far from reduced as the form allows.
    #[cfg(test)]
    fn coordinate(self, limbs: &[[u64; 5]; MAX_LANES]) -> Self::Coordinate;
    /// The same for factors.
    #[cfg(test)]
    fn factor(self, limbs: &[[u64; 5]; MAX_LANES]) -> Self::Factor;
    /// The limbs of a lane's factor, without what a multiplication ignores.
    #[cfg(test)]
    fn limbs(self, a: Self::Factor, lane: usize) -> [u64; 5];
}

/// One lane of 64-bit arithmetic: on every processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

thread_local! {
    static WORKSPACE: Cell<Workspace<Portable>> = Cell::default();
}

impl Lanes for Portable {
    const LANES: usize = 1;
    type Coordinate = Fe;
    type Factor = Fe;

    fn workspace(self) -> Workspace<Self> {
        WORKSPACE.take()
    }

    fn keep(self, workspace: Workspace<Self>) {
        WORKSPACE.set(workspace);
    }

    #[inline(always)]
    fn one(self) -> Fe {
        Fe::ONE
    }

    #[inline(always)]
    fn origin(self) -> Point<Fe> {
        Point {
            x: Fe::ZERO,
            y: Fe::ZERO,
        }
    }

    #[inline(always)]
    fn sub(self, a: Fe, b: Fe) -> Fe {
        a.sub_loose(b)
    }

    #[inline(always)]
    fn mul(self, a: Fe, b: Fe) -> Fe {
        a.mul(b)
    }

    #[inline(always)]
    fn square_less(self, a: Fe, b: Fe, c: Fe) -> Fe {
        a.sqr_add(Fe::negated_sum(b, c))
    }

    #[inline(always)]
    fn mul_less(self, a: Fe, b: Fe, y: Fe) -> Fe {
        const DOUBLE_OFFSET: Fe = Fe([2 * OFFSET, 0, 0, 0, 0]);
        a.mul_add(b, DOUBLE_OFFSET.sub_loose(y))
    }

    #[inline(always)]
    fn invert(self, a: Fe) -> Option<Fe> {
        (!a.is_zero()).then(|| a.invert())
    }

    #[inline(always)]
    fn load(
        self,
        entries: &[&Entry; MAX_LANES],
        negative: &[u64; MAX_LANES],
        sign: u32,
    ) -> Point<Fe> {
        let [Entry([x0, x1, x2, x3, y0, y1, y2, y3]), ..] = entries;
        let flip = (negative[0] >> (sign & 63) & 1).wrapping_neg();
        Point {
            x: Fe::from_words(&[*x0, *x1, *x2, *x3]),
            y: Fe::from_words(&[y0 ^ flip, y1 ^ flip, y2 ^ flip, y3 ^ flip]),
        }
    }

    #[inline(always)]
    fn get(self, a: Fe, _lane: usize) -> Fe {
        a
    }

    #[inline(always)]
    fn set(self, a: &mut Fe, _lane: usize, value: bool) {
        *a = if value { Fe::ONE } else { Fe::ZERO };
    }

    #[cfg(test)]
    fn coordinate(self, limbs: &[[u64; 5]; MAX_LANES]) -> Fe {
        Fe(limbs[0])
    }

    #[cfg(test)]
    fn factor(self, limbs: &[[u64; 5]; MAX_LANES]) -> Fe {
        Fe(limbs[0])
    }

    #[cfg(test)]
    fn limbs(self, a: Fe, _lane: usize) -> [u64; 5] {
        a.0
    }
}
