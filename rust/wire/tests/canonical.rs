//! Whatever the walker accepts has one encoding: spoiled bodies are refused, or re-encode to themselves.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

mod common;

use std::sync::LazyLock;

use common::{bytes, list, text};
use custody_wire::schema::{ACTIVATE_BODY, HALT_BODY, MESSAGES, RELEASE_BODY, STATEMENT};
use custody_wire::schema_types::Message;
use custody_wire::{Node, Reason, SignedType, check, decode, encode, parse_intent, payload_of};
use proptest::prelude::*;

type Sample = (&'static Message, Vec<u8>);

/// Every accepted body, and every payload by itself.
static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let mut samples = Vec::new();
    for case in list("accepted") {
        let message = SignedType::from_name(text(&case, "type"))
            .unwrap()
            .message();
        let body = bytes(&case, "body");
        if let [Node::Number(kind), Node::Bytes(payload), ..] =
            &decode(message, &body).unwrap().nodes[..]
            && *message == STATEMENT
        {
            samples.push((payload_of(*kind).unwrap(), payload.clone()));
        }
        samples.push((message, body));
    }
    samples
});

/// Accepted means: taken apart and put together again, it is the same.
fn accepted_is_canonical(message: &'static Message, body: &[u8]) -> Result<bool, TestCaseError> {
    if check(message, body).is_err() {
        return Ok(false);
    }
    let again = decode(message, body).and_then(|tree| encode(&tree));
    prop_assert_eq!(again.as_deref(), Ok(body));
    Ok(true)
}

