//! The first byte chooses a message; whatever the walker accepts of the rest must re-encode to itself.
#![no_main]

use custody_wire::schema::MESSAGES;
use custody_wire::{check, decode, encode, parse_intent, record_root, unpack_leaf, unpack_record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let Some(message) = MESSAGES.get(usize::from(*choice) % (MESSAGES.len() + 2)) else {
        records_and_leaves(body);
        return;
    };
    let accepted = check(message, body);
    if message.name == "WithdrawalIntent" {
        assert_eq!(parse_intent(body).map(|_| ()), accepted);
    }
    match accepted {
        Ok(()) => {
            let tree = decode(message, body).expect("accepted bodies decode");
            assert_eq!(encode(&tree).as_deref(), Ok(body));
        }
        Err(error) => assert!(error.offset <= body.len()),
    }
});

fn records_and_leaves(body: &[u8]) {
    if let Ok(record) = unpack_record(body) {
        let (again, root) =
            custody_wire::build_record(record.header, &record.leaves).expect("a header");
        assert_eq!((again.as_slice(), Ok(root)), (body, record_root(body)));
    }
    if let Ok(leaf) = unpack_leaf(body) {
        let mut again = Vec::new();
        custody_wire::pack_leaf(&mut again, leaf.outcome, leaf.intent, &leaf.signatures)
            .expect("short parts");
        assert_eq!(again, body);
    }
}
