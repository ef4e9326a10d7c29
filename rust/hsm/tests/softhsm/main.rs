//! Against a real SoftHSM2. Another PKCS#11 context on the same module plays the attacker and the careless operator:
//! login is of the process, so it sees what the token under test sees.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    missing_docs
)]

mod tokens;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::Session;
use custody_hsm::{HsmError, Token};

use crate::tokens::{DIRECTORY, PIN, destroy, intruder, module, open, pin, reason, verifies};

const SECP256K1: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a];

#[test]
fn a_wrong_pin_is_refused_at_every_opening() {
    let wrong = |label: &str, text: &str| reason(Token::open(&module(), label, pin(text)));
    assert_eq!(
        wrong("login", "624-custodx"),
        "wrong PIN for token login; not retried"
    );
    assert_eq!(wrong("login", ""), "wrong PIN for token login; not retried");
    let token = open("login");
    // SoftHSM2 would let any PIN in now.
    assert_eq!(
        wrong("login", "624-custodx"),
        "token login is already open in this process"
    );
    assert_eq!(
        wrong("login", PIN),
        "token login is already open in this process"
    );
    assert_eq!(format!("{token:?}"), r#"Token { label: "login", .. }"#);
    drop(token);
    assert_eq!(
        wrong("login", "624-custodx"),
        "wrong PIN for token login; not retried"
    );
    open("login");
    // Code of others has logged in, and stays: our own PIN cannot be checked.
    let other = intruder("login");
    other
        .login(cryptoki::session::UserType::User, Some(&pin(PIN)))
        .unwrap();
    assert!(wrong("login", "624-custodx").contains("other code in this process is logged in"));
}

#[test]
fn a_token_is_found_by_its_label_or_not_at_all() {
    let opening = |label: &str| reason(Token::open(&module(), label, pin(PIN)));
    assert_eq!(opening("no such"), "no token is labelled no such");
    assert_eq!(opening("twins"), "2 tokens are labelled twins; one must be");
    assert!(reason(Token::open("/no/module.so", "keys", pin(PIN))).contains("cannot be read"));
    let text = DIRECTORY.join("softhsm2.conf");
    let text = text.to_str().unwrap();
    assert!(reason(Token::open(text, "keys", pin(PIN))).contains("is not a PKCS#11 module"));
}

#[test]
fn keys_are_made_in_the_token_for_signing_alone() {
    let token = open("keys");
    assert!(token.key_labels().unwrap().is_empty());
    let hot = token.generate_secp256k1("hot").unwrap();
    let audit = token.generate_ed25519("audit").unwrap();
    assert_eq!((hot.len(), audit.len()), (33, 32));
    assert_eq!(token.key_labels().unwrap(), ["audit", "hot"]);
    assert_eq!(token.public_key("hot").unwrap(), hot);
    assert_eq!(token.public_key("audit").unwrap(), audit);
    token.check_key("hot").unwrap();
    token.check_key("audit").unwrap();
    assert!(reason(token.generate_secp256k1("hot")).contains("exists already"));
    assert!(reason(token.generate_ed25519("hot")).contains("exists already"));
    assert!(matches!(
        token.generate_ed25519(""),
        Err(HsmError::Malformed { .. })
    ));
    // Neither key does the other's work, and no call went to the token for it.
    assert_eq!(token.signature_calls(), 0);
    assert!(reason(token.sign_digest("audit", &[1; 32])).contains("not on secp256k1"));
    assert!(reason(token.sign_ed25519("hot", b"x")).contains("not an Ed25519 key"));
    assert!(reason(token.sign_digest("none", &[1; 32])).contains("does not exist"));
    assert_eq!(token.signature_calls(), 0);
    let message = b"a checkpoint";
    let signature = token.sign_ed25519("audit", message).unwrap();
    ed25519_dalek::VerifyingKey::from_bytes(&audit.try_into().unwrap())
        .unwrap()
        .verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature))
        .unwrap();
    token.sign_ed25519("audit", b"").unwrap();
    assert_eq!(token.signature_calls(), 2);
}

