//! Sums of affine points, many at once: each addition's division becomes three multiplications by Montgomery's trick.
#![allow(
    clippy::indexing_slicing,
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
        *prefix = products;
        products = multiply(f, &products, &differences(f, a, b));
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

    let mut inverse = [inverses[0]];
    let pairs = left_rest
        .iter_mut()
        .zip(right_rest)
        .zip(prefixes_rest.iter());
    for ((a, b), prefix) in pairs.rev() {
        add_step(f, std::array::from_mut(a), &[*b], &mut inverse, &[*prefix]);
    }
    [inverses[0]] = inverse;
    for ((a, b), prefix) in left.iter_mut().zip(right).zip(prefixes.iter()).rev() {
        add_step(f, a, b, &mut inverses, prefix);
    }
    true
}

/// Adds `right` to `left`, given the products before these and the inverses of the products with them.
///
/// Each line is done for all N before the next, so that N independent multiplications stand side by side. Loops and no
/// closures: a closure would not be compiled for the lanes' instructions.
#[inline(always)]
fn add_step<F: Lanes, const N: usize>(
    f: F,
    left: &mut [Point<F::Coordinate>; N],
    right: &[Point<F::Coordinate>; N],
    inverses: &mut [F::Factor; N],
    prefixes: &[F::Factor; N],
) {
    let reciprocals = multiply(f, inverses, prefixes);
    *inverses = multiply(f, inverses, &differences(f, left, right));
    let mut slopes = reciprocals;
    for i in 0..N {
        slopes[i] = f.mul(reciprocals[i], f.sub(right[i].y, left[i].y));
    }
    for i in 0..N {
        let x = f.square_less(slopes[i], left[i].x, right[i].x);
        // λ(x₁ − x₃) is next, and the place of x₁ is free.
        let run = f.sub(left[i].x, x);
        left[i].x = x;
        left[i].y = f.mul_less(slopes[i], run, left[i].y);
    }
}

/// x₂ − x₁.
#[inline(always)]
fn differences<F: Lanes, const N: usize>(
    f: F,
    left: &[Point<F::Coordinate>; N],
    right: &[Point<F::Coordinate>; N],
) -> [F::Factor; N] {
    let mut differences = [f.one(); N];
    for i in 0..N {
        differences[i] = f.sub(right[i].x, left[i].x);
    }
    differences
}

#[inline(always)]
fn multiply<F: Lanes, const N: usize>(
    f: F,
    a: &[F::Factor; N],
    b: &[F::Factor; N],
) -> [F::Factor; N] {
    let mut products = *a;
    for i in 0..N {
        products[i] = f.mul(a[i], b[i]);
    }
    products
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
