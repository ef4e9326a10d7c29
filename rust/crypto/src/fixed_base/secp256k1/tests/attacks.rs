//! Signatures made to break the formulas: sums that collide, keys near the generator, one bad lane in many.

use num_bigint::{BigInt, BigUint};

use super::super::recode;
use super::super::scalar::HALF_N;
use super::super::{Check, Rule};
use super::model::{big, bytes, less, n, over, words};
use super::signatures::{answers, check, ecdsa, join, number, point, signed, signer, table, x_of};
use crate::fixed_base::{Answer, Backend};

/// A digest and signature by d whose multipliers are ±(u₁, u₂), with low S: valid wherever u₁ + u₂·d is not zero.
fn with_multipliers(d: &BigUint, u1: &BigUint, u2: &BigUint) -> ([u8; 32], [u8; 64]) {
    let nonce = (u1 + u2 * d) % n();
    let r = if nonce == BigUint::ZERO {
        BigUint::from(12_345u32)
    } else {
        x_of(&point(&nonce)) % n()
    };
    let s = over(&r, u2, &n());
    let digest = bytes(&(u1 * &s % n()));
    let low = if s > big(&HALF_N) { n() - s } else { s };
    // −s with the same digest has the multipliers −u₁ and −u₂: R becomes −R, of the same x.
    (digest, join(&r, &low))
}

/// The scalar whose windows at even and at odd places have sums that differ by n: equal multiples, so that the
/// tree's addition of both is a doubling.
fn self_colliding() -> BigUint {
    let digits = recode::recode(&words(&(n() - 2u32)));
    // recode works below n; n itself has the digits of n − 2 with the lowest one greater by two.
    let mut sum = BigInt::ZERO;
    for window in (0..recode::WINDOWS).rev() {
        let magnitude = 2 * i64::from(digits.magnitudes[window]) + 1;
        let mut digit = if digits.negative >> window & 1 == 1 {
            -magnitude
        } else {
            magnitude
        };
        if window == 0 {
            digit += 2;
        }
        sum = (sum << 8u32) + if window % 2 == 0 { digit } else { -digit };
    }
    let found = sum.magnitude().clone();
    assert!(found < n() && found.bit(0));
    found
}

#[test]
fn colliding_sums_are_left_undecided_and_never_refused() {
    let d = number(&[b"known"]);
    let (u, v) = (number(&[b"u"]), number(&[b"v"]));
    let trap = self_colliding();
    let public = point(&d);
    let table = table(&public);
    let one = BigUint::from(1u8);
    let mut cases = vec![
        // u₁·G = u₂·P: the last addition is a doubling.
        (&v * &d % n(), v.clone()),
        (d.clone(), one.clone()),
        // u₁·G = −u₂·P: the sum is the identity, which no r fits.
        (less(&BigUint::ZERO, &(&v * &d), &n()), v.clone()),
        // The two halves of one multiple's windows have equal sums.
        (trap.clone(), v.clone()),
        (n() - &trap, v.clone()),
        (u.clone(), trap.clone()),
        (u.clone(), n() - &trap),
        (trap.clone(), trap),
        // No digits for zero.
        (BigUint::ZERO, v),
    ];
    let exceptional = cases.len();
    // Small multipliers are no exception.
    for small in [1u32, 2, 3, 255, 256, 257] {
        cases.push((BigUint::from(small), u.clone()));
        cases.push((u.clone(), BigUint::from(small)));
        cases.push((n() - small, &u + small));
    }
    let signatures: Vec<_> = cases
        .iter()
        .map(|(u1, u2)| with_multipliers(&d, u1, u2))
        .collect();
    let strict: Vec<Answer> = signatures
        .iter()
        .map(|(digest, signature)| ecdsa(&public, *digest, signature))
        .collect();
    assert_eq!(strict[2], Answer::Reject);
    assert_eq!(strict.iter().filter(|a| **a == Answer::Reject).count(), 1);
    let checks: Vec<Check<'_>> = signatures
        .iter()
        .map(|(digest, signature)| check(&table, Rule::Ecdsa, *digest, signature))
        .collect();
    for backend in Backend::available() {
        let found = answers(*backend, &checks);
        assert_eq!(found[..exceptional], vec![Answer::Undecided; exceptional]);
        assert_eq!(found[exceptional..], strict[exceptional..]);
    }
}

