//! A check after its rules of range: the two scalars of one sum, and the bytes that it must come to.

use sha2::{Digest as _, Sha512};

use super::Check;
use super::field::words;
use super::scalar::Scalar;

/// S·B − h·A is to be computed, and its encoding compared with R.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    /// The check's place among the answers.
    pub(super) place: usize,
    pub(super) check: &'a Check<'a>,
    /// R's words, least first.
    pub(super) r: [u64; 4],
    pub(super) s: Scalar,
}

/// The canonical encodings of the eight points of small order. (The other encodings of those points are no point's
/// canonical one, so that no sum's bytes equal them.)
pub(super) const SMALL_ORDER: [[u8; 32]; 8] = {
    const ORDER_8: [u8; 32] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ];
    const OTHER_8: [u8; 32] = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ];
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut order_2 = [0xff; 32];
    order_2[0] = 0xec;
    order_2[31] = 0x7f;
    [
        identity,
        order_2,
        [0; 32],
        negative([0; 32]),
        ORDER_8,
        negative(ORDER_8),
        OTHER_8,
        negative(OTHER_8),
    ]
};

const fn negative(mut encoded: [u8; 32]) -> [u8; 32] {
    encoded[31] |= 0x80;
    encoded
}

impl<'a> Job<'a> {
    /// None where the check is to be rejected whatever the sum is: S ≥ L, or R of small order.
    pub(super) fn new(place: usize, check: &'a Check<'a>) -> Option<Self> {
        let s = Scalar::from_canonical_bytes(&check.s)?;
        let job = Self {
            place,
            check,
            r: words(&check.r),
            s,
        };
        (!SMALL_ORDER.contains(&check.r)).then_some(job)
    }
}

/// h = SHA-512(R ‖ A ‖ M) as an integer below L: A may have a torsion component, so no other representative would do.
pub(super) fn challenge(check: &Check<'_>) -> Scalar {
    let hash = Sha512::new()
        .chain_update(check.r)
        .chain_update(check.public_key)
        .chain_update(check.message)
        .finalize();
    Scalar::reduce(&hash.into())
}
