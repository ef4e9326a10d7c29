//! secp256k1 where formulas break: keys and signatures of known logarithms, so that sums of table entries collide,
//! cancel or vanish, through the public API. What libsecp256k1 says of them is right.

use custody_crypto::{Scheme, Verdict};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SECP256K1};
use sha2::{Digest as _, Sha256};

use crate::common::{N_SECP256K1, Rng, subtract};
use crate::oracle::is_low;
use crate::rings::{Item, Rings};
use crate::scalars::Scalar;

/// The field's p.
const P: &str = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
/// The endomorphism: λ(x, y) = (βx, y).
const LAMBDA: &str = "5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72";

fn number(hex: &str) -> [u8; 32] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

/// Logarithms of keys near G: its multiples by small numbers, by powers of two at and beside window ends, their
/// negatives, inverses, and the endomorphism's images.
fn logarithms() -> Vec<Scalar> {
    let mut found: Vec<Scalar> = [1, 2, 3, 5, 127, 128, 129, 255, 256, 257]
        .into_iter()
        .map(Scalar::small)
        .collect();
    found.extend([7, 8, 9, 16, 64, 128, 192, 248, 255].map(Scalar::power_of_two));
    let lambda = Scalar::of(number(LAMBDA));
    found.extend([lambda, lambda.times(lambda), Scalar::small(2).inverse()]);
    found.push(Scalar::power_of_two(8).inverse());
    let negated: Vec<Scalar> = found.iter().map(|d| d.negated()).collect();
    found.extend(negated);
    found
}

/// Multipliers for which table walks meet: sparse, of one window, all windows alike, near zero and near n.
fn multipliers(rng: &mut Rng) -> Vec<Scalar> {
    let mut found = vec![Scalar::ZERO];
    found.extend([1, 2, 3, 254, 255, 256, 257, 511].map(Scalar::small));
    found.extend([8, 127, 128, 136, 248, 255].map(Scalar::power_of_two));
    found.extend([[0x01; 32], [0x55; 32], [0x7f; 32], [0x80; 32], [0xaa; 32]].map(Scalar::of));
    found.push(Scalar::of(number(LAMBDA)));
    found.push(Scalar::of(rng.seed()));
    // Only the low half, only the high half.
    let mut half = [0; 32];
    half[16..].copy_from_slice(&rng.bytes(16));
    found.push(Scalar::of(half));
    half.rotate_left(16);
    found.push(Scalar::of(half));
    found.extend(walks_that_meet_themselves());
    let negated: Vec<Scalar> = found[1..].iter().map(|u| u.negated()).collect();
    found.extend(negated);
    found
}

/// Multipliers whose own windows, summed in two halves, come to one point twice: with n = Σ dᵢ·256^i in odd digits, the
/// digits of one half negated. Whatever the halves (the halving of 32 windows by any bit of their index), A − B = n.
fn walks_that_meet_themselves() -> Vec<Scalar> {
    // n = Σ (2mᵢ − 255)·256^i for the bytes mᵢ of (n + 2^256 − 1)/2, that is of ⌊n/2⌋ + 2^255.
    let mut halves = number(N_SECP256K1);
    let mut carry = 1;
    for byte in &mut halves {
        let next = *byte & 1;
        *byte = *byte >> 1 | carry << 7;
        carry = next;
    }
    let mut found = Vec::new();
    for bit in 0..5 {
        let mut sum = Scalar::ZERO;
        let mut weight = Scalar::small(1);
        for (window, m) in halves.iter().rev().enumerate() {
            let digit = 2 * i64::from(*m) - 255;
            let magnitude = Scalar::small(digit.unsigned_abs()).times(weight);
            let negative = (digit < 0) != (window >> bit & 1 == 1);
            sum = sum.plus(if negative {
                magnitude.negated()
            } else {
                magnitude
            });
            weight = weight.times(Scalar::small(256));
        }
        found.push(sum);
    }
    found
}

/// The digest and the 65 bytes for which a verifier computes R = u1·G + u2·Q: right when R is a point, else for this r.
fn ethereum(u1: Scalar, u2: Scalar, d: Scalar, r_if_none: Scalar) -> ([u8; 32], Vec<u8>) {
    let nonce = u1.plus(u2.times(d));
    let (r, odd) = match nonce.point() {
        Some(point) => {
            let bytes = point.serialize();
            (Scalar::of(bytes[1..].try_into().unwrap()), bytes[0] & 1)
        }
        None => (r_if_none, 0),
    };
    let mut s = r.times(u2.inverse());
    let digest = u1.times(s).bytes();
    let mut v = odd;
    if !is_low(&s.bytes()) {
        (s, v) = (s.negated(), v ^ 1);
    }
    let signature = [&r.bytes()[..], &s.bytes(), &[v]].concat();
    (digest, signature)
}

