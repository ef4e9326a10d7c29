//! Batches of signatures, sound, bent and raw: on every backend each verdict is the single verifier's.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/equality/scalars.rs"]
mod scalars;

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use common::{Rng, Signer};
use custody_crypto::{Backend, Keyring, Scheme, Threads, Verdict};
use libfuzzer_sys::fuzz_target;
use scalars::Scalar;

/// One change of a signature.
#[derive(Arbitrary, Debug)]
enum Bend {
    Flip { bit: u16 },
    Half { second: bool, value: [u8; 32] },
    Edge { second: bool, which: u8, step: i8 },
    Add { second: bool, which: u8 },
    Subtract { second: bool, which: u8 },
    SubtractFrom { second: bool, which: u8 },
    Swap,
    Cut { length: u8 },
    Extend { byte: u8, count: u8 },
}

#[derive(Arbitrary, Debug)]
enum Origin {
    /// Signed by the key.
    Signed,
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// For an Ethereum key by point: the signature for which R = u1·G + u2·Q.
    Walk { u1: [u8; 32], u2: [u8; 32] },
    /// That of the item before, over its message.
    Previous,
}

#[derive(Arbitrary, Debug)]
struct Op {
    key: u8,
    origin: Origin,
    message: Vec<u8>,
    bends: Vec<Bend>,
    /// Asked under this key's id instead.
    under: Option<u8>,
}

#[derive(Arbitrary, Debug)]
struct Input {
    ops: Vec<Op>,
    /// Every op's item again, so many times: the lanes that one finds itself among.
    repeat: u8,
}

struct World {
    signers: Vec<Option<Signer>>,
    /// Of the Ethereum keys by point: small numbers, so that table walks meet.
    logarithms: Vec<Option<Scalar>>,
    ids: Vec<String>,
    rings: Vec<Keyring>,
    singles: Keyring,
}

const P256_KEY: &str = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                        7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
/// RFC 6979 A.2.5, over "sample": a signature made here would not be the same in every run.
const P256_SIGNATURE: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                              f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut world = World {
        signers: Vec::new(),
        logarithms: Vec::new(),
        ids: Vec::new(),
        rings: Backend::available()
            .iter()
            .map(|backend| Keyring::with_backend(*backend))
            .collect(),
        singles: Keyring::new(),
    };
    let mut rng = Rng(7);
    for _ in 0..2 {
        for signer in Signer::all(&mut rng) {
            if signer.scheme() == Scheme::EcdsaP256Sha256 {
                continue;
            }
            world.add(signer.scheme(), &signer.public_key(), Some(signer), None);
        }
    }
    let p256 = hex::decode(P256_KEY).unwrap();
    world.add(Scheme::EcdsaP256Sha256, &p256, None, None);
    for small in [1, 2, 3, 256] {
        let d = Scalar::small(small);
        for d in [d, d.negated()] {
            let point = d.point().unwrap().serialize();
            let signer = Signer::Ethereum(d.secret().unwrap());
            world.add(Scheme::Ethereum, &point, Some(signer), Some(d));
        }
    }
    world
});

impl World {
    fn add(&mut self, scheme: Scheme, key: &[u8], signer: Option<Signer>, d: Option<Scalar>) {
        let id = format!("key-{}", self.ids.len());
        for ring in self.rings.iter_mut().chain([&mut self.singles]) {
            ring.enrol(&id, scheme, key).unwrap();
        }
        self.ids.push(id);
        self.signers.push(signer);
        self.logarithms.push(d);
    }

    fn at(&self, key: u8) -> usize {
        usize::from(key) % self.ids.len()
    }
}

fn reduced(mut bytes: [u8; 32]) -> Scalar {
    if bytes[..16] == [0xff; 16] {
        bytes[0] = 0;
    }
    Scalar::of(bytes)
}

fn signed(world: &World, key: usize, message: &mut Vec<u8>) -> Vec<u8> {
    match &world.signers[key] {
        Some(signer) => {
            if signer.scheme() == Scheme::Ethereum {
                message.resize(32, 0);
            }
            signer.sign(message)
        }
        None => {
            *message = b"sample".to_vec();
            hex::decode(P256_SIGNATURE).unwrap()
        }
    }
}

/// As a verifier computes it, with the s that is low.
fn walk(d: Scalar, u1: Scalar, u2: Scalar) -> Option<(Vec<u8>, Vec<u8>)> {
    let nonce = u1.plus(u2.times(d));
    if u2 == Scalar::ZERO {
        return None;
    }
    let (r, mut v) = match nonce.point() {
        Some(point) => {
            let bytes = point.serialize();
            (Scalar::of(bytes[1..].try_into().ok()?), bytes[0] & 1)
        }
        None => (Scalar::small(1), 0),
    };
    let mut s = r.times(u2.inverse());
    let digest = u1.times(s).bytes();
    if s.bytes()[0] >= 0x80 {
        (s, v) = (s.negated(), v ^ 1);
    }
    let signature = [&r.bytes()[..], &s.bytes(), &[v]].concat();
    Some((digest.to_vec(), signature))
}

