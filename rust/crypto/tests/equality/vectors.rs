//! Published vectors, each table in one batch: BIP 340's, RFC 8032's, RFC 6979's, and the signatures of deterministic
//! nonces on secp256k1 by which wallets compare themselves (RFC 6979 has none for that curve).

use custody_crypto::{KeyError, Scheme, Verdict};
use secp256k1::{Message, SECP256K1, SecretKey};
use sha2::{Digest as _, Sha256};

use crate::rings::{Item, Rings};

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

/// The items, and after each the same with a byte more in the message: valid and not, in turn.
fn valid_as_given_alone(rings: &Rings, items: &[Item]) {
    let mut twice = Vec::new();
    for item in items {
        let mut longer = item.clone();
        longer.message.push(0);
        twice.extend([item.clone(), longer]);
    }
    for (index, verdict) in rings.judge(&twice).iter().enumerate() {
        assert_eq!(verdict.is_valid(), index % 2 == 0, "{:?}", twice[index]);
    }
}

#[test]
fn rfc_8032_section_7_1() {
    let mut rings = Rings::default();
    let mut items = Vec::new();
    for line in include_str!("vectors/rfc8032.txt").lines().skip(1) {
        let [name, key, message, signature] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        rings.enrol(name, Scheme::Ed25519, &bytes(key)).unwrap();
        let message = if message == "-" { "" } else { message };
        items.push(Item::new(name, &bytes(message), &bytes(signature)));
    }
    assert_eq!(items.len(), 5);
    assert_eq!(items[3].message.len(), 1023);
    valid_as_given_alone(&rings, &items);
}

#[test]
fn rfc_6979_a_2_5_with_sha_256() {
    let key = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
               7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    let sample = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                  f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let test = "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367\
                019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083";
    let mut rings = Rings::default();
    rings
        .enrol("key", Scheme::EcdsaP256Sha256, &bytes(key))
        .unwrap();
    let items = [("sample", sample), ("test", test)];
    let items = items.map(|(message, sig)| Item::new("key", message.as_bytes(), &bytes(sig)));
    valid_as_given_alone(&rings, &items);
}

/// Secret key, message, signature with low S: five that the bitcointalk thread 285142 agreed on, and trezor-crypto's.
const DETERMINISTIC: [(&str, &str, &str); 6] = [
    (
        "0000000000000000000000000000000000000000000000000000000000000001",
        "Satoshi Nakamoto",
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
    ),
    (
        "0000000000000000000000000000000000000000000000000000000000000001",
        "All those moments will be lost in time, like tears in rain. Time to die...",
        "8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21",
    ),
    (
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
        "Satoshi Nakamoto",
        "fd567d121db66e382991534ada77a6bd3106f0a1098c231e47993447cd6af2d06b39cd0eb1bc8603e159ef5c20a5c8ad685a45b06ce9bebed3f153d10d93bed5",
    ),
    (
        "f8b8af8ce3c7cca5e300d33939540c10d45ce001b8f252bfbc57ba0342904181",
        "Alan Turing",
        "7063ae83e7f62bbb171798131b4a0564b956930092b33b07b395615d9ec7e15c58dfcc1e00a35e1572f366ffe34ba0fc47db1e7189759b9fb233c5b05ab388ea",
    ),
    (
        "e91671c46231f833a6406ccbea0e3e392c76c167bac1cb013f6f1013980455c2",
        "There is a computer disease that anybody who works with computers knows about. It's a very serious disease and it interferes completely with the work. The trouble with computers is that you 'play' with them!",
        "b552edd27580141f3b2a5463048cb7cd3e047b97c9f98076c32dbdf85a68718b279fa72dd19bfae05577e06c7c0c1900c371fcd5893f7e1d56a37d30174671f6",
    ),
    (
        "cca9fbcc1b41e5a95d369eaa6ddcff73b61a4efaa279cfc6567e8daa39cbaf50",
        "sample",
        "af340daf02cc15c8d5d08d7735dfe6b98a474ed373bdb5fbecf7571be52b38425009fb27f37034a9b24b707b7c6b79ca23ddef9e25f7282e8a797efe53a8f124",
    ),
];

#[test]
fn deterministic_signatures_on_secp256k1() {
    let mut rings = Rings::default();
    let mut items = Vec::new();
    for (index, (secret, message, signature)) in DETERMINISTIC.iter().enumerate() {
        let secret = SecretKey::from_byte_array(bytes(secret).try_into().unwrap()).unwrap();
        let digest = Message::from_digest(Sha256::digest(message).into());
        let again = SECP256K1.sign_ecdsa(digest, &secret).serialize_compact();
        assert_eq!(hex::encode(again), *signature);
        let id = format!("key-{index}");
        let key = secret.public_key(SECP256K1).serialize();
        rings
            .enrol(&id, Scheme::EcdsaSecp256k1Sha256, &key)
            .unwrap();
        items.push(Item::new(&id, message.as_bytes(), &again));
    }
    valid_as_given_alone(&rings, &items);
}

#[test]
fn bip_340_every_row_of_the_table() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/bip340.csv"
    );
    let Ok(table) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no shared/vectors/bip340.csv beside the checkout");
        return;
    };
    let mut rings = Rings::default();
    let mut items = Vec::new();
    let mut expected = Vec::new();
    let mut no_keys = 0;
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.splitn(8, ',').collect();
        let valid = cells[6] == "TRUE";
        match rings.enrol(cells[0], Scheme::Bip340, &bytes(cells[2])) {
            Ok(()) => {
                items.push(Item::new(cells[0], &bytes(cells[4]), &bytes(cells[5])));
                expected.push(valid);
            }
            Err(error) => {
                assert_eq!(error, KeyError::NotOnCurve);
                assert!(!valid, "row {}: {}", cells[0], cells[7]);
                no_keys += 1;
            }
        }
    }
    assert_eq!((items.len(), no_keys), (17, 2));
    assert_eq!(expected.iter().filter(|valid| **valid).count(), 9);
    for (verdict, expected) in rings.judge(&items).iter().zip(expected) {
        assert_ne!(*verdict, Verdict::Malformed);
        assert_eq!(verdict.is_valid(), expected);
    }
}