#[test]
fn sums_that_collide_cancel_or_vanish() {
    let mut rng = Rng(1);
    let (mut valid, mut vanished) = (0, 0);
    for (index, d) in logarithms().into_iter().enumerate() {
        let mut rings = Rings::default();
        let key = d.point().unwrap();
        let id = format!("d-{index}");
        rings
            .enrol(&id, Scheme::Ethereum, &key.serialize())
            .unwrap();
        let few = multipliers(&mut rng);
        let mut pairs: Vec<(Scalar, Scalar)> = Vec::new();
        for (place, u2) in few.iter().enumerate().skip(1) {
            let along = d.times(*u2);
            // u1·G = u2·Q, = -u2·Q, = 0, and some of the others.
            pairs.extend([(along, *u2), (along.negated(), *u2), (Scalar::ZERO, *u2)]);
            pairs.extend([(*u2, *u2), (u2.negated(), *u2)]);
            for step in [1, 5] {
                pairs.push((few[(place + step + index) % few.len()], *u2));
            }
        }
        let mut items = Vec::new();
        let mut expected = Vec::new();
        for (u1, u2) in pairs {
            let is_point = u1.plus(u2.times(d)) != Scalar::ZERO;
            // Where R is infinity, r may be anything: zero coordinates, the key's own x, G's.
            let r = Scalar::small(1 + rng.next() % 3);
            let (digest, signature) = ethereum(u1, u2, d, r);
            for v in 0..2 {
                let mut either = signature.clone();
                either[64] = v;
                expected.push(is_point && v == signature[64]);
                items.push(Item::new(&id, &digest, &either));
            }
            valid += usize::from(is_point);
            vanished += usize::from(!is_point);
        }
        // In the tests' own words, and then by every verifier.
        for (items, expected) in items.chunks(61).zip(expected.chunks(61)) {
            for (verdict, expected) in rings.judge(items).iter().zip(expected) {
                assert_eq!(verdict.is_valid(), *expected, "d = {d:?}");
            }
        }
    }
    assert!(valid > 10_000 && vanished > 1_000, "{valid} {vanished}");
}

/// The digest zero, and its other spelling n, through each of the two.
#[test]
fn a_digest_of_zero_leaves_the_key_alone() {
    for d in logarithms() {
        let mut rings = Rings::default();
        rings
            .enrol("key", Scheme::Ethereum, &d.point().unwrap().serialize())
            .unwrap();
        let mut items = Vec::new();
        for digest in [[0; 32], number(N_SECP256K1)] {
            let signed = SECP256K1
                .sign_ecdsa_recoverable(Message::from_digest(digest), &d.secret().unwrap());
            let (id, compact) = signed.serialize_compact();
            let v = u8::try_from(i32::from(id)).unwrap();
            items.push(Item::new("key", &digest, &[&compact[..], &[v]].concat()));
        }
        let verdicts = rings.judge(&items);
        assert_eq!(verdicts, [Verdict::Valid; 2]);
    }
}

/// A key of which this signature is one, by recovery; `None` where there is no point with that x.
fn key_of(digest: [u8; 32], r: [u8; 32], s: [u8; 32], id: RecoveryId) -> Option<PublicKey> {
    let compact = [r, s].concat();
    let signature = RecoverableSignature::from_compact(&compact, id).ok()?;
    SECP256K1
        .recover_ecdsa(Message::from_digest(digest), &signature)
        .ok()
}

fn plus_one(bytes: &[u8; 32]) -> [u8; 32] {
    Scalar::of(*bytes).plus(Scalar::small(1)).bytes()
}

