//! How signatures are spoilt: by bits, by lengths, by numbers at the edges of every range, by other people's parts.

use std::ops::Range;

use custody_crypto::Scheme;
use secp256k1::{Message, SECP256K1, SecretKey};

use crate::common::{N_P256, N_SECP256K1, Rng, Signer, Sshsig, subtract};
use crate::rings::Item;
use crate::torsion::small_order_encodings;

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// A key with its signer.
pub struct Subject {
    pub id: String,
    pub scheme: Scheme,
    pub key: Vec<u8>,
    sign: Sign,
    ssh: bool,
}

impl Subject {
    /// Three of every scheme, Ethereum's by address and by point.
    pub fn all(rng: &mut Rng) -> Vec<Self> {
        let mut found = Vec::new();
        for round in 0..3 {
            for signer in Signer::all(rng) {
                found.push(Self {
                    id: format!("{}-{round}-{}", signer.scheme().name(), found.len()),
                    scheme: signer.scheme(),
                    key: signer.public_key(),
                    ssh: signer.scheme() == Scheme::Sshsig,
                    sign: Box::new(move |message| signer.sign(message)),
                });
            }
            let secret = SecretKey::from_byte_array(rng.seed()).unwrap();
            let point = secret.public_key(SECP256K1);
            found.push(Self {
                id: format!("ethereum-point-{round}"),
                scheme: Scheme::Ethereum,
                key: if round == 0 {
                    point.serialize_uncompressed().to_vec()
                } else {
                    point.serialize().to_vec()
                },
                ssh: false,
                sign: Box::new(move |digest| {
                    let digest = Message::from_digest(digest.try_into().unwrap());
                    let signed = SECP256K1.sign_ecdsa_recoverable(digest, &secret);
                    let (id, compact) = signed.serialize_compact();
                    let v = u8::try_from(i32::from(id)).unwrap() + 27;
                    [&compact[..], &[v]].concat()
                }),
            });
        }
        found
    }

    fn message(&self, rng: &mut Rng) -> Vec<u8> {
        let length = if self.scheme == Scheme::Ethereum {
            32
        } else {
            rng.below(200)
        };
        rng.bytes(length)
    }

    /// Where the 64 bytes of the two numbers are.
    fn numbers(&self, signature: &[u8]) -> Range<usize> {
        if !self.ssh {
            return 0..64;
        }
        // A security key's flags and counter follow.
        let after = if self.key.ends_with(b"ssh:") { 5 } else { 0 };
        let end = signature.len() - after;
        end - 64..end
    }

    const fn is_edwards(&self) -> bool {
        matches!(self.scheme, Scheme::Ed25519 | Scheme::Sshsig)
    }

    /// The group's order in the byte order of its signatures.
    fn order(&self) -> [u8; 32] {
        let hex = match self.scheme {
            Scheme::EcdsaP256Sha256 => N_P256,
            Scheme::Ed25519 | Scheme::Sshsig => {
                "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"
            }
            _ => N_SECP256K1,
        };
        let mut order: [u8; 32] = hex::decode(hex).unwrap().try_into().unwrap();
        if self.is_edwards() {
            order.reverse();
        }
        order
    }

    /// A number where some range ends, in this scheme's byte order.
    fn edge(&self, rng: &mut Rng) -> [u8; 32] {
        if self.is_edwards() && rng.below(2) == 0 {
            let small = small_order_encodings();
            return small[rng.below(small.len())];
        }
        const P256: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
        const P: &str = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
        const P_25519: &str = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
        let order = || {
            let mut order = self.order();
            if self.is_edwards() {
                order.reverse();
            }
            order
        };
        let fixed = |hex: &str| <[u8; 32]>::try_from(hex::decode(hex).unwrap()).unwrap();
        let mut base = match rng.below(9) {
            0 => [0; 32],
            1 => [0xff; 32],
            2 => fixed(P256),
            3 => fixed(P),
            4 => fixed(P_25519),
            5 => halved(order()),
            // p − n of secp256k1: the first r without a second candidate.
            6 => subtract(&fixed(P), &fixed(N_SECP256K1)),
            _ => order(),
        };
        // The number itself, or one or two beside it.
        for _ in 0..rng.below(3) {
            step(&mut base, rng.below(2) == 0);
        }
        if self.is_edwards() {
            base.reverse();
        }
        base
    }
}

