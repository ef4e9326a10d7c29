//! The eight-lane field, at every bound that it states; nothing is tested where the processor has no such lanes.

use num_bigint::BigUint;
use proptest::prelude::*;

use super::super::ifma;
use super::model::{edges, limbs, p, value};
use crate::fixed_base::{Backend, Ifma};

const FACTOR: u64 = 1 << 52;
const CARRIED: u64 = (1 << 51) + (1 << 17);
const PRODUCT: u64 = 1 << 61;

fn ifma_if_any() -> Option<Ifma> {
    Backend::available()
        .iter()
        .find_map(|backend| match backend {
            Backend::Ifma(ifma) => Some(*ifma),
            Backend::Portable => None,
        })
}

fn assert_below(limbs: &[u64; 5], bound: u64) {
    assert!(limbs.iter().all(|limb| *limb < bound), "{limbs:?}");
}

fn lanes(bound: u64) -> impl Strategy<Value = [[u64; 5]; 8]> {
    prop::array::uniform8(limbs(bound))
}

fn assert_products(a: &[[u64; 5]; 8], b: &[[u64; 5]; 8]) {
    let Some(ifma) = ifma_if_any() else { return };
    let products = ifma::products(ifma, a, b);
    for lane in 0..8 {
        assert_below(&products[lane], PRODUCT);
        let model = value(&a[lane]) * value(&b[lane]) % p();
        assert_eq!(value(&products[lane]) % p(), model, "lane {lane}");
    }
}

#[test]
fn the_largest_limbs_are_multiplied_without_loss() {
    assert_products(&[[FACTOR - 1; 5]; 8], &[[FACTOR - 1; 5]; 8]);
}

#[test]
fn encodings_of_edges_are_the_representatives_below_p() {
    let Some(ifma) = ifma_if_any() else { return };
    let mut values = edges().to_vec();
    values.push([CARRIED - 1; 5]);
    values.push([18, 0, 0, 0, 1 << 51]);
    for y in &values {
        for x in &values {
            let encoding = (value(y) % p()).to_u64_digits();
            let mut words: [u64; 4] =
                std::array::from_fn(|i| encoding.get(i).copied().unwrap_or(0));
            words[3] |= u64::from((value(x) % p()).bit(0)) << 63;
            // Every lane has the value; every second has other words, and every one the other bits in turn.
            let mut expected = [words; 8];
            assert_eq!(
                ifma::equal_encodings(ifma, &[*x; 8], &[*y; 8], &expected),
                0xff
            );
            for (lane, other) in expected.iter_mut().enumerate().skip(1).step_by(2) {
                other[lane / 2] ^= 1 << (lane * 9);
            }
            assert_eq!(
                ifma::equal_encodings(ifma, &[*x; 8], &[*y; 8], &expected),
                0x55
            );
        }
    }
}

proptest! {
    #[test]
    fn products(a in lanes(FACTOR), b in lanes(FACTOR)) {
        assert_products(&a, &b);
    }

    #[test]
    fn carries(a in lanes(1 << 63)) {
        let Some(ifma) = ifma_if_any() else { return Ok(()) };
        for (carried, a) in ifma::carries(ifma, &a).iter().zip(&a) {
            assert_below(carried, CARRIED);
            prop_assert_eq!(value(carried) % p(), value(a) % p());
        }
    }

    #[test]
    fn differences(a in lanes(1 << 62), b in lanes(PRODUCT)) {
        let Some(ifma) = ifma_if_any() else { return Ok(()) };
        let differences = ifma::differences(ifma, &a, &b);
        for lane in 0..8 {
            assert_below(&differences[lane], 1 << 63);
            let back: BigUint = value(&differences[lane]) + value(&b[lane]);
            prop_assert_eq!(back % p(), value(&a[lane]) % p());
        }
    }
}
