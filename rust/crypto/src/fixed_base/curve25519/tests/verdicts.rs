//! Answers equal `verify_strict`'s.

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
    let tables = cases
        .iter()
        .map(|case| Table::new(&case.public_key).unwrap())
        .collect::<Vec<_>>();
    let checks = cases
        .iter()
        .zip(&tables)
        .map(|(case, table)| Check {
            table,
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

#[test]
fn honest_signatures_are_accepted_and_bent_ones_are_not() {
    let mut cases = Vec::new();
    for i in 0..40_u8 {
        let key = SigningKey::from_bytes(&[i; 32]);
        let message = vec![i; usize::from(i) * 7];
        let mut signature = key.sign(&message).to_bytes();
        if i % 3 == 1 {
            signature[usize::from(i)] ^= 1;
        }
        cases.push(Case {
            public_key: key.verifying_key().to_bytes(),
            message,
            signature,
        });
    }
    for backend in Backend::available() {
        for (case, answer) in cases.iter().zip(engine(*backend, &cases)) {
            assert_eq!(answer == Answer::Accept, case.strict());
        }
    }
}