fn halved(mut number: [u8; 32]) -> [u8; 32] {
    let mut carry = 0;
    for byte in &mut number {
        let next = *byte & 1;
        *byte = *byte >> 1 | carry << 7;
        carry = next;
    }
    number
}

/// One more or one less, modulo 2^256, big-endian.
fn step(number: &mut [u8; 32], up: bool) {
    for byte in number.iter_mut().rev() {
        let (next, over) = if up {
            byte.overflowing_add(1)
        } else {
            byte.overflowing_sub(1)
        };
        *byte = next;
        if !over {
            return;
        }
    }
}

/// a + b, or a − b, modulo 2^256, both in one byte order.
fn combine(a: &[u8], b: &[u8], minus: bool, little_endian: bool) -> Vec<u8> {
    let mut out = a.to_vec();
    let mut carry = 0_i16;
    for place in 0..32 {
        let at = if little_endian { place } else { 31 - place };
        let (x, y) = (i16::from(a[at]), i16::from(b[at]));
        let sum = if minus { x - y } else { x + y } + carry;
        out[at] = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    out
}

fn flip(bytes: &mut [u8], rng: &mut Rng) {
    if !bytes.is_empty() {
        let at = rng.below(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
    }
}

/// One item by the key of `subjects[index]`, sound or spoilt in one way, and in which.
pub fn mutate(subjects: &[Subject], index: usize, rng: &mut Rng) -> (Item, &'static str) {
    let subject = &subjects[index];
    let message = subject.message(rng);
    let signature = (subject.sign)(&message);
    let mut item = Item::new(&subject.id, &message, &signature);
    let numbers = subject.numbers(&signature);
    let half = numbers.start + 32 * rng.below(2);
    let half = half..half + 32;
    let kind = match rng.below(20) {
        0 | 1 => "untouched",
        2 | 3 => {
            flip(&mut item.signature, rng);
            "a bit of the signature"
        }
        4 => {
            for _ in 0..2 + rng.below(4) {
                flip(&mut item.signature, rng);
            }
            "some bits of the signature"
        }
        5 => {
            if rng.below(2) == 0 {
                flip(&mut item.message, rng);
            } else {
                item.message.push(0);
            }
            "the message"
        }
        6 => {
            let at = rng.below(item.key_id.len());
            // ASCII stays ASCII.
            let mut id = item.key_id.into_bytes();
            id[at] ^= 1 << rng.below(7);
            item.key_id = String::from_utf8(id).unwrap();
            "a bit of the key id"
        }
        7 => {
            let length = rng.below(item.signature.len());
            item.signature.truncate(length);
            "truncated"
        }
        8 => {
            let more = 1 + rng.below(8);
            item.signature.extend(rng.bytes(more));
            "trailing bytes"
        }
        9 => {
            let same: Vec<&Subject> = subjects
                .iter()
                .filter(|other| other.scheme == subject.scheme && other.id != subject.id)
                .collect();
            item.key_id.clone_from(&same[rng.below(same.len())].id);
            "another key of the scheme"
        }
        10 => {
            let step = 1 + rng.below(subjects.len() - 1);
            let other = &subjects[(index + step) % subjects.len()];
            item.key_id.clone_from(&other.id);
            "another key"
        }
        11 | 12 => {
            item.signature[half].copy_from_slice(&subject.edge(rng));
            "a number at an edge"
        }
        13 => {
            for start in [numbers.start, numbers.start + 32] {
                item.signature[start..start + 32].copy_from_slice(&subject.edge(rng));
            }
            "both numbers at edges"
        }
        14 => {
            let number = item.signature[half.clone()].to_vec();
            let order = subject.order();
            let little = subject.is_edwards();
            let changed = match rng.below(4) {
                0 => combine(&order, &number, true, little),
                1 => combine(&[0; 32], &number, true, little),
                2 => combine(&number, &order, true, little),
                _ => combine(&number, &order, false, little),
            };
            item.signature[half].copy_from_slice(&changed);
            if let Some(v) = item.signature.get_mut(64)
                && !subject.ssh
                && rng.below(2) == 0
            {
                *v ^= 1;
            }
            "a number negated or an order off"
        }
        15 => {
            item.signature[numbers].rotate_left(32);
            "the numbers swapped"
        }
        16 => {
            let other = (subject.sign)(&subject.message(rng));
            let of_other = subject.numbers(&other);
            let from = of_other.start + (half.start - numbers.start);
            item.signature[half].copy_from_slice(&other[from..from + 32]);
            "a number of another signature"
        }
        17 => {
            let length = item.signature.len();
            let start = if rng.below(2) == 0 { 0 } else { numbers.start };
            item.signature.truncate(start);
            item.signature.extend(rng.bytes(length - start));
            "random bytes"
        }
        18 => {
            // Another scheme's signature over this message, cut or filled up to this one's length.
            let other = &subjects[rng.below(subjects.len())];
            if other.scheme != Scheme::Ethereum || message.len() == 32 {
                let foreign = (other.sign)(&message);
                let length = item.signature.len();
                item.signature = foreign;
                item.signature.resize(length, 0);
            } else {
                item.signature.fill(0);
            }
            "another scheme's signature, or zeros"
        }
        _ => particular(subject, &mut item, rng),
    };
    let untouched = item.signature == signature && item.message == message;
    if untouched && item.key_id == subject.id {
        return (item, "untouched");
    }
    (item, kind)
}

/// What only one scheme has.
fn particular(subject: &Subject, item: &mut Item, rng: &mut Rng) -> &'static str {
    match subject.scheme {
        Scheme::Ethereum => {
            item.signature[64] = rng.bytes(1)[0];
            "v"
        }
        Scheme::Sshsig => ssh_field(subject, item, rng),
        Scheme::Ed25519 | Scheme::Bip340 => {
            // The sign of R, or R's lowest bit: the mirrored point.
            let at = if subject.scheme == Scheme::Ed25519 {
                31
            } else {
                0
            };
            item.signature[at] ^= 0x80;
            "the top bit of R"
        }
        Scheme::EcdsaSecp256k1Sha256 | Scheme::EcdsaP256Sha256 => {
            let negated = combine(&subject.order(), &item.signature[32..64], true, false);
            item.signature[32..64].copy_from_slice(&negated);
            "s negated"
        }
    }
}

/// One field of the envelope rewritten, its lengths kept right; flags and counter of a security key too.
fn ssh_field(subject: &Subject, item: &mut Item, rng: &mut Rng) -> &'static str {
    let inner_end = item.signature.len();
    let inner_start = subject.numbers(&item.signature).start;
    let kind = if subject.key.ends_with(b"ssh:") {
        "sk-ssh-ed25519@openssh.com"
    } else {
        "ssh-ed25519"
    };
    let mut inner = item.signature[inner_start..inner_end].to_vec();
    let mut named = kind.to_owned();
    let mut envelope = Sshsig {
        magic: b"SSHSIG".to_vec(),
        version: 1,
        public_key: subject.key.clone(),
        namespace: b"custody/v1".to_vec(),
        reserved: Vec::new(),
        hash: b"sha512".to_vec(),
        signature: Vec::new(),
    };
    match rng.below(9) {
        0 => envelope.namespace = b"custody/v2".to_vec(),
        1 => envelope.namespace.push(0),
        2 => envelope.reserved = rng.bytes(1),
        3 => envelope.hash = b"sha256".to_vec(),
        4 => envelope.version = 2,
        5 => flip(&mut envelope.public_key, rng),
        6 => named.push(' '),
        7 => envelope.magic.reverse(),
        _ => {
            // Flags and counter where there are any; else the last byte of S.
            let at = inner.len() - 1 - rng.below(5);
            inner[at] ^= 1 << rng.below(8);
        }
    }
    let (numbers, after) = inner.split_at(64);
    envelope.signature = [
        crate::common::string(named.as_bytes()),
        crate::common::string(numbers),
        after.to_vec(),
    ]
    .concat();
    item.signature = envelope.build();
    "a field of the envelope"
}