#[test]
fn an_x_of_r_at_or_above_n_is_r_plus_n_for_ecdsa_and_nothing_for_ethereum() {
    let mut rng = Rng(3);
    let gap = subtract(&number(P), &number(N_SECP256K1));
    let last = subtract(&gap, &Scalar::small(1).bytes());
    // r from 1 up, and from p - n - 1 down: x = r + n from n + 1 to p - 1.
    let up = (1..40).map(|r| Scalar::small(r).bytes());
    let down = (0..40).map(|below| subtract(&last, &Scalar::small(below).bytes()));
    let mut found = 0;
    for r in up.chain(down) {
        let message = rng.bytes(20);
        let digest: [u8; 32] = Sha256::digest(&message).into();
        let s = Scalar::of(rng.seed());
        let s = if is_low(&s.bytes()) { s } else { s.negated() }.bytes();
        for id in [RecoveryId::Two, RecoveryId::Three] {
            let Some(key) = key_of(digest, r, s, id) else {
                continue;
            };
            found += 1;
            let mut rings = Rings::default();
            let key = key.serialize();
            rings
                .enrol("ecdsa", Scheme::EcdsaSecp256k1Sha256, &key)
                .unwrap();
            rings.enrol("ethereum", Scheme::Ethereum, &key).unwrap();
            let compact = [r, s].concat();
            let mut items = vec![Item::new("ecdsa", &message, &compact)];
            // One beside it is wrong.
            let beside = [plus_one(&r), s].concat();
            items.push(Item::new("ecdsa", &message, &beside));
            for v in [0, 1, 2, 3, 27, 28, 29, 30] {
                let with_v = [&compact[..], &[v]].concat();
                items.push(Item::new("ethereum", &digest, &with_v));
            }
            let verdicts = rings.judge(&items);
            assert_eq!(verdicts[0], Verdict::Valid, "r = {r:02x?}");
            assert!(verdicts[1..].iter().all(|v| *v == Verdict::Invalid));
        }
    }
    assert!(
        found > 40,
        "about half of all x are those of points: {found}"
    );
}

#[test]
fn a_small_r_that_is_x_itself_and_the_first_r_that_has_no_second_candidate() {
    let mut rng = Rng(4);
    let gap = subtract(&number(P), &number(N_SECP256K1));
    let around = (0..30).map(|below| subtract(&plus_one(&gap), &Scalar::small(below).bytes()));
    let small = (1..30).map(|r| Scalar::small(r).bytes());
    let below_n = (1..30).map(|below| Scalar::small(below).negated().bytes());
    let mut found = 0;
    for r in around.chain(small).chain(below_n) {
        let message = rng.bytes(20);
        let digest: [u8; 32] = Sha256::digest(&message).into();
        let s = Scalar::of(rng.seed());
        let s = if is_low(&s.bytes()) { s } else { s.negated() }.bytes();
        for (odd, id) in [(0, RecoveryId::Zero), (1, RecoveryId::One)] {
            let Some(key) = key_of(digest, r, s, id) else {
                continue;
            };
            found += 1;
            let mut rings = Rings::default();
            let key = key.serialize();
            rings
                .enrol("ecdsa", Scheme::EcdsaSecp256k1Sha256, &key)
                .unwrap();
            rings.enrol("ethereum", Scheme::Ethereum, &key).unwrap();
            let compact = [r, s].concat();
            let items = [
                Item::new("ecdsa", &message, &compact),
                Item::new("ethereum", &digest, &[&compact[..], &[odd]].concat()),
                Item::new("ethereum", &digest, &[&compact[..], &[odd ^ 1]].concat()),
            ];
            use Verdict::{Invalid, Valid};
            assert_eq!(rings.judge(&items), [Valid, Valid, Invalid], "{r:02x?}");
        }
    }
    assert!(found > 40, "{found}");
}

#[test]
fn schnorr_by_keys_near_g_and_with_edges_for_numbers() {
    let mut rng = Rng(5);
    let edges = [
        [0; 32],
        Scalar::small(1).bytes(),
        Scalar::small(1).negated().bytes(),
        number(N_SECP256K1),
        number(P),
        subtract(&number(P), &Scalar::small(1).bytes()),
        [0xff; 32],
    ];
    let mut rings = Rings::default();
    let mut items = Vec::new();
    for (index, d) in logarithms().into_iter().enumerate() {
        let pair = secp256k1::Keypair::from_secret_key(SECP256K1, &d.secret().unwrap());
        let key = pair.x_only_public_key().0.serialize();
        let id = format!("d-{index}");
        rings.enrol(&id, Scheme::Bip340, &key).unwrap();
        let message = rng.bytes(32);
        let good = SECP256K1.sign_schnorr_no_aux_rand(&message, &pair);
        let good = good.to_byte_array();
        items.push(Item::new(&id, &message, &good));
        for edge in edges {
            for half in [0, 32] {
                let mut bad = good;
                bad[half..half + 32].copy_from_slice(&edge);
                items.push(Item::new(&id, &message, &bad));
            }
            // The key for R, with s at an edge.
            items.push(Item::new(&id, &message, &[key, edge].concat()));
        }
    }
    let verdicts = rings.judge(&items);
    let valid = verdicts.iter().filter(|verdict| verdict.is_valid()).count();
    assert_eq!(valid, items.len() / 22, "the signed ones alone");
}