#[test]
fn an_exceptional_lane_disturbs_no_other() {
    let signers: Vec<_> = (0..4).map(signer).collect();
    let d = BigUint::from_bytes_be(&signers[0].secret.secret_bytes());
    let (u1, u2) = (&d * 77u32 % n(), BigUint::from(77u8));
    let (bad_digest, bad) = with_multipliers(&d, &u1, &u2);
    for backend in Backend::available() {
        for size in [8usize, 13, 64, 130] {
            let good: Vec<_> = (0..size)
                .map(|i| signed(&signers[i % 4], i as u32))
                .collect();
            let mut checks: Vec<Check<'_>> = good
                .iter()
                .enumerate()
                .map(|(i, (digest, signature))| {
                    check(&signers[i % 4].table, Rule::Ecdsa, *digest, signature)
                })
                .collect();
            let exceptional = check(&signers[0].table, Rule::Ecdsa, bad_digest, &bad);
            for place in (0..size).step_by(size / 8) {
                let kept = std::mem::replace(&mut checks[place], exceptional);
                let mut expected = vec![Answer::Accept; size];
                expected[place] = Answer::Undecided;
                assert_eq!(answers(*backend, &checks), expected, "{size} {place}");
                checks[place] = kept;
            }
            // And the reverse: one good lane among exceptional ones; then none.
            let mut all = vec![exceptional; size];
            assert_eq!(answers(*backend, &all), vec![Answer::Undecided; size]);
            all[size / 2] = checks[size / 2];
            let mut expected = vec![Answer::Undecided; size];
            expected[size / 2] = Answer::Accept;
            assert_eq!(answers(*backend, &all), expected);
        }
    }
}

#[test]
fn batches_of_bad_signatures_are_refused_one_by_one() {
    let signer = signer(1);
    let zero = [0; 64];
    for backend in Backend::available() {
        for size in [1usize, 7, 8, 9, 64, 129] {
            // Nothing but zeros must not look like an equality.
            for rule in [
                Rule::Ecdsa,
                Rule::Recoverable { odd: false },
                Rule::Recoverable { odd: true },
                Rule::Schnorr,
            ] {
                let nothing = check(&signer.table, rule, [0; 32], &zero);
                assert_eq!(
                    answers(*backend, &vec![nothing; size]),
                    vec![Answer::Reject; size]
                );
            }
            let wrong: Vec<_> = (0..size)
                .map(|i| {
                    let (digest, mut signature) = signed(&signer, i as u32);
                    signature[63 - i % 32] ^= 1;
                    (digest, signature)
                })
                .collect();
            let checks: Vec<_> = wrong
                .iter()
                .map(|(digest, signature)| check(&signer.table, Rule::Ecdsa, *digest, signature))
                .collect();
            assert_eq!(answers(*backend, &checks), vec![Answer::Reject; size]);
            // One good one among them is found.
            let (digest, signature) = signed(&signer, 0);
            let mut checks = checks;
            checks[size / 2] = check(&signer.table, Rule::Ecdsa, digest, &signature);
            let mut expected = vec![Answer::Reject; size];
            expected[size / 2] = Answer::Accept;
            assert_eq!(answers(*backend, &checks), expected);
        }
    }
}

#[test]
fn keys_that_are_small_multiples_of_the_generator_are_keys_like_others() {
    let one = BigUint::from(1u8);
    for d in [1u32, 2, 3, 255, 256, 257]
        .map(BigUint::from)
        .into_iter()
        .chain([
            n() - 1u32,
            n() - 2u32,
            over(&one, &BigUint::from(2u8), &n()),
        ])
    {
        let public = point(&d);
        let table = table(&public);
        let signatures: Vec<_> = (0..40u32)
            .map(|i| {
                let u1 = number(&[b"u1", &i.to_be_bytes()]);
                with_multipliers(&d, &u1, &number(&[b"u2", &i.to_be_bytes()]))
            })
            .collect();
        let checks: Vec<_> = signatures
            .iter()
            .map(|(digest, signature)| check(&table, Rule::Ecdsa, *digest, signature))
            .collect();
        for (digest, signature) in &signatures {
            assert_eq!(ecdsa(&public, *digest, signature), Answer::Accept);
        }
        for backend in Backend::available() {
            assert_eq!(answers(*backend, &checks), vec![Answer::Accept; 40]);
        }
    }
}

#[test]
fn rules_mix_in_one_batch() {
    let signer = signer(3);
    let d = BigUint::from_bytes_be(&signer.secret.secret_bytes());
    let mut checks = Vec::new();
    let mut expected = Vec::new();
    for i in 0..50u32 {
        let (digest, signature) = signed(&signer, i);
        checks.push(check(&signer.table, Rule::Ecdsa, digest, &signature));
        expected.push(Answer::Accept);
        let k = number(&[b"k", &i.to_be_bytes()]);
        let e = number(&[b"e", &i.to_be_bytes()]);
        let nonce = point(&k);
        let schnorr = join(&x_of(&nonce), &((&k + &e * &d) % n()));
        checks.push(check(&signer.table, Rule::Schnorr, bytes(&e), &schnorr));
        expected.push(if nonce.serialize()[0] == 2 {
            Answer::Accept
        } else {
            Answer::Reject
        });
        let mut twin = signature;
        twin[32..].copy_from_slice(&bytes(&(n() - BigUint::from_bytes_be(&signature[32..]))));
        checks.push(check(&signer.table, Rule::Ecdsa, digest, &twin));
        expected.push(Answer::Reject);
    }
    assert!(expected.iter().filter(|a| **a == Answer::Accept).count() > 60);
    for backend in Backend::available() {
        assert_eq!(answers(*backend, &checks), expected);
    }
}