#[test]
fn signatures_are_low_s_over_32_bytes_alone() {
    let token = open("low-s");
    let public = token.generate_secp256k1("hot").unwrap();
    for length in [0, 1, 20, 31, 33, 64] {
        let refused = token.sign_digest("hot", &vec![7; length]);
        assert!(
            matches!(
                refused,
                Err(HsmError::Malformed {
                    field: "digest",
                    ..
                })
            ),
            "{length}"
        );
    }
    assert_eq!(token.signature_calls(), 0);
    for n in 0..200_u8 {
        let digest = [n; 32];
        let signature = token.sign_digest("hot", &digest).unwrap();
        assert!(verifies(&public, digest, &signature), "{n}");
    }
    assert_eq!(token.signature_calls(), 200);
    // The token itself does give high-S, so that something was normalised above.
    let session = intruder("low-s");
    let key = session
        .find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])
        .unwrap()[0];
    let high = (0..64).any(|_| {
        let raw = session.sign(&Mechanism::Ecdsa, key, &[1; 32]).unwrap();
        !verifies(&public, [1; 32], &raw.try_into().unwrap())
    });
    assert!(high);
}

#[test]
fn a_key_that_may_leave_the_token_is_refused() {
    let token = open("extractable");
    token.generate_secp256k1("good").unwrap();
    let session = intruder("extractable");
    let make = |label: &str, attributes: &[Attribute]| {
        let named = [
            Attribute::Token(true),
            Attribute::Label(label.into()),
            Attribute::Id(vec![1]),
        ];
        let public = [
            &named[..],
            &[
                Attribute::EcParams(SECP256K1.to_vec()),
                Attribute::Verify(true),
            ],
        ]
        .concat();
        let private = [
            &named[..],
            &[Attribute::Private(true), Attribute::Sign(true)],
            attributes,
        ]
        .concat();
        session
            .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)
            .unwrap();
        reason(token.check_key(label))
    };
    let sealed = [
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Modifiable(false),
        Attribute::Derive(false),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
    ];
    let with = |index: usize, attribute: Attribute| {
        let mut attributes = sealed.to_vec();
        attributes[index] = attribute;
        attributes
    };
    let checks = [
        (
            "plain",
            with(0, Attribute::Sensitive(false)),
            "CKA_SENSITIVE is false",
        ),
        (
            "leaves",
            with(1, Attribute::Extractable(true)),
            "CKA_EXTRACTABLE is true",
        ),
        (
            "changes",
            with(2, Attribute::Modifiable(true)),
            "CKA_MODIFIABLE is true",
        ),
        (
            "derives",
            with(3, Attribute::Derive(true)),
            "CKA_DERIVE is true",
        ),
        (
            "decrypts",
            with(4, Attribute::Decrypt(true)),
            "CKA_DECRYPT is true",
        ),
        (
            "unwraps",
            with(5, Attribute::Unwrap(true)),
            "CKA_UNWRAP is true",
        ),
    ];
    for (label, attributes, wanted) in checks {
        let found = make(label, &attributes);
        assert!(found.contains(wanted), "{label}: {found}");
    }
    // Sealed later: it may have been read before.
    let late = [Attribute::Sensitive(true), Attribute::Extractable(true)];
    make("late", &late);
    let keys = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Label("late".into()),
    ];
    let key = session.find_objects(&keys).unwrap()[0];
    session
        .update_attributes(key, &[Attribute::Extractable(false)])
        .unwrap();
    assert!(reason(token.check_key("late")).contains("CKA_NEVER_EXTRACTABLE is false"));
    // Brought in from outside: others may have it.
    let imported = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC),
        Attribute::EcParams(SECP256K1.to_vec()),
        Attribute::Value(vec![7; 32]),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sign(true),
        Attribute::Label("plain".into()),
        Attribute::Id(vec![1]),
    ];
    let plain = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Label("plain".into()),
    ];
    session
        .destroy_object(session.find_objects(&plain).unwrap()[0])
        .unwrap();
    session
        .create_object(&[&imported[..], &sealed[..]].concat())
        .unwrap();
    let found = reason(token.check_key("plain"));
    assert!(found.contains("CKA_ALWAYS_SENSITIVE is false"), "{found}");
    token.check_key("good").unwrap();
}

#[test]
fn two_keys_with_one_label_are_none() {
    let token = open("repeat");
    token.generate_secp256k1("hot").unwrap();
    let session = intruder("repeat");
    let named = [Attribute::Token(true), Attribute::Label("hot".into())];
    let public = [&named[..], &[Attribute::EcParams(SECP256K1.to_vec())]].concat();
    session
        .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &named)
        .unwrap();
    assert_eq!(token.key_labels().unwrap(), ["hot", "hot"]);
    assert!(reason(token.check_key("hot")).contains("2 objects are called key hot"));
}

