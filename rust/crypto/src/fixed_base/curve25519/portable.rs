//! S·B − h·A on any processor, one signature after another.
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "places are within the table that made them; an index beyond it would panic"
)]

use super::field::Field;
use super::job::{Job, challenge};
use super::point::{Point, encode};
use super::table::{BASE, BaseMultiples, Entry, KeyMultiples, Place};

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
    // All entries are asked for before the first is needed: the additions that wait for them would wait one by one.
    let base = entries(BASE.entries(), |window| {
        BaseMultiples::place(&BaseMultiples::biased(job.s), window)
    });
    let h = KeyMultiples::biased(challenge(job.check));
    let key: [_; KeyMultiples::WINDOWS] =
        entries(job.check.table.multiples().entries(), |window| {
            KeyMultiples::place(&h, window)
        });
    let base: [_; BaseMultiples::WINDOWS] = base;
    let mut sum = Point::IDENTITY;
    for (entry, negative) in base {
        sum = sum.add_niels(&entry.read(negative));
    }
    for (entry, negative) in key {
        sum = sum.add_niels(&entry.read(negative));
    }
    sum
}

/// The entry of each window, and whether it is to be negated.
#[inline(always)]
fn entries<const WINDOWS: usize>(
    table: &[Entry],
    place: impl Fn(usize) -> Place,
) -> [(&Entry, bool); WINDOWS] {
    std::array::from_fn(|window| {
        let Place { index, negative } = place(window);
        let entry = &table[index as usize];
        entry.prefetch();
        (entry, negative)
    })
}