#[derive(Debug, Clone)]
enum Edit {
    Flip(usize, u8),
    Insert(usize, u8),
    Delete(usize),
    Repeat(usize, usize),
    Move(usize, usize, usize),
    Splice(usize, usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0..4096_usize;
    prop_oneof![
        (at(), 1..=255_u8).prop_map(|(at, mask)| Edit::Flip(at, mask)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        at().prop_map(Edit::Delete),
        (at(), 1..64_usize).prop_map(|(at, size)| Edit::Repeat(at, size)),
        (at(), 1..64_usize, at()).prop_map(|(at, size, to)| Edit::Move(at, size, to)),
        (at(), at(), 1..64_usize).prop_map(|(other, at, size)| Edit::Splice(other, at, size)),
    ]
}

fn apply(body: &mut Vec<u8>, edit: &Edit) {
    let at = |n: usize, body: &[u8]| n % body.len().max(1);
    let part = |n: usize, size: usize, body: &[u8]| {
        let start = at(n, body);
        (start, (start + size).min(body.len()))
    };
    if body.is_empty() {
        return;
    }
    match *edit {
        Edit::Flip(n, mask) => {
            let at = at(n, body);
            body[at] ^= mask;
        }
        Edit::Insert(n, byte) => body.insert(at(n, body), byte),
        Edit::Delete(n) => {
            body.remove(at(n, body));
        }
        Edit::Repeat(n, size) => {
            let (start, end) = part(n, size, body);
            let copy = body[start..end].to_vec();
            body.splice(end..end, copy);
        }
        Edit::Move(n, size, to) => {
            let (start, end) = part(n, size, body);
            let moved: Vec<u8> = body.drain(start..end).collect();
            let to = at(to, body).min(body.len());
            body.splice(to..to, moved);
        }
        Edit::Splice(other, n, size) => {
            let (_, source) = &SAMPLES[other % SAMPLES.len()];
            let (start, end) = part(n, size, source);
            let to = at(n, body);
            body.splice(to..to, source[start..end].to_vec());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn spoiled_bodies_are_refused_or_canonical(sample in any::<prop::sample::Index>(), edits in prop::collection::vec(edit(), 1..4)) {
        let (message, mut body) = sample.get(&SAMPLES).clone();
        edits.iter().for_each(|edit| apply(&mut body, edit));
        accepted_is_canonical(message, &body)?;
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(message in 0..MESSAGES.len(), body in prop::collection::vec(any::<u8>(), 0..64)) {
        accepted_is_canonical(MESSAGES[message], &body)?;
    }
}

#[test]
fn every_single_bit_counts() {
    // Turned bits give another well-formed body or a refusal, and never the same values from other bytes.
    let mut accepted = 0;
    for (message, body) in SAMPLES.iter() {
        let original = decode(message, body).unwrap();
        for bit in 0..body.len() * 8 {
            let mut spoiled = body.clone();
            spoiled[bit / 8] ^= 1 << (bit % 8);
            if accepted_is_canonical(message, &spoiled).unwrap() {
                assert_ne!(decode(message, &spoiled).unwrap(), original);
                accepted += 1;
            }
        }
    }
    assert!(accepted > 1000, "the test reaches accepted bodies");
}

#[test]
fn every_prefix_is_refused() {
    for (message, body) in SAMPLES.iter() {
        // A list that ends earlier, or lacks what may be absent at the end, is a body of its own.
        for end in 0..body.len() {
            accepted_is_canonical(message, &body[..end]).unwrap();
        }
        if message.name == "WithdrawalIntent" {
            assert!((0..body.len()).all(|end| check(message, &body[..end]).is_err()));
        }
    }
}

#[test]
fn sizes_are_bounded() {
    let policy = |size: usize| {
        let mut body = vec![0x0a];
        let mut left = size;
        while left > 127 {
            body.push((left & 127) as u8 | 128);
            left >>= 7;
        }
        body.push(left as u8);
        body.resize(body.len() + size, b'#');
        body
    };
    let message = payload_of(5).unwrap();
    assert_eq!(check(message, &policy(4 << 20)), Ok(()));
    assert!(check(message, &policy((4 << 20) + 1)).is_err());
    assert_eq!(
        check(message, &policy(8 << 20)).unwrap_err().reason,
        Reason::TooLarge
    );
    assert_eq!(
        parse_intent(&vec![0; (1 << 20) + 1]).unwrap_err().reason,
        Reason::TooLarge
    );
    let (statement, body) = SAMPLES
        .iter()
        .find(|(message, _)| **message == STATEMENT)
        .unwrap();
    let mut tree = decode(statement, body).unwrap();
    tree.nodes[1] = Node::Bytes(policy(2 << 20));
    assert_eq!(encode(&tree).unwrap_err().reason, Reason::TooLarge);
    tree.nodes[0] = Node::Number(5);
    assert!(encode(&tree).is_ok());
}

#[test]
fn trees_of_the_wrong_shape_are_refused() {
    let (message, body) = SAMPLES
        .iter()
        .find(|(message, _)| message.name == "HaltBody")
        .unwrap();
    let tree = decode(message, body).unwrap();
    for (at, wrong) in [
        (0, Node::Number(1)),
        (1, Node::Text("all".into())),
        (1, Node::Absent),
        (3, Node::Text("5".into())),
        (4, Node::Messages(Vec::new())),
    ] {
        let mut spoiled = tree.clone();
        spoiled.nodes[at] = wrong;
        assert_eq!(encode(&spoiled).unwrap_err().reason, Reason::WrongKind);
    }
    let mut short = tree;
    short.nodes.pop();
    assert_eq!(encode(&short).unwrap_err().reason, Reason::WrongKind);
}

/// One asset spent twice could mean the sum, the first or the last: a list with a key has each once.
#[test]
fn a_list_that_is_looked_up_by_key_has_each_key_once() {
    for (message, list) in [
        (&ACTIVATE_BODY, "spent"),
        (&RELEASE_BODY, "items"),
        (&HALT_BODY, "scopes"),
    ] {
        let index = message.fields.iter().position(|f| f.name == list).unwrap();
        let (_, body) = SAMPLES.iter().find(|(of, _)| *of == message).unwrap();
        let tree = decode(message, body).unwrap();
        let (mut same, mut other) = (tree.clone(), tree.clone());
        let count = match (&mut same.nodes[index], &mut other.nodes[index]) {
            (Node::Texts(same), Node::Texts(other)) => {
                same.push(same[0].clone());
                other.push("customer:nobody-else".to_owned());
                same.len()
            }
            (Node::Messages(same), Node::Messages(other)) => {
                let mut twin = same[0].clone();
                // The key alone counts: what stands beside it may differ.
                match &mut twin.nodes[1] {
                    Node::Text(amount) => *amount = "77".to_owned(),
                    Node::Bytes(hash) => hash[0] ^= 1,
                    node => panic!("{node:?}"),
                }
                let mut new = twin.clone();
                let Node::Text(key) = &mut new.nodes[0] else {
                    panic!()
                };
                let last = if key.ends_with('1') { "2" } else { "1" };
                key.replace_range(key.len() - 1.., last);
                same.push(twin);
                other.push(new);
                same.len()
            }
            nodes => panic!("{nodes:?}"),
        };
        let error = encode(&same).unwrap_err();
        assert_eq!(error.path, format!("{list}[{}]", count - 1));
        assert_eq!(error.reason, Reason::Form("occurs twice in the list"));
        encode(&other).unwrap();
    }
}
