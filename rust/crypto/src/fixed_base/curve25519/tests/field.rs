//! The portable field, at every bound that it states.

use num_bigint::BigUint;
use proptest::prelude::*;

use super::super::field::Field;
use super::super::point::{D, D2};
use super::model::{edges, limbs, of_words, p, value};

const TIGHT: u64 = (1 << 51) + (1 << 13);
const LOOSE: u64 = 1 << 54;

fn reduced(field: Field) -> BigUint {
    value(&field.0) % p()
}

fn assert_tight(field: Field) {
    assert!(field.0.iter().all(|limb| *limb < TIGHT), "{field:?}");
}

#[test]
fn edges_have_one_representative_and_their_inverse() {
    for limbs in edges() {
        let (field, model) = (Field(limbs), value(&limbs) % p());
        assert_eq!(of_words(&field.to_words()), model);
        assert_eq!(field.is_zero(), model == BigUint::ZERO);
        assert_eq!(field.is_odd(), model.bit(0));
        let inverse = model.modpow(&(p() - 2_u8), &p());
        assert_eq!(reduced(field.invert()), inverse);
    }
}

#[test]
fn the_largest_limbs_are_multiplied_without_loss() {
    let largest = Field([LOOSE - 1; 5]);
    let model = value(&largest.0);
    assert_eq!(reduced(largest.mul(largest)), &model * &model % p());
    assert_eq!(reduced(largest.square()), &model * &model % p());
    assert_tight(largest.mul(largest));
    let all = Field([u64::MAX; 5]);
    assert_tight(all.carry());
    assert_eq!(reduced(all.carry()), value(&all.0) % p());
}

#[test]
fn d_is_what_it_says() {
    let d = reduced(D);
    assert_eq!((&d * 121_666_u32 + 121_665_u32) % p(), BigUint::ZERO);
    assert_eq!(reduced(D2), (&d + &d) % p());
}

#[test]
fn one_inversion_serves_all_and_a_zero_spoils_none() {
    let mut fields = edges().map(Field).to_vec();
    fields.push(Field([5, 4, 3, 2, 1]));
    let inverses = fields.iter().map(|field| reduced(field.invert()));
    let inverses = inverses.collect::<Vec<_>>();
    Field::invert_all(&mut fields);
    assert_eq!(
        fields.into_iter().map(reduced).collect::<Vec<_>>(),
        inverses
    );
    Field::invert_all(&mut []);
}

proptest! {
    #[test]
    fn products(a in limbs(LOOSE), b in limbs(LOOSE)) {
        let product = Field(a).mul(Field(b));
        assert_tight(product);
        prop_assert_eq!(reduced(product), value(&a) * value(&b) % p());
        let square = Field(a).square();
        assert_tight(square);
        prop_assert_eq!(reduced(square), value(&a) * value(&a) % p());
    }

    #[test]
    fn sums(a in limbs(TIGHT), b in limbs(TIGHT)) {
        let (x, y) = (value(&a), value(&b));
        prop_assert_eq!(reduced(Field(a).add(Field(b))), (&x + &y) % p());
        prop_assert_eq!((reduced(Field(a).sub(Field(b))) + &y) % p(), &x % p());
        prop_assert_eq!((reduced(Field(a).neg()) + &x) % p(), BigUint::ZERO);
        // What an addition of points multiplies: sums and differences, once of a doubled element.
        let doubled = Field(a).add(Field(a));
        for factor in [Field(a).sub(Field(b)), doubled.sub(Field(b)), doubled.add(Field(b))] {
            prop_assert!(factor.0.iter().all(|limb| *limb < LOOSE));
        }
    }

    #[test]
    fn representatives(a in limbs(u64::MAX)) {
        let field = Field(a);
        assert_tight(field.carry());
        prop_assert_eq!(of_words(&field.to_words()), value(&a) % p());
    }

    #[test]
    fn words(words in any::<[u64; 4]>()) {
        let field = Field::from_words(&words);
        prop_assert_eq!(value(&field.0), of_words(&words) % (BigUint::from(1_u8) << 255_u32));
    }
}
