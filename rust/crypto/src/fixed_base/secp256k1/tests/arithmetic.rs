//! Field, scalars, inversion and recoding against the big-integer model, at the ends of their ranges above all.

use num_bigint::{BigInt, BigUint};
use proptest::prelude::*;

use super::super::field::{Fe, OFFSET, P};
use super::super::lanes::{Lanes, MAX_LANES, Portable};
use super::super::scalar::{self, HALF_N, N, Words};
use super::super::{inverse, recode};
use super::model::{big, bytes, less, n, of_limbs, p, words};
use crate::fixed_base::Backend;

const LOW_52: u64 = (1 << 52) - 1;

/// A word that is often at an end of its range.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => any::<u64>(),
        1 => Just(0),
        1 => Just(u64::MAX),
        1 => 0..4u64,
        1 => (0..64u32).prop_map(|bit| 1 << bit),
        1 => (0..64u32).prop_map(|bit| u64::MAX >> bit),
    ]
}

fn number() -> impl Strategy<Value = Words> {
    let near = |base: Words| {
        (0..5u64, any::<bool>()).prop_map(move |(distance, up)| {
            let (base, distance) = (big(&base), BigUint::from(distance));
            words(&if up { base + distance } else { base - distance })
        })
    };
    prop_oneof![
        6 => [word(), word(), word(), word()],
        1 => near(P),
        1 => near(N),
        1 => near(HALF_N),
        1 => (0..5u64).prop_map(|small| [small, 0, 0, 0]),
    ]
}

/// Limbs up to these bounds, often exactly at them.
fn limbs(low: u64, high: u64) -> impl Strategy<Value = [u64; 5]> {
    let limb = |max: u64| {
        prop_oneof![
            3 => 0..=max,
            1 => Just(0),
            1 => Just(1),
            2 => Just(max),
            1 => Just(LOW_52.min(max)),
        ]
    };
    let any = [limb(low), limb(low), limb(low), limb(low), limb(high)];
    prop_oneof![
        8 => any,
        1 => number().prop_map(|words| Fe::from_words(&words).0),
        1 => Just([low, low, low, low, high]),
    ]
}

fn tight() -> impl Strategy<Value = [u64; 5]> {
    limbs(LOW_52, (1 << 48) + (1 << 45) - 1)
}

fn loose() -> impl Strategy<Value = [u64; 5]> {
    limbs((1 << 56) - 1, (1 << 52) - 1)
}

fn is_tight(a: Fe) -> bool {
    a.0[..4].iter().all(|limb| *limb <= LOW_52) && a.0[4] < (1 << 48) + (1 << 45)
}

