//! A table's entries are the multiples that curve25519-dalek has, and only checked keys have tables.

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::scalar::Scalar;
use num_bigint::BigUint;

use super::super::Table;
use super::super::field::Field;
use super::super::point::encode;
use super::super::table::{BASE, BaseMultiples, Entry, KeyMultiples};
use super::model::{p, to_bytes};
use crate::scheme::ed25519::Key;

/// The encoding of an entry's point, and 2d·xy's match.
fn encoding(entry: &Entry) -> [u8; 32] {
    let niels = entry.read(false);
    let half = Field([2, 0, 0, 0, 0]).invert();
    let x = niels.y_plus_x.sub(niels.y_minus_x).mul(half);
    let y = niels.y_plus_x.add(niels.y_minus_x).mul(half);
    let product = x.mul(y).mul(super::super::point::D2);
    assert!(product.sub(niels.xy2d).is_zero());
    encode(x, y)
}

/// Walks over all entries, doubling as `Multiples` is laid out.
fn assert_multiples(entries: &[Entry], width: usize, windows: usize, point: EdwardsPoint) {
    let mut expected = vec![EdwardsPoint::default()];
    let mut base = point;
    for window in 0..windows {
        let count = if window + 1 == windows {
            1 << (252 - width * window)
        } else {
            1 << (width - 1)
        };
        let mut multiple = base;
        for _ in 0..count {
            expected.push(multiple);
            multiple += base;
        }
        base *= Scalar::from(1_u64 << width);
    }
    assert_eq!(entries.len(), expected.len());
    for (entry, point) in entries
        .iter()
        .zip(EdwardsPoint::compress_batch_alloc(&expected))
    {
        assert_eq!(encoding(entry), point.to_bytes());
    }
}

#[test]
fn entries_are_multiples_and_fit() {
    let (width, windows) = (BaseMultiples::WIDTH, BaseMultiples::WINDOWS);
    assert_multiples(BASE.entries(), width, windows, ED25519_BASEPOINT_POINT);
    // With a component of order 8: an entry is the integer's multiple, not that of its residue.
    let key = ED25519_BASEPOINT_POINT * Scalar::from(123_456_789_u64) + EIGHT_TORSION[1];
    let table = Table::new(&key.compress().to_bytes()).unwrap();
    let entries = table.multiples().entries();
    let (width, windows) = (KeyMultiples::WIDTH, KeyMultiples::WINDOWS);
    assert_multiples(entries, width, windows, -key);
    assert!(std::mem::size_of_val(entries) <= 512 * 1024);
}

#[test]
fn a_key_has_a_table_exactly_where_it_is_a_key() {
    let mut keys = Vec::new();
    for point in EIGHT_TORSION {
        let canonical = point.compress().to_bytes();
        let mut other_sign = canonical;
        other_sign[31] ^= 0x80;
        keys.extend([canonical, other_sign]);
    }
    // y from p on, and the same y below p; with either sign.
    for y in 0..19_u8 {
        for bytes in [
            to_bytes::<32>(&(p() + y)),
            to_bytes(&BigUint::from(y)),
            to_bytes(&(p() - 1_u8 - y)),
        ] {
            let mut odd = bytes;
            odd[31] |= 0x80;
            keys.extend([bytes, odd]);
        }
    }
    keys.extend([[0xff; 32], [0x80; 32], [2; 32]]);
    for i in 0..200_u64 {
        keys.push(
            (ED25519_BASEPOINT_POINT * Scalar::from(i))
                .compress()
                .to_bytes(),
        );
        // About half of these are of no point.
        keys.push(std::array::from_fn(|at| {
            (i.wrapping_mul(0x9e37_79b9) >> (at % 8)) as u8 ^ at as u8
        }));
    }
    let mut seen = [0; 2];
    for key in keys {
        let is_key = Key::parse(&key).is_ok();
        assert_eq!(Table::new(&key).is_some(), is_key, "{key:02x?}");
        seen[usize::from(is_key)] += 1;
    }
    assert!(seen.into_iter().all(|count| count > 50), "{seen:?}");
}