#[test]
fn eight_threads_sign_at_once() {
    let token = open("threads");
    let public = token.generate_secp256k1("hot").unwrap();
    token.generate_ed25519("audit").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let (token, public) = (&token, &public);
            scope.spawn(move || {
                for n in 0..50_u8 {
                    let mut digest = [thread; 32];
                    digest[0] = n;
                    let signature = token.sign_digest("hot", &digest).unwrap();
                    assert!(verifies(public, digest, &signature));
                    token.sign_ed25519("audit", &digest).unwrap();
                }
            });
        }
    });
    assert_eq!(token.signature_calls(), 800);
}

#[test]
fn data_is_replaced_and_outlives_the_token_object() {
    let token = open("data");
    assert_eq!(token.read_data("store").unwrap(), None);
    for value in [&b"first"[..], b"", b"third", &[0xff; 3000]] {
        token.write_data("store", value).unwrap();
        assert_eq!(token.read_data("store").unwrap().as_deref(), Some(value));
    }
    token.write_data("starts", b"1").unwrap();
    let data = |session: &Session| {
        session
            .find_objects(&[Attribute::Class(ObjectClass::DATA)])
            .unwrap()
    };
    let session = intruder("data");
    assert_eq!(data(&session).len(), 2, "old versions are gone");
    // A crash between making the new version and destroying the old one leaves both.
    let version = |number: &str, value: &[u8]| {
        session
            .create_object(&[
                Attribute::Class(ObjectClass::DATA),
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Label("store".into()),
                Attribute::Application(number.into()),
                Attribute::Value(value.to_vec()),
            ])
            .unwrap()
    };
    version("custody/5", b"fifth");
    assert_eq!(token.read_data("store").unwrap().unwrap(), b"fifth");
    token.write_data("store", b"sixth").unwrap();
    assert_eq!(data(&session).len(), 2);
    drop(session);
    drop(token);
    let token = open("data");
    assert_eq!(token.read_data("store").unwrap().unwrap(), b"sixth");
    assert_eq!(token.read_data("starts").unwrap().unwrap(), b"1");
    let session = intruder("data");
    let create = |number: &str| {
        session.create_object(&[
            Attribute::Class(ObjectClass::DATA),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Label("starts".into()),
            Attribute::Application(number.into()),
        ])
    };
    create("custody/01").unwrap();
    assert!(reason(token.read_data("starts")).contains("not made by custody"));
}

#[test]
fn a_lost_key_is_an_error_and_the_token_goes_on() {
    let token = open("gone");
    let public = token.generate_secp256k1("hot").unwrap();
    let other = token.generate_secp256k1("other").unwrap();
    token.sign_digest("hot", &[1; 32]).unwrap();
    let session = intruder("gone");
    destroy(&session, "hot");
    assert!(reason(token.sign_digest("hot", &[2; 32])).contains("the session was dropped"));
    assert!(reason(token.sign_digest("hot", &[3; 32])).contains("does not exist"));
    let signature = token.sign_digest("other", &[4; 32]).unwrap();
    assert!(verifies(&other, [4; 32], &signature));
    // Somebody puts another key in its place: never signed with.
    let named = [
        Attribute::Token(true),
        Attribute::Label("hot".into()),
        Attribute::Id(vec![1]),
    ];
    let made = [&named[..], &[Attribute::EcParams(SECP256K1.to_vec())]].concat();
    session
        .generate_key_pair(&Mechanism::EccKeyPairGen, &made, &named)
        .unwrap();
    assert!(reason(token.sign_digest("hot", &[5; 32])).contains("is not the key that it was"));
    destroy(&session, "hot");
    // Made anew on purpose, it is a key like any other.
    let anew = token.generate_secp256k1("hot").unwrap();
    assert_ne!(anew, public);
    let signature = token.sign_digest("hot", &[6; 32]).unwrap();
    assert!(verifies(&anew, [6; 32], &signature));
}

#[test]
fn a_closed_token_does_nothing_and_opens_again() {
    let token = open("close");
    token.generate_secp256k1("hot").unwrap();
    token.close();
    token.close();
    assert_eq!(
        reason(token.sign_digest("hot", &[1; 32])),
        "token close is closed"
    );
    assert_eq!(reason(token.write_data("a", b"b")), "token close is closed");
    let again = open("close");
    again.sign_digest("hot", &[1; 32]).unwrap();
    // The closed object is not a way around the login of the open one, nor does dropping it end that.
    drop(token);
    again.sign_digest("hot", &[2; 32]).unwrap();
}