fn value(a: Fe) -> BigUint {
    of_limbs(&a.0) % p()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn portable_products_are_the_models_and_tight(a in loose(), b in loose(), c in loose()) {
        let (x, y, z) = (of_limbs(&a), of_limbs(&b), of_limbs(&c));
        let (a, b, c) = (Fe(a), Fe(b), Fe(c));
        for (found, expected) in [
            (a.mul(b), &x * &y),
            (a.mul_add(b, c), &x * &y + &z),
            (a.sqr(), &x * &x),
            (a.sqr_add(c), &x * &x + &z),
        ] {
            prop_assert!(is_tight(found), "{:x?}", found);
            prop_assert_eq!(value(found), expected % p());
        }
    }

    #[test]
    fn portable_sums_are_the_models(a in tight(), b in tight(), c in loose()) {
        let (x, y) = (of_limbs(&a), of_limbs(&b));
        let (a, b) = (Fe(a), Fe(b));
        prop_assert!(is_tight(a.add(b)) && is_tight(a.sub(b)));
        prop_assert_eq!(value(a.add(b)), (&x + &y) % p());
        prop_assert_eq!(value(a.sub(b)), less(&x, &y, &p()));
        prop_assert_eq!(value(a.sub_loose(b)), less(&x, &y, &p()));
        prop_assert_eq!(value(Fe::negated_sum(a, b)), less(&BigUint::ZERO, &(&x + &y), &p()));
        prop_assert_eq!(big(&Fe(c).to_words()), of_limbs(&c) % p());
        prop_assert_eq!(Fe(c).is_zero(), of_limbs(&c) % p() == BigUint::ZERO);
    }

    #[test]
    fn words_and_limbs_are_the_same_number(a in number()) {
        prop_assert_eq!(of_limbs(&Fe::from_words(&a).0), big(&a));
        prop_assert_eq!(big(&Fe::from_words(&a).to_words()), big(&a) % p());
        prop_assert_eq!(scalar::from_bytes(&bytes(&big(&a))), a);
    }

    #[test]
    fn inverses_times_their_numbers_are_one(a in number()) {
        let x = big(&a) % p();
        let inverse = value(Fe::from_words(&a).invert());
        prop_assert_eq!(&inverse * &x % p(), BigUint::from(u8::from(x != BigUint::ZERO)));
        prop_assert!(inverse < p());
        let x = big(&a) % n();
        let inverse = big(&scalar::invert(&words(&x)));
        prop_assert_eq!(&inverse * &x % n(), BigUint::from(u8::from(x != BigUint::ZERO)));
        prop_assert!(inverse < n());
    }

    #[test]
    fn scalars_are_the_models(a in number(), b in number()) {
        let (x, y) = (big(&a), big(&b) % n());
        let r = BigUint::from(1u8) << 256u32;
        prop_assert_eq!(big(&scalar::reduce(&a)), &x % n());
        prop_assert_eq!(big(&scalar::negate(&words(&y))), less(&BigUint::ZERO, &y, &n()));
        prop_assert_eq!(scalar::less(&a, &b), x < big(&b));
        let product = big(&scalar::montgomery_mul(&a, &words(&y)));
        prop_assert_eq!(&product * r % n(), x * y % n());
        prop_assert!(product < n());
    }

    #[test]
    fn one_inversion_inverts_all(values in prop::collection::vec(number(), 0..20)) {
        let mut values: Vec<Words> = values.iter().map(scalar::reduce).collect();
        values.retain(|value| !scalar::is_zero(value));
        let originals = values.clone();
        scalar::invert_all(&mut values, &mut Vec::new());
        for (value, original) in values.iter().zip(&originals) {
            prop_assert_eq!(big(value) * big(original) % n(), (BigUint::from(1u8) << 256u32) % n());
        }
    }

    #[test]
    fn digits_add_up_to_the_scalar(k in number()) {
        let k = scalar::reduce(&k);
        let digits = recode::recode(&k);
        let mut sum = BigInt::ZERO;
        for window in (0..recode::WINDOWS).rev() {
            let magnitude = digits.magnitudes[window];
            prop_assert!(usize::from(magnitude) < recode::MAGNITUDES);
            let digit = BigInt::from(2 * i32::from(magnitude) + 1);
            let negative = digits.negative >> window & 1 == 1;
            sum = (sum << 8u32) + if negative { -digit } else { digit };
        }
        let modulus = BigInt::from(n());
        prop_assert_eq!(((sum % &modulus) + &modulus) % &modulus, BigInt::from(big(&k)));
    }
}

#[test]
fn moduli_and_constants_are_the_curves() {
    let two = BigUint::from(2u8);
    assert_eq!(p(), two.pow(256) - two.pow(32) - 977u32);
    assert_eq!(big(&HALF_N), (n() - 1u32) / 2u32);
    // 2δ = 2^256 − 1 − p: then the complement of y + δ is −y + δ.
    assert_eq!(BigUint::from(2 * OFFSET), two.pow(256) - 1u32 - p());
    assert_eq!(big(&scalar::power_of_two(512)), two.pow(512) % n());
    for modulus in [P, N] {
        let odd = inverse::Modulus::new(modulus);
        for exponent in 0..256u32 {
            let power = two.pow(exponent);
            let found = big(&inverse::invert(&odd, &words(&power)));
            assert_eq!(found * power % big(&modulus), BigUint::from(1u8));
        }
    }
}

