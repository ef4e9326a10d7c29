//! Project Wycheproof through mixed batches: every file for a curve and hash of ours, each difference of rule counted.
//!
//! secp256k1 files of other hashes come in by `ethereum`, which takes a digest: the leftmost 32 bytes of that hash, and
//! both values of v. The counts are exact, so that a file that vanishes, shrinks or changes its mind fails.

use std::collections::HashMap;

use custody_crypto::{Scheme, Verdict, ecdsa_from_der};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, SECP256K1};
use sha2::{Digest as _, Sha256, Sha512};
use sha3::digest::{ExtendableOutput as _, Update as _, XofReader as _};
use sha3::{Sha3_256, Sha3_512, Shake128, Shake256};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

use crate::common::{N_SECP256K1, Rng, with_negated_s};
use crate::oracle::is_low;
use crate::rings::{Item, Rings};

type Hash = fn(&[u8]) -> [u8; 32];

/// What one file holds, and what our rules make of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    tests: usize,
    /// Signatures that the strict DER reader refuses; all are invalid by the file.
    not_der: usize,
    /// Valid by the file and by us.
    accepted: usize,
    /// Valid by the file, refused by us for its high S, and accepted when s is negated.
    high_s: usize,
    /// `ethereum` alone: low S and valid by the file, but R.x >= n, which v = 0 and 1 cannot say.
    large_x: usize,
}

#[derive(Default)]
struct Corpus {
    keys: HashMap<(Scheme, Vec<u8>), String>,
    cases: Vec<(Item, bool, String)>,
    rings: Rings,
}

impl Corpus {
    /// The id of the key, enrolled when first seen; `None` where enrolment refuses it.
    fn key(&mut self, scheme: Scheme, key: &[u8]) -> Option<String> {
        if let Some(id) = self.keys.get(&(scheme, key.to_vec())) {
            return Some(id.clone());
        }
        let id = format!("{}-{}", scheme.name(), self.keys.len());
        self.rings.enrol(&id, scheme, key).ok()?;
        self.keys.insert((scheme, key.to_vec()), id.clone());
        Some(id)
    }

    fn push(&mut self, key_id: &str, message: &[u8], signature: &[u8], valid: bool, what: &str) {
        let item = Item::new(key_id, message, signature);
        self.cases.push((item, valid, what.to_owned()));
    }

    fn ecdsa(&mut self, name: TestName, scheme: Scheme, hash: Option<Hash>) -> Count {
        let set = TestSet::load(name).unwrap();
        let fixed = format!("{name:?}").ends_with("P1363");
        let mut count = Count::default();
        for group in &set.test_groups {
            let id = self.key(scheme, &group.key.key).unwrap();
            for test in &group.tests {
                count.tests += 1;
                let valid = test.result == TestResult::Valid;
                let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
                let signature = if fixed {
                    test.sig.to_vec()
                } else if let Some(signature) = ecdsa_from_der(&test.sig) {
                    signature.to_vec()
                } else {
                    assert!(!valid, "{what}: not the one DER encoding");
                    count.not_der += 1;
                    continue;
                };
                let low = scheme == Scheme::EcdsaP256Sha256
                    || signature.len() == 64 && is_low(&signature[32..]);
                count.high_s += usize::from(valid && !low);
                let message =
                    hash.map_or_else(|| test.msg.to_vec(), |hash| hash(&test.msg).to_vec());
                let forms = if valid && !low {
                    vec![
                        (signature.clone(), false),
                        (with_negated_s(&signature, N_SECP256K1), true),
                    ]
                } else {
                    vec![(signature, valid)]
                };
                for (signature, mut valid) in forms {
                    if hash.is_none() {
                        count.accepted += usize::from(valid && low);
                        self.push(&id, &message, &signature, valid, &what);
                        continue;
                    }
                    // Of the four recovery ids at most one gives the key; v says the first two.
                    let right = valid.then(|| recovery_id(&group.key.key, &message, &signature));
                    valid &= right.is_some_and(|id| id < 2);
                    count.accepted += usize::from(valid && low);
                    count.large_x += usize::from(low && right.is_some_and(|id| id >= 2));
                    for v in [0, 1, 27, 28] {
                        let with_v = [&signature[..], &[v]].concat();
                        let valid = valid && right == Some(v % 27);
                        self.push(&id, &message, &with_v, valid, &what);
                    }
                }
            }
        }
        assert_eq!(count.tests, set.number_of_tests);
        count
    }

    fn ed25519(&mut self) -> Count {
        let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
        let mut count = Count::default();
        for group in &set.test_groups {
            let id = self.key(Scheme::Ed25519, &group.key.pk).unwrap();
            for test in &group.tests {
                let valid = test.result == TestResult::Valid;
                count.tests += 1;
                count.accepted += usize::from(valid);
                let what = format!("Ed25519 {}: {}", test.tc_id, test.comment);
                self.push(&id, &test.msg, &test.sig, valid, &what);
            }
        }
        assert_eq!(count.tests, set.number_of_tests);
        count
    }

