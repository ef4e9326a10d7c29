//! Signatures mutated at random, by the ten thousand: none passes, and the batch gives the single verdicts in order.
//!
//! CUSTODY_MUTATIONS sets how many for each signer (default 1,250; there are fourteen); CUSTODY_SEED repeats a failure.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr
)]

mod common;

use common::{N_P256, N_SECP256K1, Rng, Signer, with_negated_s};
use custody_crypto::{Keyring, PackedItem, Scheme, Span, Verdict};

struct Case {
    key_id: String,
    message: Vec<u8>,
    signature: Vec<u8>,
    valid: bool,
    what: &'static str,
}

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn flip(bytes: &mut [u8], rng: &mut Rng) {
    let at = rng.below(bytes.len());
    bytes[at] ^= 1 << rng.below(8);
}

/// One signature of `signers[index]`, sound or mutated in one way; what it must be is known from how it was made.
fn case(signers: &[Signer], index: usize, rng: &mut Rng) -> Case {
    let signer = &signers[index];
    let mut message = signer.message(rng);
    let mut signature = signer.sign(&message);
    let mut key = index;
    let mut valid = false;
    let order = if signer.scheme() == Scheme::EcdsaP256Sha256 {
        N_P256
    } else {
        N_SECP256K1
    };
    let fixed = signature.len() <= 65;
    let what = match rng.below(10) {
        0 => {
            valid = true;
            "untouched"
        }
        1..=3 => {
            flip(&mut signature, rng);
            "a bit of the signature"
        }
        4 if !message.is_empty() => {
            flip(&mut message, rng);
            "a bit of the message"
        }
        4 => {
            message.push(0);
            "a longer message"
        }
        5 => {
            let length = rng.below(signature.len());
            signature.truncate(length);
            "truncated"
        }
        6 => {
            let more = 1 + rng.below(8);
            signature.extend(rng.bytes(more));
            "trailing bytes"
        }
        7 => {
            // Half of these name another key of the same scheme: the second half of the signers repeats the first.
            let step = if rng.below(2) == 0 {
                signers.len() / 2
            } else {
                1 + rng.below(signers.len() - 1)
            };
            key = (index + step) % signers.len();
            "another key"
        }
        8 if fixed => {
            let half = 32 * rng.below(2);
            let value = if rng.below(2) == 0 {
                vec![0; 32]
            } else {
                hex::decode(order).unwrap()
            };
            signature[half..half + 32].copy_from_slice(&value);
            "zero or the order"
        }
        9 if fixed && signer.scheme() != Scheme::Ed25519 && signer.scheme() != Scheme::Bip340 => {
            signature = with_negated_s(&signature, order);
            if let Some(v) = signature.get_mut(64) {
                *v ^= 1;
            }
            valid = signer.scheme() == Scheme::EcdsaP256Sha256;
            "s negated"
        }
        _ => {
            let length = signature.len();
            signature = rng.bytes(length);
            "random"
        }
    };
    Case {
        key_id: format!("key-{key}"),
        message,
        signature,
        valid,
        what,
    }
}

#[test]
fn no_mutated_signature_passes_and_batches_equal_singles() {
    let seed = from_env("CUSTODY_SEED", 0x5eed);
    let rounds = from_env("CUSTODY_MUTATIONS", 1_250);
    let mut rng = Rng(seed);
    let mut signers = Signer::all(&mut rng);
    signers.extend(Signer::all(&mut rng));
    let mut ring = Keyring::new();
    for (index, signer) in signers.iter().enumerate() {
        ring.enrol(
            &format!("key-{index}"),
            signer.scheme(),
            &signer.public_key(),
        )
        .unwrap();
    }
    let mut done = 0_u64;
    let mut passed = 0_u64;
    while done < rounds {
        // A batch mixes all schemes, sound and bad; its size is no multiple of eight.
        let mut cases = Vec::new();
        for _ in 0..37 {
            for index in 0..signers.len() {
                cases.push(case(&signers, index, &mut rng));
            }
            done += 1;
        }
        let items: Vec<(&str, &[u8], &[u8])> = cases
            .iter()
            .map(|case| (case.key_id.as_str(), &case.message[..], &case.signature[..]))
            .collect();
        let batch = ring.verify_batch(&items);
        assert_eq!(batch.len(), cases.len());
        for (case, verdict) in cases.iter().zip(&batch) {
            assert_eq!(
                verdict.is_valid(),
                case.valid,
                "seed {seed}: {} {} {:02x?}",
                case.key_id,
                case.what,
                case.signature
            );
            assert_eq!(
                *verdict,
                ring.verify(&case.key_id, &case.message, &case.signature)
            );
            passed += u64::from(verdict.is_valid());
        }
        assert_eq!(packed(&ring, &cases), batch);
    }
    assert!(
        passed > done / 2,
        "about a tenth of {done} for each signer must be sound"
    );
}

fn packed(ring: &Keyring, cases: &[Case]) -> Vec<Verdict> {
    let mut buffer = Vec::new();
    let mut place = |bytes: &[u8]| {
        let offset = u32::try_from(buffer.len()).unwrap();
        buffer.extend_from_slice(bytes);
        Span {
            offset,
            len: u32::try_from(bytes.len()).unwrap(),
        }
    };
    let items: Vec<PackedItem> = cases
        .iter()
        .map(|case| PackedItem {
            key_id: place(case.key_id.as_bytes()),
            message: place(&case.message),
            signature: place(&case.signature),
        })
        .collect();
    let mut verdicts = vec![Verdict::Valid; 3];
    ring.verify_packed(&buffer, &items, &mut verdicts);
    verdicts
}
