//! From a signature to its answer: the rules on r and s, the two multipliers, and what the sum must equal.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::needless_range_loop,
    reason = "lanes, windows and places below lengths that are set a few lines above; a window as u32"
)]

use super::super::Answer;
use super::field::{Fe, OFFSET, P};
use super::lanes::{Lanes, MAX_LANES, Point, Workspace};
use super::recode::{self, WINDOWS};
use super::scalar::{self, HALF_N, N, Words};
use super::sum;
use super::table::{Entry, Table};

/// Which equation holds a signature to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Low S; x = r modulo n.
    Ecdsa,
    /// Low S; x = r exactly and y of this parity.
    Recoverable { odd: bool },
    /// BIP 340: the table is of the even-y point, `hash` is the challenge.
    Schnorr,
}

/// One signature to check; numbers are big-endian, and the hash is taken modulo n.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check<'a> {
    pub(crate) table: &'a Table,
    pub(crate) rule: Rule,
    pub(crate) hash: [u8; 32],
    pub(crate) r: [u8; 32],
    pub(crate) s: [u8; 32],
}

/// Most signatures whose sums are computed together: each level of additions costs them one inversion.
const TOGETHER: usize = 128;
/// Signatures whose points of a whole first level are in memory at once: 330 KiB of points and 80 KiB of products stay in
/// the second cache beside a few tables.
const IN_A_PART: usize = 64;
/// Points of one sum: the windows of the generator's multiplier and of the key's.
const POINTS: usize = 2 * WINDOWS;

/// A signature that passed the rules: R = first·G + second·P must have this r.
#[derive(Clone, Copy, Debug)]
struct Claim<'a> {
    position: usize,
    table: &'a Table,
    rule: Rule,
    r: Words,
    first: Words,
    second: Words,
}

/// Appends one answer for each check.
#[inline(always)]
pub(super) fn decide<F: Lanes>(f: F, checks: &[Check<'_>], answers: &mut Vec<Answer>) {
    let Some(generator) = Table::of_generator() else {
        answers.extend(checks.iter().map(|_| Answer::Undecided));
        return;
    };
    let mut workspace = f.workspace();
    for some in checks.chunks(TOGETHER) {
        let (claims, mut found) = claims(some);
        let settled = settle(f, generator, &claims, &mut workspace);
        for (claim, answer) in claims.iter().zip(settled) {
            found[claim.position] = answer;
        }
        answers.append(&mut found);
    }
    f.keep(workspace);
}

/// The signatures within the rules, and an answer for each that holds for those which are not.
fn claims<'a>(checks: &[Check<'a>]) -> (Vec<Claim<'a>>, Vec<Answer>) {
    let mut answers = vec![Answer::Reject; checks.len()];
    let mut claims = Vec::with_capacity(checks.len());
    let mut divisors = Vec::with_capacity(checks.len());
    for (position, check) in checks.iter().enumerate() {
        let (r, s) = (scalar::from_bytes(&check.r), scalar::from_bytes(&check.s));
        let hash = scalar::reduce(&scalar::from_bytes(&check.hash));
        let within = !scalar::is_zero(&r)
            && match check.rule {
                // No point has x = 0 (7 is no square): r = 0 is refused for BIP 340 too.
                Rule::Schnorr => scalar::less(&r, &P) && scalar::less(&s, &N),
                Rule::Ecdsa | Rule::Recoverable { .. } => {
                    scalar::less(&r, &N) && !scalar::is_zero(&s) && !scalar::less(&HALF_N, &s)
                }
            };
        if !within {
            continue;
        }
        let (first, second) = match check.rule {
            Rule::Schnorr => (s, scalar::negate(&hash)),
            Rule::Ecdsa | Rule::Recoverable { .. } => {
                divisors.push(s);
                (hash, r)
            }
        };
        claims.push(Claim {
            position,
            table: check.table,
            rule: check.rule,
            r,
            first,
            second,
        });
    }
    scalar::invert_all(&mut divisors, &mut Vec::new());
    let mut inverses = divisors.iter();
    let mut decidable = Vec::with_capacity(claims.len());
    for mut claim in claims {
        if claim.rule != Rule::Schnorr {
            let Some(inverse) = inverses.next() else {
                continue;
            };
            claim.first = scalar::montgomery_mul(&claim.first, inverse);
            claim.second = scalar::montgomery_mul(&claim.second, inverse);
        }
        // The recoding has no digit of zero, so it cannot write a multiplier of zero.
        if scalar::is_zero(&claim.first) || scalar::is_zero(&claim.second) {
            answers[claim.position] = Answer::Undecided;
        } else {
            decidable.push(claim);
        }
    }
    (decidable, answers)
}

