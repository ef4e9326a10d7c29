//! Answers equal `verify_strict`'s.

use std::collections::HashMap;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::super::{Check, Table, decide};
use crate::fixed_base::{Answer, Backend};

/// One triple, with the strict verifier's word on it.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) public_key: [u8; 32],
    pub(super) message: Vec<u8>,
    pub(super) signature: [u8; 64],
}

impl Case {
    pub(super) fn strict(&self) -> bool {
        VerifyingKey::from_bytes(&self.public_key).is_ok_and(|key| {
            key.verify_strict(&self.message, &Signature::from_bytes(&self.signature))
                .is_ok()
        })
    }
}

/// What the engine says of the cases, in one call.
pub(super) fn engine(backend: Backend, cases: &[Case]) -> Vec<Answer> {
    let mut tables = HashMap::new();
    for case in cases {
        let table = tables.entry(case.public_key);
        table.or_insert_with(|| Table::new(&case.public_key).unwrap());
    }
    let checks = cases
        .iter()
        .map(|case| Check {
            table: &tables[&case.public_key],
            public_key: case.public_key,
            r: case.signature[..32].try_into().unwrap(),
            s: case.signature[32..].try_into().unwrap(),
            message: &case.message,
        })
        .collect::<Vec<_>>();
    let mut answers = Vec::new();
    decide(backend, &checks, &mut answers);
    answers
}

/// Every backend's answers are the strict verifier's words, and never undecided. Returns how many were accepted.
pub(super) fn assert_strict(cases: &[Case]) -> usize {
    let strict = cases.iter().map(Case::strict).collect::<Vec<_>>();
    let expected = strict.iter().map(|strict| match strict {
        true => Answer::Accept,
        false => Answer::Reject,
    });
    let expected = expected.collect::<Vec<_>>();
    for backend in Backend::available() {
        assert_eq!(engine(*backend, cases), expected, "{}", backend.name());
    }
    strict.into_iter().filter(|strict| *strict).count()
}

/// A key's honest signature.
pub(super) fn honest(key: u8, message: &[u8]) -> Case {
    let key = SigningKey::from_bytes(&[key; 32]);
    Case {
        public_key: key.verifying_key().to_bytes(),
        message: message.to_vec(),
        signature: key.sign(message).to_bytes(),
    }
}

#[test]
fn every_length_of_message() {
    let bytes = (0..5_000_u32).map(|i| (i % 251) as u8).collect::<Vec<_>>();
    let mut cases = (0..=300)
        .map(|length| honest(7, &bytes[..length]))
        .collect::<Vec<_>>();
    // Among short ones, so that lanes of very different length come together.
    cases.extend([1_000, 5_000, 127, 4_000].map(|length| honest(8, &bytes[..length])));
    assert_eq!(assert_strict(&cases), cases.len());
    cases.truncate(20);
    cases.push(honest(9, &bytes));
    assert_eq!(assert_strict(&cases), 21);
}

#[test]
fn every_count_and_one_bad_lane_disturbs_no_other() {
    let good = (0..33).map(|i| honest(i % 5, &[i; 40])).collect::<Vec<_>>();
    for count in 0..=good.len() {
        assert_eq!(assert_strict(&good[..count]), count);
    }
    for bad in 0..16 {
        for byte in [3, 40] {
            let mut cases = good[..16].to_vec();
            cases[bad].signature[byte] ^= 4;
            assert_eq!(assert_strict(&cases), 15);
        }
    }
}

#[test]
fn lanes_that_are_all_bad_or_all_zero_are_rejected() {
    let mut cases = (0..16).map(|i| honest(i, b"m")).collect::<Vec<_>>();
    for case in &mut cases {
        case.message = b"n".to_vec();
    }
    assert_eq!(assert_strict(&cases), 0);
    for case in &mut cases {
        case.signature = [0; 64];
    }
    assert_eq!(assert_strict(&cases), 0);
}

#[test]
fn answers_are_appended() {
    let mut answers = vec![Answer::Undecided];
    decide(Backend::best(), &[], &mut answers);
    assert_eq!(answers, [Answer::Undecided]);
}

#[test]
fn any_bit_changed_is_noticed() {
    let original = honest(1, b"sixteen bytes ..");
    let mut cases = Vec::new();
    for bit in 0..512 {
        let mut case = original.clone();
        case.signature[bit / 8] ^= 1 << (bit % 8);
        cases.push(case);
    }
    for bit in 0..128 {
        let mut case = original.clone();
        case.message[bit / 8] ^= 1 << (bit % 8);
        cases.push(case);
    }
    cases.push(original);
    assert_eq!(assert_strict(&cases), 1);
}

/// RFC 8032 §7.1, tests 1 to 3: key, message, signature.
#[test]
fn rfc_8032_vectors() {
    let vectors = [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    let cases = vectors.map(|(key, message, signature)| Case {
        public_key: hex::decode(key).unwrap().try_into().unwrap(),
        message: hex::decode(message).unwrap(),
        signature: hex::decode(signature).unwrap().try_into().unwrap(),
    });
    assert_eq!(assert_strict(&cases), 3);
}
