//! `tests/vectors/signed.json`: other people's encoders and hashes, byte for byte, and every refusal in its place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used)]

mod common;

use common::{bytes, hex, list, text, tree, vectors};
use custody_wire::schema::MESSAGES;
use custody_wire::{
    FeeMode, SignedType, check, decode, encode, parse_intent, payload_of, sha256, signed_message,
    signed_message_sha256, signing_input,
};

fn deployment() -> [u8; 32] {
    bytes(&vectors(), "deployment").try_into().unwrap()
}

#[test]
fn every_type_and_kind_is_there() {
    let accepted = list("accepted");
    for signed_type in SignedType::ALL {
        let case = accepted
            .iter()
            .find(|case| text(case, "type") == signed_type.name())
            .unwrap();
        assert_eq!(
            case["signatures"].as_array().unwrap().len(),
            6,
            "{}",
            signed_type.name()
        );
    }
    for kind in 1..=10 {
        let message = payload_of(kind).unwrap();
        assert!(
            accepted
                .iter()
                .any(|case| case["payload"]["message"] == message.name),
            "{}",
            message.name
        );
    }
    assert!(payload_of(0).is_none() && payload_of(11).is_none());
}

#[test]
fn bodies_encode_and_decode_to_the_same_bytes() {
    for case in list("accepted") {
        let name = text(&case, "name");
        let message = SignedType::from_name(text(&case, "type"))
            .unwrap()
            .message();
        let (body, fields) = (bytes(&case, "body"), tree(message, &case["fields"]));
        assert_eq!(message.name, text(&case, "message"));
        assert_eq!(check(message, &body), Ok(()), "{name}");
        assert_eq!(
            encode(&fields).map(|made| hex(&made)),
            Ok(hex(&body)),
            "{name}"
        );
        assert_eq!(
            decode(message, &body).unwrap().nodes,
            fields.nodes,
            "{name}"
        );
        if let Some(payload) = case.get("payload") {
            let inner = MESSAGES
                .iter()
                .find(|known| known.name == text(payload, "message"))
                .unwrap();
            let made = encode(&tree(inner, &payload["fields"])).unwrap();
            assert_eq!(fields.nodes[1], custody_wire::Node::Bytes(made), "{name}");
        }
    }
}

#[test]
fn messages_and_signing_inputs_are_the_same() {
    for case in list("accepted") {
        let (signed_type, body) = (
            SignedType::from_name(text(&case, "type")).unwrap(),
            bytes(&case, "body"),
        );
        let message = signed_message(signed_type, &deployment(), &body);
        assert_eq!(
            hex(&message),
            text(&case, "signed_message"),
            "{}",
            text(&case, "name")
        );
        assert_eq!(
            signed_message_sha256(signed_type, &deployment(), &body),
            sha256(&message)
        );
        for signature in case["signatures"].as_array().unwrap() {
            let input = signing_input(text(signature, "scheme"), &message).unwrap();
            assert_eq!(
                hex(&sha256(&input)),
                text(signature, "input_sha256"),
                "{signature}"
            );
        }
    }
    assert!(signing_input("rsa", b"").is_err());
}

#[test]
fn refusals_name_the_field_the_offset_and_the_reason() {
    let refused = list("refused");
    assert!(refused.len() >= 100);
    for case in refused {
        let name = text(&case, "name");
        let signed_type = SignedType::from_name(text(&case, "type")).unwrap();
        let body = bytes(&case, "body");
        let error = check(signed_type.message(), &body).expect_err(name);
        let said = (
            error.path.as_str(),
            u64::try_from(error.offset).unwrap(),
            error.reason.to_string(),
        );
        let wanted = (
            text(&case, "field"),
            case["offset"].as_u64().unwrap(),
            text(&case, "reason").to_owned(),
        );
        assert_eq!(said, wanted, "{name}");
        if signed_type == SignedType::Intent {
            assert_eq!(parse_intent(&body), Err(error), "{name}");
        }
    }
}

#[test]
fn the_batch_paths_reader_sees_what_the_fields_say() {
    let mut seen = 0;
    for case in list("accepted")
        .iter()
        .filter(|case| text(case, "type") == "intent")
    {
        let body = bytes(case, "body");
        let intent = parse_intent(&body).unwrap();
        let fields = &case["fields"];
        let optional = |name: &str| fields[name].as_str().unwrap_or("").to_owned();
        assert_eq!(intent.initiator, text(fields, "initiator"));
        assert_eq!(intent.reference, text(fields, "reference"));
        assert_eq!(
            u64::from(intent.attempt),
            fields["attempt"].as_u64().unwrap()
        );
        assert_eq!(intent.asset, text(fields, "asset"));
        assert_eq!(intent.amount.to_string(), text(fields, "amount"));
        assert_eq!(intent.address, text(fields, "address"));
        assert_eq!(intent.memo, optional("memo"));
        assert_eq!(intent.pool, text(fields, "pool"));
        assert_eq!(intent.customer, text(fields, "customer"));
        assert_eq!(intent.limit_class, optional("limit_class"));
        assert_eq!(
            intent.fee_mode == FeeMode::Deduct,
            text(fields, "fee_mode") == "FEE_MODE_DEDUCT"
        );
        assert_eq!(
            intent
                .max_network_fee
                .map_or(String::new(), |fee| fee.to_string()),
            optional("max_network_fee")
        );
        assert_eq!(intent.service_fee.to_string(), text(fields, "service_fee"));
        assert_eq!(
            intent.submit_before_unix_ms.to_string(),
            text(fields, "submit_before_unix_ms")
        );
        assert_eq!(
            intent.pay_before_unix_ms.to_string(),
            text(fields, "pay_before_unix_ms")
        );
        assert_eq!(
            intent.routing_sequence.to_string(),
            text(fields, "routing_sequence")
        );
        seen += 1;
    }
    assert!(seen >= 4);
}