/// One answer for each claim.
#[inline(always)]
fn settle<F: Lanes>(
    f: F,
    generator: &Table,
    claims: &[Claim<'_>],
    Workspace { points, prefixes }: &mut Workspace<F>,
) -> Vec<Answer> {
    if claims.is_empty() {
        return Vec::new();
    }
    let groups: Vec<Group<'_>> = claims
        .chunks(F::LANES)
        .map(|claims| Group::new(generator, claims, F::LANES))
        .collect();
    let mut exceptional = vec![0u8; groups.len()];
    // The first level in parts: a part's sums take the place of its first half, the next part's points that of its second.
    let parts = claims.len().div_ceil(IN_A_PART).next_power_of_two();
    let share = POINTS / 2 / parts;
    let mut size = POINTS / 2 * groups.len();
    let place = size + share * groups.len();
    if points.len() < place {
        points.resize(place, f.origin());
    }
    for part in 0..parts {
        let first = part * share;
        let points = &mut points[first * groups.len()..][..2 * share * groups.len()];
        let (left, right) = points.split_at_mut(share * groups.len());
        load(f, generator, &groups, first, left);
        load(f, generator, &groups, first + POINTS / 2, right);
        add(f, points, prefixes, &mut exceptional);
    }
    while size > groups.len() {
        add(f, &mut points[..size], prefixes, &mut exceptional);
        size /= 2;
    }
    let mut answers = Vec::with_capacity(claims.len());
    for (index, claim) in claims.iter().enumerate() {
        let (group, lane) = (index / F::LANES, index % F::LANES);
        let point = points[group];
        answers.push(if exceptional[group] >> lane & 1 == 1 {
            Answer::Undecided
        } else if holds(claim, f.get(point.x, lane), f.get(point.y, lane)) {
            Answer::Accept
        } else {
            Answer::Reject
        });
    }
    answers
}

/// Whether the sum (x, y + δ) is the claim's R.
#[inline(always)]
fn holds(claim: &Claim<'_>, x: Fe, y: Fe) -> bool {
    let x = x.to_words();
    let is_odd = || y.sub(Fe([OFFSET, 0, 0, 0, 0])).to_words()[0] & 1 == 1;
    match claim.rule {
        // x is below p < 2n: either candidate, r and r + n, is x modulo n.
        Rule::Ecdsa => scalar::reduce(&x) == claim.r,
        Rule::Recoverable { odd } => x == claim.r && is_odd() == odd,
        Rule::Schnorr => x == claim.r && !is_odd(),
    }
}

/// What the points of as many claims as there are lanes are found by; lanes that lack a claim repeat the first's, so that
/// no lane is empty.
struct Group<'a> {
    tables: [&'a Table; MAX_LANES],
    /// By base (0 is the generator, 1 the key), then lane.
    magnitudes: [[[u8; WINDOWS]; MAX_LANES]; 2],
    negative: [[u64; MAX_LANES]; 2],
}

impl<'a> Group<'a> {
    fn new(generator: &'a Table, claims: &[Claim<'a>], lanes: usize) -> Self {
        let mut group = Self {
            tables: [generator; MAX_LANES],
            magnitudes: [[[0; WINDOWS]; MAX_LANES]; 2],
            negative: [[0; MAX_LANES]; 2],
        };
        for lane in 0..lanes.min(MAX_LANES) {
            let Some(claim) = claims.get(lane).or(claims.first()) else {
                break;
            };
            group.tables[lane] = claim.table;
            for (base, scalar) in [&claim.first, &claim.second].into_iter().enumerate() {
                let digits = recode::recode(scalar);
                group.magnitudes[base][lane] = digits.magnitudes;
                group.negative[base][lane] = u64::from(digits.negative);
            }
        }
        group
    }

    /// A lane's entry of an index: the base is the index's lowest bit, the window the rest.
    #[inline(always)]
    fn entry(&self, generator: &'a Table, lane: usize, index: usize) -> &'a Entry {
        let (base, window) = (index % 2, index / 2 % WINDOWS);
        let table = if base == 0 {
            generator
        } else {
            self.tables[lane]
        };
        table.entry(window, self.magnitudes[base][lane][window])
    }
}

/// Points of all groups: first those of index `first` of every group, then those of the next index, and so on.
///
/// Even indices are the generator's windows and odd ones the key's, so that halving sums each multiple by itself and
/// adds the two last.
#[inline(always)]
fn load<'a, F: Lanes>(
    f: F,
    generator: &'a Table,
    groups: &[Group<'a>],
    first: usize,
    points: &mut [Point<F::Coordinate>],
) {
    for (index, row) in points.chunks_exact_mut(groups.len()).enumerate() {
        let index = first + index;
        for (point, group) in row.iter_mut().zip(groups) {
            let mut entries: [&Entry; MAX_LANES] = [generator.entry(0, 0); MAX_LANES];
            for lane in 0..F::LANES {
                entries[lane] = group.entry(generator, lane, index);
                f.prefetch(group.entry(generator, lane, index + 1));
            }
            let (base, window) = (index % 2, index / 2);
            *point = f.load(&entries, &group.negative[base], window as u32);
        }
    }
}

/// Adds the second half of the points to the first, and notes the lanes where that cannot be done.
///
/// Only in the last two levels can that be: before them two sums of one base that meet differ (or add up) to 256^w·N·P with
/// an odd |N| < 2²⁴⁸ < n.
#[inline(always)]
fn add<F: Lanes>(
    f: F,
    points: &mut [Point<F::Coordinate>],
    prefixes: &mut Vec<F::Factor>,
    exceptional: &mut [u8],
) {
    if !sum::add_halves(f, points, prefixes) {
        repair(f, points, exceptional);
        // No difference is zero now, so neither is their product; were it so, nothing here would count.
        if !sum::add_halves(f, points, prefixes) {
            exceptional.fill(u8::MAX);
        }
    }
}

/// Finds the lanes where two points that meet have the same x, notes them, and puts 0 and 1 there.
#[cold]
fn repair<F: Lanes>(f: F, points: &mut [Point<F::Coordinate>], exceptional: &mut [u8]) {
    let groups = exceptional.len();
    let (left, right) = points.split_at_mut(points.len() / 2);
    for (i, (a, b)) in left.iter_mut().zip(right).enumerate() {
        for lane in 0..F::LANES {
            let difference = f.get(a.x, lane).sub(f.get(b.x, lane));
            if difference.is_zero() {
                exceptional[i % groups] |= 1 << lane;
                f.set(&mut a.x, lane, false);
                f.set(&mut b.x, lane, true);
            }
        }
    }
}