    /// Every case in batches of mixed order and all sizes, on every backend.
    fn run(mut self, seed: u64) -> usize {
        let mut rng = Rng(seed);
        for last in (1..self.cases.len()).rev() {
            self.cases.swap(last, rng.below(last + 1));
        }
        let mut rest = &self.cases[..];
        while !rest.is_empty() {
            let size = [1, 7, 8, 9, 64, 300, 1100][rng.below(7)].min(rest.len());
            let (now, later) = rest.split_at(size);
            let items: Vec<Item> = now.iter().map(|(item, ..)| item.clone()).collect();
            for ((item, valid, what), verdict) in now.iter().zip(self.rings.judge(&items)) {
                assert_ne!(verdict, Verdict::UnknownKey);
                assert_eq!(verdict.is_valid(), *valid, "{what}: {item:?}");
            }
            rest = later;
        }
        self.cases.len()
    }
}

/// Which of the four recovery ids gives the key, by libsecp256k1.
fn recovery_id(key: &[u8], digest: &[u8], signature: &[u8]) -> u8 {
    let digest = Message::from_digest(digest.try_into().unwrap());
    let ids = [
        RecoveryId::Zero,
        RecoveryId::One,
        RecoveryId::Two,
        RecoveryId::Three,
    ];
    let found = ids.into_iter().position(|id| {
        let signature = RecoverableSignature::from_compact(signature, id).unwrap();
        SECP256K1
            .recover_ecdsa(digest, &signature)
            .is_ok_and(|point| point.serialize_uncompressed() == key)
    });
    u8::try_from(found.unwrap()).unwrap()
}

fn leftmost(hash: &[u8]) -> [u8; 32] {
    *hash.first_chunk().unwrap()
}

fn shake128(message: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    Shake128::default()
        .chain(message)
        .finalize_xof()
        .read(&mut out);
    out
}

fn shake256(message: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    Shake256::default()
        .chain(message)
        .finalize_xof()
        .read(&mut out);
    out
}

const SHA256: Hash = |message| Sha256::digest(message).into();
const SHA512: Hash = |message| leftmost(&Sha512::digest(message));
const SHA3_256: Hash = |message| Sha3_256::digest(message).into();
const SHA3_512: Hash = |message| leftmost(&Sha3_512::digest(message));

const fn count(
    tests: usize,
    not_der: usize,
    accepted: usize,
    high_s: usize,
    large_x: usize,
) -> Count {
    Count {
        tests,
        not_der,
        accepted,
        high_s,
        large_x,
    }
}

#[test]
fn every_file_of_our_own_hashes() {
    let mut corpus = Corpus::default();
    let k1 = Scheme::EcdsaSecp256k1Sha256;
    let p256 = Scheme::EcdsaP256Sha256;
    let found = [
        corpus.ecdsa(TestName::EcdsaSecp256k1Sha256Bitcoin, k1, None),
        corpus.ecdsa(TestName::EcdsaSecp256k1Sha256, k1, None),
        corpus.ecdsa(TestName::EcdsaSecp256k1Sha256P1363, k1, None),
        corpus.ecdsa(TestName::EcdsaSecp256r1Sha256, p256, None),
        corpus.ecdsa(TestName::EcdsaSecp256r1Sha256P1363, p256, None),
        corpus.ed25519(),
    ];
    let expected = [
        count(463, 232, 162, 0, 0),
        count(476, 234, 96, 72, 0),
        count(252, 0, 95, 72, 0),
        count(484, 235, 174, 0, 0),
        count(262, 0, 173, 0, 0),
        count(151, 0, 88, 0, 0),
    ];
    assert_eq!(found, expected);
    assert_eq!(corpus.run(1), 1531);
}

#[test]
fn every_secp256k1_file_as_digests_for_ethereum() {
    let files: [(TestName, Hash, Count); 11] = [
        (
            TestName::EcdsaSecp256k1Sha256Bitcoin,
            SHA256,
            count(463, 232, 161, 0, 1),
        ),
        (
            TestName::EcdsaSecp256k1Sha256,
            SHA256,
            count(476, 234, 96, 72, 0),
        ),
        (
            TestName::EcdsaSecp256k1Sha256P1363,
            SHA256,
            count(252, 0, 95, 72, 0),
        ),
        (
            TestName::EcdsaSecp256k1Sha512,
            SHA512,
            count(546, 234, 129, 108, 0),
        ),
        (
            TestName::EcdsaSecp256k1Sha512P1363,
            SHA512,
            count(322, 0, 129, 107, 0),
        ),
        (
            TestName::EcdsaSecp256k1Sha3_256,
            SHA3_256,
            count(474, 233, 93, 79, 0),
        ),
        (
            TestName::EcdsaSecp256k1Sha3_512,
            SHA3_512,
            count(540, 233, 141, 96, 0),
        ),
        (
            TestName::EcdsaSecp256k1Shake128,
            shake128,
            count(472, 235, 96, 74, 0),
        ),
        (
            TestName::EcdsaSecp256k1Shake128P1363,
            shake128,
            count(248, 0, 96, 73, 0),
        ),
        (
            TestName::EcdsaSecp256k1Shake256,
            shake256,
            count(542, 235, 140, 99, 0),
        ),
        (
            TestName::EcdsaSecp256k1Shake256P1363,
            shake256,
            count(318, 0, 140, 98, 0),
        ),
    ];
    let mut corpus = Corpus::default();
    for (name, hash, expected) in files {
        let found = corpus.ecdsa(name, Scheme::Ethereum, Some(hash));
        assert_eq!(found, expected, "{name:?}");
    }
    assert_eq!(corpus.run(2), 15_580);
}
