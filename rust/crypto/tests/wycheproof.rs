//! Project Wycheproof: every file for a curve and hash of ours, DER files through the strict DER reader.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use custody_crypto::{Scheme, VerifyError, ecdsa_from_der, verify_one};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

/// How the file writes a signature, and whether it knows the low-S rule.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Der,
    DerLowS,
    Fixed,
}

fn ecdsa(name: TestName, scheme: Scheme, order: &str, form: Form, at_least: usize) {
    let set = TestSet::load(name).unwrap();
    let mut seen = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let signature = match form {
                Form::Fixed => Some(test.sig.to_vec()),
                Form::Der | Form::DerLowS => {
                    ecdsa_from_der(&test.sig).map(|signature| signature.to_vec())
                }
            };
            let verify =
                |signature: &[u8]| verify_one(scheme, &group.key.key, &test.msg, signature);
            let got = match &signature {
                Some(signature) => verify(signature),
                None => Err(VerifyError::InvalidSignature),
            };
            let mut expected = test.result == TestResult::Valid;
            // The generic files take either S; we take the low one alone, so a valid high one must be valid negated.
            if expected && scheme == Scheme::EcdsaSecp256k1Sha256 && form != Form::DerLowS {
                let twin = common::with_negated_s(signature.as_ref().unwrap(), order);
                let twin_is_valid = verify(&twin).is_ok();
                assert_ne!(
                    twin_is_valid,
                    got.is_ok(),
                    "{name:?} {}: one of the two has low S",
                    test.tc_id
                );
                expected = !twin_is_valid;
            }
            assert_eq!(
                got.is_ok(),
                expected,
                "{name:?} {}: {} {:?}",
                test.tc_id,
                test.comment,
                test.flags
            );
            seen += 1;
        }
    }
    assert_eq!(seen, set.number_of_tests);
    assert!(seen >= at_least, "{name:?} has only {seen} tests");
}

#[test]
fn ecdsa_secp256k1_bitcoin() {
    ecdsa(
        TestName::EcdsaSecp256k1Sha256Bitcoin,
        Scheme::EcdsaSecp256k1Sha256,
        common::N_SECP256K1,
        Form::DerLowS,
        400,
    );
}

#[test]
fn ecdsa_secp256k1_der() {
    ecdsa(
        TestName::EcdsaSecp256k1Sha256,
        Scheme::EcdsaSecp256k1Sha256,
        common::N_SECP256K1,
        Form::Der,
        400,
    );
}

#[test]
fn ecdsa_secp256k1_p1363() {
    ecdsa(
        TestName::EcdsaSecp256k1Sha256P1363,
        Scheme::EcdsaSecp256k1Sha256,
        common::N_SECP256K1,
        Form::Fixed,
        200,
    );
}

#[test]
fn ecdsa_p256_der() {
    ecdsa(
        TestName::EcdsaSecp256r1Sha256,
        Scheme::EcdsaP256Sha256,
        common::N_P256,
        Form::Der,
        400,
    );
}

#[test]
fn ecdsa_p256_p1363() {
    ecdsa(
        TestName::EcdsaSecp256r1Sha256P1363,
        Scheme::EcdsaP256Sha256,
        common::N_P256,
        Form::Fixed,
        200,
    );
}

#[test]
fn ed25519() {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
    let mut seen = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let got = verify_one(Scheme::Ed25519, &group.key.pk, &test.msg, &test.sig);
            assert_eq!(
                got.is_ok(),
                test.result == TestResult::Valid,
                "{}: {}",
                test.tc_id,
                test.comment
            );
            seen += 1;
        }
    }
    assert_eq!(seen, set.number_of_tests);
    assert!(seen >= 140);
}
