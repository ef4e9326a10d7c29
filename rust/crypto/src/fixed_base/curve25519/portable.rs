//! S·B − h·A on any processor, one signature after another.
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "places are within the table that made them; an index beyond it would panic"
)]

use super::field::Field;
use super::job::Job;
use super::point::{Point, encode_words};
use super::table::{BASE, BaseMultiples, KeyMultiples};

/// Appends the encoding of S·B − h·A for each job.
pub(super) fn encode_sums(jobs: &[Job<'_>], encodings: &mut Vec<[u8; 32]>) {
    let sums = jobs.iter().map(sum).collect::<Vec<_>>();
    encode(&sums, encodings);
}

fn sum(job: &Job<'_>) -> Point {
    let base = BASE.entries();
    let s = BaseMultiples::biased(job.s);
    let mut sum = Point::IDENTITY;
    for window in 0..BaseMultiples::WINDOWS {
        let place = BaseMultiples::place(&s, window);
        sum = sum.add_niels(&base[place.index as usize].read(place.negative));
    }
    let key = job.table.multiples().entries();
    let h = KeyMultiples::biased(job.h);
    for window in 0..KeyMultiples::WINDOWS {
        let place = KeyMultiples::place(&h, window);
        sum = sum.add_niels(&key[place.index as usize].read(place.negative));
    }
    sum
}

/// Appends the points' encodings (RFC 8032 §5.1.2), with one inversion for all.
pub(super) fn encode(points: &[Point], encodings: &mut Vec<[u8; 32]>) {
    let mut inverses = points.iter().map(|point| point.z).collect::<Vec<_>>();
    Field::invert_all(&mut inverses);
    encodings.extend(points.iter().zip(inverses).map(|(point, inverse)| {
        let y = point.y.mul(inverse).to_words();
        encode_words(y, point.x.mul(inverse).is_odd())
    }));
}
