//! S·B − h·A on any processor, one signature after another.
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "places are within the table that made them; an index beyond it would panic"
)]

use super::field::Field;
use super::job::{Job, challenge};
use super::point::{Point, encode};
use super::table::{BASE, BaseMultiples, KeyMultiples};

/// Appends, for each job, whether its equation holds. One inversion serves all.
pub(super) fn decide(jobs: &[Job<'_>], holds: &mut Vec<bool>) {
    let sums = jobs.iter().map(sum).collect::<Vec<_>>();
    let mut inverses = sums.iter().map(|sum| sum.z).collect::<Vec<_>>();
    Field::invert_all(&mut inverses);
    holds.extend(
        jobs.iter()
            .zip(sums)
            .zip(inverses)
            .map(|((job, sum), inverse)| {
                job.check.r == encode(sum.x.mul(inverse), sum.y.mul(inverse))
            }),
    );
}

fn sum(job: &Job<'_>) -> Point {
    let base = BASE.entries();
    let s = BaseMultiples::biased(job.s);
    let mut sum = Point::IDENTITY;
    for window in 0..BaseMultiples::WINDOWS {
        let place = BaseMultiples::place(&s, window);
        sum = sum.add_niels(&base[place.index as usize].read(place.negative));
    }
    let key = job.check.table.multiples().entries();
    let h = KeyMultiples::biased(challenge(job.check));
    for window in 0..KeyMultiples::WINDOWS {
        let place = KeyMultiples::place(&h, window);
        sum = sum.add_niels(&key[place.index as usize].read(place.negative));
    }
    sum
}
