//! I-05: a transaction changed in one place is refused, or says that it does something else.

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::TxKind;

use super::*;

/// Counts of what became of the mutations.
#[derive(Default)]
struct Outcome {
    tried: u32,
    accepted_differently: u32,
}

/// xorshift64*: a seed gives the same run for ever.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 32) as u8
    }
}

fn mutate_bytes(chance: &mut Chance, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let at = chance.below(bytes.len());
    match chance.below(6) {
        0 => bytes[at] ^= 1 << chance.below(8),
        1 => bytes[at] = chance.byte(),
        2 => bytes.insert(at, chance.byte()),
        3 => drop(bytes.remove(at)),
        4 => {
            let other = chance.below(bytes.len());
            bytes.swap(at, other);
        }
        _ => {
            // A byte more or less, with the list's length put right.
            let value = chance.byte();
            if value.is_multiple_of(2) {
                bytes.insert(at, value);
            } else {
                bytes.remove(at);
            }
            let length = bytes.len();
            match bytes.get(1) {
                Some(0xf8) if length >= 3 => bytes[2] = (length - 3) as u8,
                Some(0xc0..=0xf7) => bytes[1] = (0xc0 + length - 2) as u8,
                _ => {}
            }
        }
    }
    bytes
}

fn mutate_field(chance: &mut Chance, good: &TxEip1559) -> TxEip1559 {
    let mut tx = good.clone();
    let bit64 = 1_u64 << chance.below(64);
    let bit128 = 1_u128 << chance.below(128);
    match chance.below(11) {
        0 => tx.chain_id ^= bit64,
        1 => tx.nonce ^= bit64,
        2 => tx.max_priority_fee_per_gas ^= bit128,
        3 => tx.max_fee_per_gas ^= bit128,
        4 => tx.gas_limit ^= bit64,
        5 => tx.value ^= U256::from(1) << chance.below(256),
        6 => tx.to = TxKind::Create,
        7 => {
            let mut to = tx.to.to().copied().unwrap_or_default();
            to.0[chance.below(20)] ^= 1 << chance.below(8);
            tx.to = TxKind::Call(to);
        }
        8 => {
            tx.access_list = AccessList(vec![AccessListItem {
                address: Address::repeat_byte(chance.byte()),
                storage_keys: vec![],
            }]);
        }
        9 => {
            let mut input = tx.input.to_vec();
            input.push(chance.byte());
            tx.input = input.into();
        }
        _ => {
            let mut input = tx.input.to_vec();
            if input.is_empty() {
                input = vec![0; 1 + chance.below(80)];
            }
            let at = chance.below(input.len());
            input[at] ^= 1 << chance.below(8);
            tx.input = input.into();
        }
    }
    tx
}

/// The unsigned bytes that the effects alone stand for.
fn rebuild(found: &Effects) -> Vec<u8> {
    match found.kind {
        Kind::Cancel => build_cancel(&Cancel {
            chain_id: found.chain_id,
            nonce: found.nonce,
            max_priority_fee_per_gas: found.fees.max_priority_fee_per_gas,
            max_fee_per_gas: found.fees.max_fee_per_gas,
            sender: found.to,
        }),
        Kind::Native | Kind::Erc20 => build(&Plan {
            chain_id: found.chain_id,
            nonce: found.nonce,
            fees: found.fees,
            asset: found.asset,
            to: found.to,
            amount: found.amount,
        }),
    }
    .unwrap()
}

fn check(outcome: &mut Outcome, good: &[u8], wanted: &Effects, mutated: &[u8]) {
    outcome.tried += 1;
    let Ok(found) = effects(mutated) else { return };
    if mutated == good {
        assert_eq!(found, *wanted);
        return;
    }
    assert_ne!(found, *wanted, "{}", alloy_primitives::hex::encode(mutated));
    // Whatever is accepted holds nothing but what its effects say.
    let unsigned = super::super::transaction::decode(mutated)
        .unwrap()
        .unsigned_bytes();
    assert_eq!(rebuild(&found), unsigned);
    outcome.accepted_differently += 1;
}

#[test]
fn no_mutation_keeps_the_effects() {
    let mut chance = Chance(0x0005_1923_0806_0605);
    let mut outcome = Outcome::default();
    let unsigned = [
        build(&native()).unwrap(),
        build(&erc20()).unwrap(),
        build_cancel(&cancel()).unwrap(),
    ];
    for good in &unsigned {
        let wanted = effects(good).unwrap();
        let transaction = super::super::transaction::decode(good).unwrap().transaction;
        for _ in 0..50_000 {
            let mutated = mutate_bytes(&mut chance, good);
            check(&mut outcome, good, &wanted, &mutated);
            let mutated = encode_any(&mutate_field(&mut chance, &transaction));
            check(&mut outcome, good, &wanted, &mutated);
        }
    }
    for good in unsigned.map(|unsigned| signed(&unsigned, 0x46)) {
        let wanted = effects(&good).unwrap();
        for _ in 0..10_000 {
            let mutated = mutate_bytes(&mut chance, &good);
            check(&mut outcome, &good, &wanted, &mutated);
        }
    }
    assert_eq!(outcome.tried, 330_000);
    // Not for want of reaching the rules: many mutations are good transactions that pay something else.
    assert!(
        outcome.accepted_differently > 50_000,
        "{}",
        outcome.accepted_differently
    );
}
