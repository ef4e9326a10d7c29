//! Tables and sums against libsecp256k1's points.

use secp256k1::{PublicKey, SECP256K1, Scalar, SecretKey};

use super::super::field::{Fe, OFFSET};
use super::super::lanes::{Lanes, MAX_LANES, Point, Portable};
use super::super::recode::{MAGNITUDES, WINDOWS};
use super::super::table::{Entry, Table};
use super::super::{scalar, sum};
use super::model::{big, bytes, n, p};
use super::signatures::{hash, signer};
use crate::fixed_base::Backend;

fn of_key(public: &PublicKey) -> Entry {
    let bytes = public.serialize_uncompressed();
    let (x, y) = bytes[1..].split_at(32);
    let y = Fe::from_words(&scalar::from_bytes(y.try_into().unwrap()));
    let [x0, x1, x2, x3] = scalar::from_bytes(x.try_into().unwrap());
    let [y0, y1, y2, y3] = y.add(Fe([OFFSET, 0, 0, 0, 0])).to_words();
    Entry([x0, x1, x2, x3, y0, y1, y2, y3])
}

#[test]
fn every_entry_is_its_multiple() {
    let signer = signer(11);
    let generator = Table::of_generator().unwrap();
    for (window, index) in (0..WINDOWS).flat_map(|w| (0..MAGNITUDES).map(move |i| (w, i))) {
        let multiple = (num_bigint::BigUint::from(2 * index + 1) << (8 * window)) % n();
        let multiple = SecretKey::from_byte_array(bytes(&multiple)).unwrap();
        let entry = generator.entry(window, index as u8);
        assert_eq!(entry.0, of_key(&multiple.public_key(SECP256K1)).0);
        // A few of another key's: its multiplication is slower.
        if index % 17 == 0 {
            let multiple = signer
                .public
                .mul_tweak(SECP256K1, &Scalar::from(multiple))
                .unwrap();
            assert_eq!(
                signer.table.entry(window, index as u8).0,
                of_key(&multiple).0
            );
        }
    }
}

#[test]
fn a_table_fits_and_its_entries_are_cache_lines() {
    assert_eq!(size_of::<Entry>(), 64);
    assert_eq!(align_of::<Entry>(), 64);
    assert!(size_of::<Entry>() * MAGNITUDES * WINDOWS <= 512 << 10);
}

#[test]
fn what_is_no_point_has_no_table() {
    let good = signer(1).public.serialize_uncompressed();
    assert!(Table::new(&good).is_some());
    for place in [0usize, 1, 32, 33, 64] {
        let mut bad = good;
        bad[place] ^= 1;
        assert!(Table::new(&bad).is_none());
    }
    assert!(Table::new(&[0; 65]).is_none());
    let mut zero = [0; 65];
    zero[0] = 4;
    assert!(Table::new(&zero).is_none());
    // The hybrid forms of SEC 1 are not ours.
    for tag in [6u8, 7] {
        let mut hybrid = good;
        hybrid[0] = tag;
        assert!(Table::new(&hybrid).is_none());
    }
    // x = 1 is on the curve; 1 + p names the same point, and is refused.
    let mut compressed = [0; 33];
    (compressed[0], compressed[32]) = (2, 1);
    let one = PublicKey::from_slice(&compressed).unwrap();
    let mut above = one.serialize_uncompressed();
    assert!(Table::new(&above).is_some());
    above[1..33].copy_from_slice(&bytes(&(p() + 1u32)));
    assert!(Table::new(&above).is_none());
}

/// The sums of as many pairs, in all lanes, and a pair of equal x in one lane of one place.
fn halves<F: Lanes>(f: F, pairs: usize) {
    let key = |side: &[u8], pair: usize, lane: usize| {
        let secret = hash(&[side, &pair.to_be_bytes(), &lane.to_be_bytes()]);
        SecretKey::from_byte_array(secret)
            .unwrap()
            .public_key(SECP256K1)
    };
    let sides: [&[u8]; 2] = [b"left", b"right"];
    let mut points: Vec<_> = sides
        .iter()
        .flat_map(|side| (0..pairs).map(move |pair| (side, pair)))
        .map(|(side, pair)| {
            let entries: [Entry; MAX_LANES] =
                std::array::from_fn(|lane| of_key(&key(side, pair, lane)));
            f.load(&entries.each_ref(), &[0; MAX_LANES], 0)
        })
        .collect();
    let originals = points.clone();
    let mut prefixes = Vec::new();
    assert!(sum::add_halves(f, &mut points, &mut prefixes));
    let words = |point: &Point<F::Coordinate>, lane| {
        let (x, y) = (
            f.get(point.x, lane).to_words(),
            f.get(point.y, lane).to_words(),
        );
        [x, y].concat()
    };
    for (pair, point) in points[..pairs].iter().enumerate() {
        for lane in 0..F::LANES {
            let expected = key(sides[0], pair, lane)
                .combine(&key(sides[1], pair, lane))
                .unwrap();
            assert_eq!(words(point, lane), of_key(&expected).0);
        }
    }
    // ±the same point: nothing is added and nothing changed.
    for (place, lane) in [(0, 0), (pairs / 2, F::LANES - 1), (pairs - 1, F::LANES / 2)] {
        for negative in [0, u64::MAX] {
            let mut points = originals.clone();
            let mut entries: [Entry; MAX_LANES] =
                std::array::from_fn(|lane| of_key(&key(sides[1], place, lane)));
            entries[lane] = of_key(&key(sides[0], place, lane));
            let mut signs = [0; MAX_LANES];
            signs[lane] = negative;
            points[pairs + place] = f.load(&entries.each_ref(), &signs, 0);
            let before: Vec<_> = points.iter().map(|point| words(point, lane)).collect();
            assert!(!sum::add_halves(f, &mut points, &mut prefixes));
            let after: Vec<_> = points.iter().map(|point| words(point, lane)).collect();
            assert_eq!(before, after);
        }
    }
}

#[test]
fn halves_of_every_size_are_added_in_every_lane() {
    for pairs in [1, 2, 3, 4, 5, 7, 8, 17] {
        for backend in Backend::available() {
            match backend {
                Backend::Portable => halves(Portable, pairs),
                #[cfg(target_arch = "x86_64")]
                Backend::Ifma(ifma) => halves(*ifma, pairs),
                #[cfg(not(target_arch = "x86_64"))]
                Backend::Ifma(_) => {}
            }
        }
    }
}

#[test]
fn negation_is_the_complement() {
    let entry = of_key(&signer(5).public);
    let plus = Portable.load(&[&entry; MAX_LANES], &[0; MAX_LANES], 0);
    let minus = Portable.load(&[&entry; MAX_LANES], &[1 << 7; MAX_LANES], 7);
    let offset = Fe([OFFSET, 0, 0, 0, 0]);
    assert_eq!(plus.x.to_words(), minus.x.to_words());
    let sum = plus.y.sub(offset).add(minus.y.sub(offset));
    assert!(sum.is_zero() && big(&plus.y.to_words()) < p());
}