/// Big-endian a ± b modulo 2^256.
fn combine(a: &[u8; 32], b: &[u8; 32], minus: bool) -> [u8; 32] {
    let mut out = [0; 32];
    let mut carry = 0_i16;
    for at in (0..32).rev() {
        let (x, y) = (i16::from(a[at]), i16::from(b[at]));
        let sum = if minus { x - y } else { x + y } + carry;
        out[at] = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    out
}

fn edge(which: u8) -> [u8; 32] {
    let hex = match which % 9 {
        0 => "0000000000000000000000000000000000000000000000000000000000000000",
        1 => common::N_SECP256K1,
        2 => "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
        3 => "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0",
        4 => "000000000000000000000000000000014551231950b75fc4402da1722fc9baee",
        5 => common::N_P256,
        // Little-endian: L, p, and a point of order 8.
        6 => "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
        7 => "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        _ => "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    };
    hex::decode(hex).unwrap().try_into().unwrap()
}

fn bend(signature: &mut Vec<u8>, bend: &Bend) {
    // A blob's numbers are near its end, others' at the start.
    let start = if signature.len() > 66 {
        signature.len() - 64
    } else {
        0
    };
    let mut half = |second: bool, change: &dyn Fn([u8; 32]) -> [u8; 32]| {
        let from = start + if second { 32 } else { 0 };
        if let Some(half) = signature.get_mut(from..from + 32) {
            let now = <[u8; 32]>::try_from(&*half).unwrap();
            half.copy_from_slice(&change(now));
        }
    };
    match bend {
        Bend::Flip { bit } => {
            let bits = signature.len() * 8;
            if bits > 0 {
                let bit = usize::from(*bit) % bits;
                signature[bit / 8] ^= 1 << (bit % 8);
            }
        }
        Bend::Half { second, value } => half(*second, &|_| *value),
        Bend::Edge {
            second,
            which,
            step,
        } => half(*second, &|_| {
            let mut by = [0; 32];
            by[31] = step.unsigned_abs();
            combine(&edge(*which), &by, *step < 0)
        }),
        Bend::Add { second, which } => half(*second, &|now| combine(&now, &edge(*which), false)),
        Bend::Subtract { second, which } => {
            half(*second, &|now| combine(&now, &edge(*which), true));
        }
        Bend::SubtractFrom { second, which } => {
            half(*second, &|now| combine(&edge(*which), &now, true));
        }
        Bend::Swap => {
            if let Some(both) = signature.get_mut(start..start + 64) {
                both.rotate_left(32);
            }
        }
        Bend::Cut { length } => signature.truncate(usize::from(*length)),
        Bend::Extend { byte, count } => {
            signature.resize(signature.len() + usize::from(*count % 16), *byte);
        }
    }
}

fuzz_target!(|input: Input| {
    let world = &*WORLD;
    let mut items: Vec<(&str, Vec<u8>, Vec<u8>)> = Vec::new();
    for op in input.ops.iter().take(48) {
        let key = world.at(op.key);
        let mut message = op.message.clone();
        let mut signature = match &op.origin {
            Origin::Signed => signed(world, key, &mut message),
            Origin::Raw(bytes) => bytes.clone(),
            Origin::Walk { u1, u2 } => {
                let walked =
                    world.logarithms[key].and_then(|d| walk(d, reduced(*u1), reduced(*u2)));
                match walked {
                    Some((digest, signature)) => {
                        message = digest;
                        signature
                    }
                    None => signed(world, key, &mut message),
                }
            }
            Origin::Previous => match items.last() {
                Some((_, before, signature)) => {
                    message = before.clone();
                    signature.clone()
                }
                None => Vec::new(),
            },
        };
        for change in op.bends.iter().take(4) {
            bend(&mut signature, change);
        }
        let under = op.under.map_or(key, |under| world.at(under));
        items.push((&world.ids[under], message, signature));
    }
    let singles: Vec<Verdict> = items
        .iter()
        .map(|(id, message, signature)| world.singles.verify(id, message, signature))
        .collect();
    let times = 1 + usize::from(input.repeat % 4);
    let batch: Vec<(&str, &[u8], &[u8])> = items
        .iter()
        .cycle()
        .take(items.len() * times)
        .map(|(id, message, signature)| (*id, &message[..], &signature[..]))
        .collect();
    for ring in &world.rings {
        let threads = Threads::new(1 + usize::from(input.repeat >> 7)).unwrap();
        let verdicts = ring.verify_batch_on(threads, &batch);
        assert_eq!(verdicts.len(), batch.len());
        for (index, verdict) in verdicts.iter().enumerate() {
            assert_eq!(
                *verdict,
                singles[index % items.len()],
                "{} {index}: {:02x?}",
                ring.backend().name(),
                batch[index]
            );
        }
    }
});
