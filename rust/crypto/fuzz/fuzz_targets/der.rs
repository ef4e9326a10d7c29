//! The strict DER reader: whatever it reads is the one encoding of what it read.
#![no_main]

use custody_crypto::ecdsa_from_der;
use libfuzzer_sys::fuzz_target;

fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let mut content = number[zeros.min(31)..].to_vec();
    if content[0] >= 0x80 {
        content.insert(0, 0);
    }
    [vec![2, content.len() as u8], content].concat()
}

fn encode(signature: &[u8; 64]) -> Vec<u8> {
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [vec![0x30, body.len() as u8], body].concat()
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(signature) = ecdsa_from_der(bytes) {
        assert_eq!(encode(&signature), bytes);
    }
    // And back: every pair of numbers has an encoding that is read.
    if let Some(signature) = bytes.first_chunk::<64>() {
        assert_eq!(ecdsa_from_der(&encode(signature)), Some(*signature));
    }
});
