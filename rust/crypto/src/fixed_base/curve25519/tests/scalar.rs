//! Scalars against the big-integer model, and digits that add up to them.

use num_bigint::{BigInt, BigUint};
use proptest::prelude::*;

use super::super::scalar::{Scalar, bias};
use super::super::table::{BaseMultiples, KeyMultiples};
use super::model::{of_words, order, to_bytes};

#[test]
fn only_integers_below_the_order_are_canonical() {
    let order = order();
    let accepted = [
        BigUint::ZERO,
        BigUint::from(1_u8),
        BigUint::from(1_u8) << 252_u32,
        &order - 1_u8,
    ];
    for value in accepted {
        let scalar = Scalar::from_canonical_bytes(&to_bytes(&value)).unwrap();
        assert_eq!(of_words(&scalar.0), value);
    }
    let largest = (BigUint::from(1_u8) << 256_u32) - 1_u8;
    for value in [
        order.clone(),
        &order + 1_u8,
        &order * 2_u8,
        BigUint::from(1_u8) << 253_u32,
        largest,
    ] {
        assert_eq!(Scalar::from_canonical_bytes(&to_bytes(&value)), None);
    }
}

#[test]
fn the_ends_of_the_range_are_reduced() {
    let order = order();
    let largest = (BigUint::from(1_u8) << 512_u32) - 1_u8;
    let multiple = &largest / &order * &order;
    let mut values = vec![largest, multiple.clone(), multiple - 1_u8];
    for bit in [0_u32, 124, 125, 251, 252, 253, 256, 260, 384, 385, 504, 511] {
        let power = BigUint::from(1_u8) << bit;
        values.extend([&power - 1_u8, &power * 1_u8]);
    }
    for factor in 0..20_u8 {
        values.push(&order * factor);
        values.push(&order * factor + (&order - 1_u8));
    }
    for value in values {
        let reduced = of_words(&Scalar::reduce(&to_bytes(&value)).0);
        assert_eq!(reduced, &value % &order);
    }
}

/// The digits of both shapes add up to the scalar, each with a place of its own window.
fn assert_digits(scalar: Scalar) {
    let value = BigInt::from(of_words(&scalar.0));
    let (base, key) = (BaseMultiples::biased(scalar), KeyMultiples::biased(scalar));
    let shapes = [
        (base, BaseMultiples::WIDTH, BaseMultiples::WINDOWS),
        (key, KeyMultiples::WIDTH, KeyMultiples::WINDOWS),
    ];
    for (biased, width, windows) in shapes {
        let mut sum = BigInt::ZERO;
        for window in (0..windows).rev() {
            let digit = biased.digit(width, windows, window);
            let (low, high) = if window + 1 == windows {
                (0, 1 << (252 - width * window))
            } else {
                (-(1 << (width - 1)), (1 << (width - 1)) - 1)
            };
            assert!((low..=high).contains(&digit), "{scalar:?} {window}");
            sum = (sum << width) + digit;
        }
        assert_eq!(sum, value);
    }
}

#[test]
fn digits_at_the_ends() {
    let power = BigUint::from(1_u8) << 252_u32;
    let mut values = vec![
        BigUint::ZERO,
        BigUint::from(1_u8),
        power.clone(),
        &power - 1_u8,
        order() - 1_u8,
    ];
    // Every window just below, at and above the half.
    for (width, windows) in [
        (BaseMultiples::WIDTH, BaseMultiples::WINDOWS),
        (KeyMultiples::WIDTH, KeyMultiples::WINDOWS),
    ] {
        let halves = of_words(&bias(width, windows)) % &power;
        values.extend([&halves - 1_u8, &halves + 1_u8, &power - &halves, halves]);
    }
    for value in values {
        assert_digits(Scalar::from_canonical_bytes(&to_bytes(&value)).unwrap());
    }
}

proptest! {
    #[test]
    fn reductions(bytes in any::<[[u8; 32]; 2]>()) {
        let bytes: [u8; 64] = bytes.as_flattened().try_into().unwrap();
        let scalar = Scalar::reduce(&bytes);
        prop_assert_eq!(of_words(&scalar.0), BigUint::from_bytes_le(&bytes) % order());
        let dalek = curve25519_dalek::Scalar::from_bytes_mod_order_wide(&bytes);
        prop_assert_eq!(Scalar::from_canonical_bytes(dalek.as_bytes()), Some(scalar));
        assert_digits(scalar);
    }
}
