//! Sums of affine points, many at once: each addition's division becomes three multiplications by Montgomery's trick.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "indices below the length that the type states"
)]

use super::lanes::{Lanes, Point};

/// Chains of products that advance side by side, so that one's latency is hidden by the others.
const CHAINS: usize = 4;

/// Adds the second half of the points to the first: point i becomes point i + point (half + i), for an even number of
/// points. False if any two that meet have the same x; then nothing has changed.
///
/// Affine addition (SEC 1, 2.2.1): λ = (y₂ − y₁)/(x₂ − x₁), x₃ = λ² − x₁ − x₂, y₃ = λ(x₁ − x₃) − y₁. The offset of the
/// ordinates cancels in λ, and `mul_less` restores it.
#[inline(always)]
pub(super) fn add_halves<F: Lanes>(
    f: F,
    points: &mut [Point<F::Coordinate>],
    prefixes: &mut Vec<F::Factor>,
) -> bool {
    let (left, right) = points.split_at_mut(points.len() / 2);
    if prefixes.len() < left.len() {
        prefixes.resize(left.len(), f.one());
    }
    let Some(prefixes) = prefixes.get_mut(..left.len()) else {
        return false;
    };
    let (left, left_rest) = left.as_chunks_mut::<CHAINS>();
    let (right, right_rest) = right.as_chunks::<CHAINS>();
    let (prefixes, prefixes_rest) = prefixes.as_chunks_mut::<CHAINS>();

    let mut products = [f.one(); CHAINS];
    for ((a, b), prefix) in left.iter().zip(right).zip(prefixes.iter_mut()) {
        for i in (0..CHAINS).step_by(2) {
            let j = i + 1;
            prefix[i] = products[i];
            prefix[j] = products[j];
            [products[i], products[j]] = f.mul_two(
                [products[i], products[j]],
                [f.sub(b[i].x, a[i].x), f.sub(b[j].x, a[j].x)],
            );
        }
    }
    let mut rest = products[0];
    for ((a, b), prefix) in left_rest
        .iter()
        .zip(right_rest)
        .zip(prefixes_rest.iter_mut())
    {
        *prefix = rest;
        rest = f.mul(rest, f.sub(b.x, a.x));
    }
    products[0] = rest;

    let Some(mut inverses) = invert_each(f, &products) else {
        return false;
    };

    let pairs = left_rest
        .iter_mut()
        .zip(right_rest)
        .zip(prefixes_rest.iter());
    for ((a, b), prefix) in pairs.rev() {
        let slope = f.mul(f.mul(inverses[0], *prefix), f.sub(b.y, a.y));
        inverses[0] = f.mul(inverses[0], f.sub(b.x, a.x));
        let x = f.square_less(slope, a.x, b.x);
        let y = f.mul_less(slope, f.sub(a.x, x), a.y);
        *a = Point { x, y };
    }
    let mut slopes = [f.one(); CHAINS];
    for ((a, b), prefix) in left.iter_mut().zip(right).zip(prefixes.iter()).rev() {
        add_step(f, a, b, &mut inverses, prefix, &mut slopes);
    }
    true
}

/// Adds `right` to `left`, given the products before these and the inverses of the products with them.
///
/// Each line is done for all N before the next, so that N independent multiplications stand side by side. Loops and no
/// closures: a closure would not be compiled for the lanes' instructions.
#[inline(always)]
fn add_step<F: Lanes>(
    f: F,
    left: &mut [Point<F::Coordinate>; CHAINS],
    right: &[Point<F::Coordinate>; CHAINS],
    inverses: &mut [F::Factor; CHAINS],
    prefixes: &[F::Factor; CHAINS],
    slopes: &mut [F::Factor; CHAINS],
) {
    for i in 0..CHAINS {
        let run = f.sub(right[i].x, left[i].x);
        [slopes[i], inverses[i]] = f.mul_two([inverses[i], inverses[i]], [prefixes[i], run]);
    }
    for i in (0..CHAINS).step_by(2) {
        let j = i + 1;
        [slopes[i], slopes[j]] = f.mul_two(
            [slopes[i], slopes[j]],
            [f.sub(right[i].y, left[i].y), f.sub(right[j].y, left[j].y)],
        );
    }
    for i in (0..CHAINS).step_by(2) {
        let j = i + 1;
        let x = f.square_less(slopes[i], left[i].x, right[i].x);
        let z = f.square_less(slopes[j], left[j].x, right[j].x);
        let runs = [f.sub(left[i].x, x), f.sub(left[j].x, z)];
        // The places of both x₁ are free now.
        [left[i].x, left[j].x] = [x, z];
        [left[i].y, left[j].y] =
            f.mul_less_two([slopes[i], slopes[j]], runs, [left[i].y, left[j].y]);
    }
}

/// The inverse of every factor, in all lanes; nothing if any is zero.
#[inline(always)]
fn invert_each<F: Lanes>(f: F, factors: &[F::Factor; CHAINS]) -> Option<[F::Factor; CHAINS]> {
    let [a, b, c, d] = *factors;
    let (ab, cd) = (f.mul(a, b), f.mul(c, d));
    let inverse = f.invert(f.mul(ab, cd))?;
    let (over_ab, over_cd) = (f.mul(inverse, cd), f.mul(inverse, ab));
    Some([
        f.mul(over_ab, b),
        f.mul(over_ab, a),
        f.mul(over_cd, d),
        f.mul(over_cd, c),
    ])
}
