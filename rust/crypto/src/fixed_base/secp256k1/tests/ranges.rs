//! Numbers at the ends of their ranges: r, s, digests, challenges, and an x at or above n.

use num_bigint::BigUint;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, SECP256K1};

use super::super::Rule;
use super::super::scalar::HALF_N;
use super::model::{big, bytes, less, n, over, p};
use super::signatures::{answers, check, ecdsa, hash, join, number, point, table, x_of};
use crate::fixed_base::{Answer, Backend};

#[test]
fn r_and_s_at_the_ends_of_their_ranges() {
    let d = number(&[b"ends"]);
    let public = point(&d);
    let table = table(&public);
    let nonce = number(&[b"nonce"]);
    let r = x_of(&point(&nonce)) % n();
    let half = big(&HALF_N);
    let top = (BigUint::from(1u8) << 256u32) - 1u32;
    let mut cases = Vec::new();
    let mut valid = 0;
    // By a fitting digest every s is a valid one but for its range.
    for s in [
        BigUint::from(1u8),
        BigUint::from(2u8),
        &half - 1u32,
        half.clone(),
        &half + 1u32,
        n() - 1u32,
    ] {
        let digest = less(&(&s * &nonce), &(&r * &d), &n());
        cases.push((bytes(&digest), join(&r, &s)));
        valid += usize::from(s <= half);
    }
    let digest = hash(&[b"any"]);
    let ends = [
        BigUint::ZERO,
        BigUint::from(1u8),
        n() - 1u32,
        n(),
        n() + 1u32,
        p() - 1u32,
        p(),
        top,
    ];
    for a in &ends {
        for b in &ends {
            cases.push((digest, join(a, b)));
        }
        cases.push((digest, join(a, &number(&[b"s"]))));
        cases.push((digest, join(&r, a)));
    }
    let strict: Vec<Answer> = cases
        .iter()
        .map(|(digest, signature)| ecdsa(&public, *digest, signature))
        .collect();
    assert_eq!(
        strict.iter().filter(|a| **a == Answer::Accept).count(),
        valid
    );
    let checks: Vec<_> = cases
        .iter()
        .map(|(digest, signature)| check(&table, Rule::Ecdsa, *digest, signature))
        .collect();
    for backend in Backend::available() {
        assert_eq!(answers(*backend, &checks), strict);
    }
}

#[test]
fn a_digest_at_or_above_n_counts_modulo_n() {
    let d = number(&[b"digest"]);
    let (public, nonce) = (point(&d), number(&[b"nonce"]));
    let table = table(&public);
    let r = x_of(&point(&nonce)) % n();
    for small in [1u32, 5, 1000] {
        let s = over(&(&r * &d + small), &nonce, &n());
        let low = if s > big(&HALF_N) { n() - s } else { s };
        let signature = join(&r, &low);
        for (digest, expected) in [
            (BigUint::from(small), Answer::Accept),
            (n() + small, Answer::Accept),
            (p() + small, Answer::Reject),
        ] {
            let digest = bytes(&digest);
            assert_eq!(ecdsa(&public, digest, &signature), expected);
            for backend in Backend::available() {
                let one = check(&table, Rule::Ecdsa, digest, &signature);
                assert_eq!(answers(*backend, &[one]), [expected]);
            }
        }
    }
}

#[test]
fn an_x_at_or_above_n_fits_ecdsa_and_no_recovery_id_of_one_bit() {
    let digest = hash(&[b"r + n"]);
    let mut found = 0;
    for small in 1..40u32 {
        let r = BigUint::from(small);
        let signature = join(&r, &(number(&[b"s"]) >> 1u32));
        // Recovery with x = r + n gives the key of which this is a signature, where there is such an x.
        for id in [RecoveryId::Two, RecoveryId::Three] {
            let recoverable = RecoverableSignature::from_compact(&signature, id).unwrap();
            let Ok(public) = SECP256K1.recover_ecdsa(Message::from_digest(digest), &recoverable)
            else {
                continue;
            };
            found += 1;
            assert_eq!(ecdsa(&public, digest, &signature), Answer::Accept);
            let table = table(&public);
            for backend in Backend::available() {
                let by = |rule| answers(*backend, &[check(&table, rule, digest, &signature)]);
                assert_eq!(by(Rule::Ecdsa), [Answer::Accept]);
                for odd in [false, true] {
                    assert_eq!(by(Rule::Recoverable { odd }), [Answer::Reject]);
                }
            }
        }
    }
    assert!(found > 20);
}

#[test]
fn schnorr_at_the_ends_of_its_ranges() {
    // The caller hashes, so any challenge may be set here: s = k + e·d for an even-y key and an even-y R.
    let even = |secret: BigUint| {
        if point(&secret).serialize()[0] == 2 {
            secret
        } else {
            n() - secret
        }
    };
    let (d, k) = (even(number(&[b"d"])), even(number(&[b"k"])));
    let table = table(&point(&d));
    let r = x_of(&point(&k));
    let e = number(&[b"e"]);
    let s = (&k + &e * &d) % n();
    let odd_s = (n() - &k + &e * &d) % n();
    let zero_s = over(&less(&BigUint::ZERO, &k, &n()), &d, &n());
    let cases = [
        (&e, &r, &s, Answer::Accept),
        (&e, &r, &odd_s, Answer::Reject),
        (&e, &r, &(&s + 1u32), Answer::Reject),
        (&e, &BigUint::ZERO, &s, Answer::Reject),
        (&e, &p(), &s, Answer::Reject),
        (&e, &(p() - 1u32), &s, Answer::Reject),
        (&e, &r, &n(), Answer::Reject),
        // The same R by s = 0, by e = 0, and by both equal multiples.
        (&zero_s, &r, &BigUint::ZERO, Answer::Undecided),
        (&BigUint::ZERO, &r, &k, Answer::Undecided),
        (&n(), &r, &k, Answer::Undecided),
        (&(n() - 5u32), &r, &(&d * 5u32 % n()), Answer::Undecided),
        (
            &BigUint::from(5u8),
            &r,
            &(&d * 5u32 % n()),
            Answer::Undecided,
        ),
    ];
    let checks: Vec<_> = cases
        .iter()
        .map(|(e, r, s, _)| check(&table, Rule::Schnorr, bytes(e), &join(r, s)))
        .collect();
    let expected: Vec<_> = cases.iter().map(|case| case.3).collect();
    for backend in Backend::available() {
        assert_eq!(answers(*backend, &checks), expected);
    }
}
