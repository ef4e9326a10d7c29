//! What was planned is what the bytes say.

use proptest::prelude::*;

use super::*;

prop_compose! {
    fn plans()(
        chain_id in 1..=u64::MAX,
        nonce in prop_oneof![0..300_u64, 0..u64::MAX],
        (priority, fee) in (0..=u64::MAX, 0..=u64::MAX),
        gas_limit in 1..=u64::MAX,
        contract in proptest::option::of(any::<[u8; 20]>()),
        to in any::<[u8; 20]>(),
        amount in prop_oneof![1..300_u128, 1..=u128::MAX],
    ) -> Plan {
        Plan {
            chain_id,
            nonce,
            fees: Fees {
                max_priority_fee_per_gas: priority.min(fee).into(),
                max_fee_per_gas: priority.max(fee).into(),
                gas_limit,
            },
            asset: match contract {
                None => Asset::Native { chain_id },
                Some(contract) => Asset::Erc20 { chain_id, contract: contract.into() },
            },
            to: to.into(),
            amount,
        }
    }
}

fn expected(plan: &Plan) -> Effects {
    Effects {
        chain_id: plan.chain_id,
        nonce: plan.nonce,
        kind: match plan.asset {
            Asset::Native { .. } => Kind::Native,
            Asset::Erc20 { .. } => Kind::Erc20,
        },
        asset: plan.asset,
        to: plan.to,
        amount: plan.amount,
        fees: plan.fees,
        max_fee: u128::from(plan.fees.gas_limit) * plan.fees.max_fee_per_gas,
        sender: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn effects_are_the_plan(plan in plans(), key in 1..=200_u8) {
        let unsigned = build(&plan).unwrap();
        prop_assert_eq!(effects(&unsigned).unwrap(), expected(&plan));
        let bytes = signed(&unsigned, key);
        let sender = address(key);
        prop_assert_eq!(effects(&bytes).unwrap(), Effects { sender: Some(sender), ..expected(&plan) });
        verify_signed(&bytes, &plan, &sender).unwrap();
        prop_assert_eq!(transaction_hash(&bytes).unwrap(), keccak256(&bytes).0);
        prop_assert_eq!(signing_digest(&unsigned).unwrap(), keccak256(&unsigned).0);
    }

    #[test]
    fn no_bytes_at_all_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = effects(&bytes);
        let _ = effects(&[&[2], bytes.as_slice()].concat());
    }
}

#[test]
fn a_cancel_pays_nobody() {
    let cancel = cancel();
    let unsigned = build_cancel(&cancel).unwrap();
    let bytes = signed(&unsigned, 0x46);
    let found = effects(&bytes).unwrap();
    assert_eq!(found.kind, Kind::Cancel);
    assert_eq!(found.amount, 0);
    assert_eq!(found.fees.gas_limit, 21_000);
    assert_eq!(
        (found.to, found.sender),
        (cancel.sender, Some(cancel.sender))
    );
    verify_assembled(&bytes, &unsigned, &cancel.sender).unwrap();
    // The wallet's own address is the only one that may sign it.
    let other = assemble(&unsigned, &sign(&unsigned, 0x47), &address(0x47));
    assert!(
        matches!(other, Err(crate::ChainError::InvalidSignature(_))),
        "{other:?}"
    );
}

#[test]
fn a_payment_and_its_cancel_share_their_conflict_key() {
    let paid = effects(&signed(&build(&native()).unwrap(), 0x46)).unwrap();
    let token = effects(&signed(&build(&erc20()).unwrap(), 0x46)).unwrap();
    let ended = effects(&signed(&build_cancel(&cancel()).unwrap(), 0x46)).unwrap();
    let key = format!("eip155:31337:{}:130", checksum(&address(0x46)));
    for effects in [paid, token, ended] {
        assert_eq!(effects.conflict_key(), key);
    }
    assert_eq!(
        effects(&build(&native()).unwrap()).unwrap().conflict_key(),
        "eip155:31337:?:130"
    );
}
