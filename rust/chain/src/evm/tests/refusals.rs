//! Every transaction that does something else, and every signature that is not the sender's.

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{B256, TxKind};

use super::*;
use crate::ChainError;

/// Spoils one field of a good transaction, and expects the payload to be refused for that field, signed or not.
fn refused(plan: &Plan, field: &str, spoil: impl FnOnce(&mut TxEip1559)) {
    let mut transaction = fields(plan);
    spoil(&mut transaction);
    let unsigned = encode_any(&transaction);
    for bytes in [unsigned.clone(), sign_any(&transaction, 0x46)] {
        match effects(&bytes) {
            Err(ChainError::Malformed { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    assert!(
        signing_digest(&unsigned).is_err(),
        "a digest was made for a spoilt {field}"
    );
}

fn word(address: &Address) -> Vec<u8> {
    address.into_word().to_vec()
}

fn call(parts: &[&[u8]]) -> alloy_primitives::Bytes {
    parts.concat().into()
}

#[test]
fn anything_but_one_payment_is_refused() {
    let selector = [0xa9, 0x05, 0x9c, 0xbb];
    let amount = U256::from(5).to_be_bytes::<32>();
    refused(&native(), "to", |tx| tx.to = TxKind::Create);
    refused(&native(), "to", |tx| tx.to = TxKind::Call(Address::ZERO));
    refused(&native(), "chain_id", |tx| tx.chain_id = 0);
    refused(&native(), "nonce", |tx| tx.nonce = u64::MAX);
    refused(&native(), "amount", |tx| {
        tx.value = U256::from(u128::MAX) + U256::from(1)
    });
    refused(&native(), "gas_limit", |tx| tx.gas_limit = 0);
    refused(&native(), "max_priority_fee_per_gas", |tx| {
        tx.max_priority_fee_per_gas = tx.max_fee_per_gas + 1;
    });
    refused(&native(), "max_fee_per_gas", |tx| {
        tx.max_fee_per_gas = u128::MAX
    });
    // A payment with no value left is a cancel, and a cancel has 21,000 gas.
    refused(&native(), "gas_limit", |tx| {
        tx.value = U256::ZERO;
        tx.gas_limit = 21_001;
    });
    for plan in [native(), erc20()] {
        refused(&plan, "access_list", |tx| {
            tx.access_list = AccessList(vec![AccessListItem {
                address: ALICE,
                storage_keys: vec![B256::ZERO],
            }]);
        });
    }
    refused(&native(), "value", |tx| {
        tx.input = call(&[&selector, &word(&ALICE), &amount])
    });
    refused(&native(), "value", |tx| tx.input = call(&[b"hello"]));
    refused(&erc20(), "value", |tx| tx.value = U256::from(1));
    refused(&erc20(), "to", |tx| {
        tx.to = TxKind::Call(Address::with_last_byte(4))
    });
    refused(&erc20(), "to", |tx| {
        tx.input = call(&[&selector, &word(&TOKEN), &amount])
    });
    refused(&erc20(), "to", |tx| {
        tx.input = call(&[&selector, &[0; 32], &amount])
    });
    refused(&erc20(), "amount", |tx| {
        tx.input = call(&[&selector, &word(&ALICE), &[0; 32]])
    });
    refused(&erc20(), "amount", |tx| {
        tx.input = call(&[&selector, &word(&ALICE), &[0xff; 32]])
    });
}

#[test]
fn any_other_call_is_refused() {
    let amount = U256::from(5).to_be_bytes::<32>();
    let good = fields(&erc20()).input.to_vec();
    // approve, transferFrom, increaseAllowance, upgradeTo, transferOwnership, multicall.
    for selector in [
        "095ea7b3", "23b872dd", "39509351", "3659cfe6", "f2fde38b", "ac9650d8",
    ] {
        let selector = alloy_primitives::hex::decode(selector).unwrap();
        refused(&erc20(), "data", |tx| {
            tx.input = call(&[&selector, &word(&ALICE), &amount]);
        });
    }
    for length in [1, 3, 4, 5, 36, 67] {
        refused(&erc20(), "data", |tx| {
            tx.input = good[..length].to_vec().into()
        });
    }
    for tail in [&[0_u8; 1][..], &[0; 32], b"memo"] {
        refused(&erc20(), "data", |tx| tx.input = call(&[&good, tail]));
    }
    for index in 4..16 {
        refused(&erc20(), "data", |tx| {
            let mut dirty = good.clone();
            dirty[index] = 1;
            tx.input = dirty.into();
        });
    }
}

#[test]
fn reserved_destinations_are_refused() {
    let reserved = (0..=0x11).chain([0xff, 0x100, 0xffff]);
    for number in reserved {
        let to = Address::from_slice(&U256::from(number).to_be_bytes::<32>()[12..]);
        assert!(build(&Plan { to, ..native() }).is_err(), "{to}");
        assert!(build(&Plan { to, ..erc20() }).is_err(), "{to}");
        refused(&native(), "to", |tx| tx.to = TxKind::Call(to));
    }
    assert!(
        build(&Plan {
            to: TOKEN,
            ..erc20()
        })
        .is_err()
    );
    let beyond = Address::from_slice(&U256::from(0x10000).to_be_bytes::<32>()[12..]);
    assert!(
        build(&Plan {
            to: beyond,
            ..native()
        })
        .is_ok()
    );
}

#[test]
fn a_bad_plan_is_refused_with_its_field() {
    let field = |plan: Plan| match build(&plan) {
        Err(ChainError::Malformed { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        field(Plan {
            amount: 0,
            ..native()
        }),
        "amount"
    );
    assert_eq!(
        field(Plan {
            amount: 0,
            ..erc20()
        }),
        "amount"
    );
    assert_eq!(
        field(Plan {
            chain_id: 1,
            ..native()
        }),
        "asset"
    );
    let zero = Asset::Native { chain_id: 0 };
    assert_eq!(
        field(Plan {
            chain_id: 0,
            asset: zero,
            ..native()
        }),
        "chain_id"
    );
    let no_gas = Fees {
        gas_limit: 0,
        ..native().fees
    };
    assert_eq!(
        field(Plan {
            fees: no_gas,
            ..native()
        }),
        "gas_limit"
    );
    let tip = Fees {
        max_fee_per_gas: 1,
        ..native().fees
    };
    assert_eq!(
        field(Plan {
            fees: tip,
            ..native()
        }),
        "max_priority_fee_per_gas"
    );
    assert!(
        build_cancel(&Cancel {
            sender: Address::ZERO,
            ..cancel()
        })
        .is_err()
    );
}

#[test]
fn other_types_and_encodings_are_refused() {
    let good = build(&native()).unwrap();
    let list = &good[1..];
    for kind in [0_u8, 1, 3, 4, 0x7f, 0xc0] {
        assert!(effects(&[&[kind], list].concat()).is_err(), "type {kind}");
    }
    assert!(effects(list).is_err(), "no type");
    assert!(effects(&[]).is_err());
    assert!(effects(&[2]).is_err());
    assert!(effects(&[2, 0xc0]).is_err());
    assert!(
        effects(&[&good[..], &[0]].concat()).is_err(),
        "trailing byte"
    );
    // A length in more bytes than it needs: f8 xx as f9 00 xx.
    let mut long = fields(&erc20());
    long.value = U256::ZERO;
    let bytes = encode_any(&long);
    assert_eq!(bytes[1], 0xf8);
    assert!(effects(&[&[2, 0xf9, 0], &bytes[2..]].concat()).is_err());
    // A number with a leading zero: chain id 0x827a69 as 0x83007a69.
    let at = 2;
    assert_eq!(good[at..at + 3], [0x82, 0x7a, 0x69]);
    let padded = [&good[..at], &[0x83, 0x00, 0x7a, 0x69], &good[at + 3..]].concat();
    let mut padded = padded;
    padded[1] += 1;
    assert!(effects(&padded).is_err());
    // A field more: ten of them.
    let mut ten = good.clone();
    ten[1] += 1;
    ten.push(0x80);
    assert!(effects(&ten).is_err());
    // More than any transaction of ours.
    assert!(effects(&vec![2; 2000]).is_err());
}

#[test]
fn only_the_senders_low_s_signature_is_taken() {
    let unsigned = build(&native()).unwrap();
    let sender = address(0x46);
    let signature = sign(&unsigned, 0x46);
    assert!(assemble(&unsigned, &signature, &sender).is_ok());
    let invalid = |signature: [u8; 64], sender: Address| {
        matches!(
            assemble(&unsigned, &signature, &sender),
            Err(ChainError::InvalidSignature(_))
        )
    };
    assert!(invalid(signature, address(0x47)));
    assert!(invalid([0; 64], sender));
    assert!(invalid([0xff; 64], sender));
    let order = U256::from_str_radix(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        16,
    );
    let high = order.unwrap() - U256::from_be_slice(&signature[32..]);
    let mut malleated = signature;
    malleated[32..].copy_from_slice(&high.to_be_bytes::<32>());
    assert!(invalid(malleated, sender));
    for index in 0..64 {
        let mut other = signature;
        other[index] ^= 1;
        assert!(invalid(other, sender), "byte {index}");
    }
    // An already signed payload is not signed again, and an unsigned one is not verified.
    let bytes = signed(&unsigned, 0x46);
    assert!(signing_digest(&bytes).is_err());
    assert!(assemble(&bytes, &signature, &sender).is_err());
    assert!(transaction_hash(&unsigned).is_err());
    assert!(matches!(
        verify_signed(&unsigned, &native(), &sender),
        Err(ChainError::InvalidSignature(_))
    ));
    assert!(matches!(
        verify_signed(&bytes, &native(), &ALICE),
        Err(ChainError::InvalidSignature(_))
    ));
}

#[test]
fn a_high_s_or_nobodys_signature_in_signed_bytes_is_refused() {
    let bytes = signed(&build(&native()).unwrap(), 0x46);
    let decoded = super::super::transaction::decode(&bytes).unwrap();
    let signature = decoded.signature.unwrap();
    let order = U256::from_str_radix(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        16,
    )
    .unwrap();
    let with = |r: U256, s: U256, odd: bool| {
        let mut bytes = Vec::new();
        let signature = alloy_primitives::Signature::new(r, s, odd);
        decoded.transaction.eip2718_encode(&signature, &mut bytes);
        effects(&bytes)
    };
    let (r, s, odd) = (signature.r(), signature.s(), signature.v());
    assert_eq!(with(r, s, odd).unwrap().sender, Some(address(0x46)));
    assert!(with(r, order - s, !odd).is_err(), "high s");
    assert!(with(r, U256::ZERO, odd).is_err());
    assert!(with(U256::ZERO, s, odd).is_err());
    assert!(with(order, s, odd).is_err());
    assert!(with(U256::MAX, s, odd).is_err());
    // The other parity is another key's signature, or nobody's: never ours.
    assert_ne!(
        with(r, s, !odd).ok().and_then(|found| found.sender),
        Some(address(0x46))
    );
}

#[test]
fn another_plan_is_not_the_one_that_was_signed() {
    let bytes = signed(&build(&native()).unwrap(), 0x46);
    let sender = address(0x46);
    let good = native();
    verify_signed(&bytes, &good, &sender).unwrap();
    let more_gas = Fees {
        gas_limit: 21_001,
        ..good.fees
    };
    let more_fee = Fees {
        max_fee_per_gas: good.fees.max_fee_per_gas + 1,
        ..good.fees
    };
    let more_tip = Fees {
        max_priority_fee_per_gas: good.fees.max_priority_fee_per_gas + 1,
        ..good.fees
    };
    for other in [
        Plan { nonce: 131, ..good },
        Plan {
            amount: good.amount + 1,
            ..good
        },
        Plan { to: TOKEN, ..good },
        Plan {
            chain_id: 1,
            asset: Asset::Native { chain_id: 1 },
            ..good
        },
        Plan {
            fees: more_gas,
            ..good
        },
        Plan {
            fees: more_fee,
            ..good
        },
        Plan {
            fees: more_tip,
            ..good
        },
        erc20(),
    ] {
        assert!(verify_signed(&bytes, &other, &sender).is_err(), "{other:?}");
    }
}
