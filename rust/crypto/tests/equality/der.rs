//! The strict DER reader against an encoder written here: it reads what this writes, and nothing else.

use custody_crypto::ecdsa_from_der;
use proptest::prelude::*;

use crate::common::Rng;

/// The one DER encoding of r and s.
fn encode(signature: &[u8; 64]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let mut content = number[zeros.min(31)..].to_vec();
        if content[0] >= 0x80 {
            content.insert(0, 0);
        }
        [vec![2, u8::try_from(content.len()).unwrap()], content].concat()
    };
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

/// A number of any length, often short or with its top bit at a byte's edge.
fn number(rng: &mut Rng) -> [u8; 32] {
    let mut number = [0; 32];
    let length = if rng.below(3) == 0 { rng.below(33) } else { 32 };
    number[32 - length..].copy_from_slice(&rng.bytes(length));
    if length > 0 && rng.below(3) == 0 {
        number[32 - length] |= 0x80;
    }
    number
}

fn signature(rng: &mut Rng) -> [u8; 64] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&number(rng));
    both[32..].copy_from_slice(&number(rng));
    both
}

/// Whatever is read is the encoding of what was read from it.
fn check(der: &[u8]) {
    if let Some(signature) = ecdsa_from_der(der) {
        assert_eq!(encode(&signature), der);
    }
}

#[test]
fn every_pair_is_read_back() {
    let mut rng = Rng(1);
    for _ in 0..20_000 {
        let signature = signature(&mut rng);
        assert_eq!(ecdsa_from_der(&encode(&signature)), Some(signature));
    }
}

#[test]
fn no_other_encoding_is_read() {
    let mut rng = Rng(2);
    for _ in 0..50_000 {
        let mut der = encode(&signature(&mut rng));
        let s_at = 4 + usize::from(der[3]);
        match rng.below(10) {
            // Padded, cut, or negative numbers, the lengths right.
            0 => {
                der.insert(4, 0);
                der[3] += 1;
                der[1] += 1;
            }
            1 => {
                der.insert(s_at + 2, 0);
                der[s_at + 1] += 1;
                der[1] += 1;
            }
            2 => {
                der.remove(4);
                der[3] -= 1;
                der[1] -= 1;
            }
            // Long-form and indefinite lengths.
            3 => der.insert(1, 0x81),
            4 => der[1] = 0x80,
            5 => {
                let length = der[3];
                der.splice(3..4, [0x81, length]);
                der[1] += 1;
            }
            6 => der.push(0),
            // A third element inside.
            7 => {
                der.extend([2, 1, 1]);
                der[1] += 3;
            }
            8 => {
                let length = rng.below(der.len());
                der.truncate(length);
            }
            _ => {
                let at = rng.below(der.len());
                der[at] ^= 1 << rng.below(8);
            }
        }
        check(&der);
    }
}

proptest! {
    #[test]
    fn no_bytes_at_all(der in proptest::collection::vec(any::<u8>(), 0..80)) {
        check(&der);
    }

    /// Bytes that look like it: the tags and short lengths only.
    #[test]
    fn no_bytes_like_it(
        der in proptest::collection::vec(prop_oneof![Just(0x30), Just(2), 0..9_u8, Just(0x80)], 0..16),
    ) {
        check(&der);
    }
}