type Eight = [[u64; 5]; MAX_LANES];

fn eight(one: impl Strategy<Value = [u64; 5]>) -> impl Strategy<Value = Eight> {
    prop::collection::vec(one, MAX_LANES).prop_map(|lanes| lanes.try_into().unwrap())
}

/// The same for one implementation, every lane with other elements.
fn lanes_agree<F: Lanes>(
    f: F,
    coordinate_max: u64,
    factors: &[Eight; 2],
    coordinates: &[Eight; 2],
) {
    let [a, b] = factors.each_ref().map(|limbs| f.factor(limbs));
    let [y, z] = coordinates.each_ref().map(|limbs| f.coordinate(limbs));
    let [product, swapped] = f.mul_two([a, b], [b, a]);
    let lesser = f.mul_less(a, b, y);
    let [first, second] = f.mul_less_two([a, b], [b, b], [y, z]);
    let square = f.square_less(a, y, z);
    let difference = f.sub(y, z);
    let modulus = p();
    for lane in 0..F::LANES {
        let [a_value, b_value] = factors.each_ref().map(|limbs| of_limbs(&limbs[lane]));
        let [y_value, z_value] = coordinates.each_ref().map(|limbs| of_limbs(&limbs[lane]));
        let ab = &a_value * &b_value;
        for found in [f.mul(a, b), product, swapped] {
            let limbs = f.limbs(found, lane);
            assert!(limbs[4] < 1 << 52);
            assert_eq!(of_limbs(&limbs) % &modulus, &ab % &modulus);
        }
        let less_y = |product: &BigUint, y: &BigUint| less(&(product + 2 * OFFSET), y, &modulus);
        for (found, expected) in [
            (lesser, less_y(&ab, &y_value)),
            (first, less_y(&ab, &y_value)),
            (second, less_y(&(&b_value * &b_value), &z_value)),
            (
                square,
                less(&(&a_value * &a_value), &(&y_value + &z_value), &modulus),
            ),
        ] {
            let limbs = f.get(found, lane).0;
            assert!(limbs[..4].iter().all(|limb| *limb <= LOW_52), "{limbs:x?}");
            assert!(limbs[4] <= coordinate_max, "{limbs:x?}");
            assert_eq!(of_limbs(&limbs) % &modulus, expected);
        }
        let limbs = f.limbs(difference, lane);
        assert!(limbs[4] < 1 << 52);
        assert_eq!(
            of_limbs(&limbs) % &modulus,
            less(&y_value, &z_value, &modulus)
        );
    }
    let any_zero =
        (0..F::LANES).any(|lane| of_limbs(&factors[0][lane]) % &modulus == BigUint::ZERO);
    match f.invert(a) {
        None => assert!(any_zero),
        Some(inverse) => {
            assert!(!any_zero);
            for (lane, factor) in factors[0].iter().enumerate().take(F::LANES) {
                let product = of_limbs(&f.limbs(inverse, lane)) * of_limbs(factor);
                assert_eq!(product % &modulus, BigUint::from(1u8));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn portable_lane_is_the_models(
        factors in [eight(loose()), eight(loose())],
        coordinates in [eight(tight()), eight(tight())],
    ) {
        lanes_agree(Portable, (1 << 48) + (1 << 45) - 1, &factors, &coordinates);
    }

    #[test]
    fn ifma_lanes_are_the_models(
        factors in [eight(limbs(LOW_52, LOW_52)), eight(limbs(LOW_52, LOW_52))],
        coordinates in [eight(limbs(LOW_52, IFMA_MAX)), eight(limbs(LOW_52, IFMA_MAX))],
    ) {
        for backend in Backend::available() {
            #[cfg(target_arch = "x86_64")]
            if let Backend::Ifma(ifma) = backend {
                lanes_agree(*ifma, IFMA_MAX, &factors, &coordinates);
            }
        }
    }
}

/// The largest limb 4 of an IFMA coordinate.
const IFMA_MAX: u64 = (1 << 49) + (1 << 10) - 1;
