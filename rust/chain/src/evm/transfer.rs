//! Whether a receipt's logs prove a token transfer: exactly the one expected, and nothing more out of the wallet.
//!
//! Only the token's own logs are looked at. Anybody whose code runs meanwhile (a token that calls its receiver) can have
//! a contract of theirs emit whatever they like: if that undid a payment that happened, it would be paid again.

use alloy_primitives::{Address, B256, U256, b256};

/// Keccak-256 of `Transfer(address,address,uint256)`.
const TRANSFER_TOPIC: B256 =
    b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// One log of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The contract that emitted it.
    pub address: Address,
    /// Its topics.
    pub topics: Vec<B256>,
    /// Its data.
    pub data: Vec<u8>,
}

/// Whether `contract` emitted exactly one `Transfer(sender, to, amount)`, and no other Transfer of anything out of
/// `sender`. The caller checks the receipt's status.
#[must_use]
pub fn transfer_matches(
    contract: &Address,
    logs: &[Log],
    sender: &Address,
    to: &Address,
    amount: u128,
) -> bool {
    let sender = sender.into_word();
    let mut expected_seen = false;
    for log in logs {
        if log.address != *contract || log.topics.first() != Some(&TRANSFER_TOPIC) {
            continue;
        }
        let expected = log.topics == [TRANSFER_TOPIC, sender, to.into_word()]
            && log.data == U256::from(amount).to_be_bytes::<32>();
        if expected {
            if expected_seen {
                return false;
            }
            expected_seen = true;
        } else if may_leave(log, &sender) {
            return false;
        }
    }
    expected_seen
}

/// Whether a Transfer of the token may take something from the sender. One in a shape of its own (the sender not
/// indexed, say) cannot be ruled out; one of nothing takes nothing, and anybody may make it with `transferFrom`.
fn may_leave(log: &Log, sender: &B256) -> bool {
    let odd = log.topics.len() != 3 || log.data.len() != 32;
    odd || (log.topics.get(1) == Some(sender) && log.data.iter().any(|byte| *byte != 0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn log(contract: u8, from: u8, to: u8, amount: u128) -> Log {
        Log {
            address: Address::repeat_byte(contract),
            topics: vec![
                TRANSFER_TOPIC,
                Address::repeat_byte(from).into_word(),
                Address::repeat_byte(to).into_word(),
            ],
            data: U256::from(amount).to_be_bytes::<32>().to_vec(),
        }
    }

    fn matches(logs: &[Log]) -> bool {
        let address = Address::repeat_byte;
        transfer_matches(&address(0xcc), logs, &address(0x11), &address(0x22), 500)
    }

    #[test]
    fn exactly_the_expected_transfer_is_a_match() {
        let good = log(0xcc, 0x11, 0x22, 500);
        let other = Log {
            address: Address::repeat_byte(0xcc),
            topics: vec![B256::repeat_byte(9)],
            data: vec![],
        };
        assert!(matches(std::slice::from_ref(&good)));
        assert!(matches(&[
            other,
            good.clone(),
            log(0xcc, 0x33, 0x44, 1),
            log(0xdd, 0x33, 0x11, 1)
        ]));
    }

    #[test]
    fn none_another_or_a_second_one_is_not() {
        let good = log(0xcc, 0x11, 0x22, 500);
        assert!(!matches(&[]));
        assert!(!matches(&[good.clone(), good.clone()]));
        for wrong in [
            log(0xcd, 0x11, 0x22, 500),
            log(0xcc, 0x12, 0x22, 500),
            log(0xcc, 0x11, 0x23, 500),
            log(0xcc, 0x11, 0x22, 499),
        ] {
            assert!(!matches(std::slice::from_ref(&wrong)));
        }
        // A fee taken on the way, from the sender.
        assert!(!matches(&[good.clone(), log(0xcc, 0x11, 0x99, 1)]));
        assert!(!matches(&[log(0xcc, 0x11, 0x99, 1), good]));
    }

    #[test]
    fn what_others_can_have_emitted_does_not_undo_a_payment() {
        let good = log(0xcc, 0x11, 0x22, 500);
        // The receiver's own contract says that our wallet paid somebody, or paid twice, in whatever shape.
        let mut unindexed = log(0xdd, 0x11, 0x99, 1);
        unindexed.topics.truncate(1);
        for fake in [
            log(0xdd, 0x11, 0x99, 1),
            log(0xdd, 0x11, 0x22, 500),
            unindexed,
            // transferFrom(sender, anybody, 0) needs no allowance.
            log(0xcc, 0x11, 0x99, 0),
        ] {
            assert!(matches(&[good.clone(), fake.clone()]), "{fake:?}");
            assert!(matches(&[fake.clone(), good.clone()]), "{fake:?}");
            assert!(!matches(std::slice::from_ref(&fake)), "{fake:?}");
        }
    }

    #[test]
    fn a_transfer_in_another_shape_is_not() {
        let good = log(0xcc, 0x11, 0x22, 500);
        let mut unindexed = good.clone();
        unindexed.data = [unindexed.topics.split_off(1).concat(), good.data.clone()].concat();
        let mut extra = good.clone();
        extra.topics.push(B256::ZERO);
        let mut long = good.clone();
        long.data.push(0);
        let mut dirty = good.clone();
        dirty.topics.get_mut(2).unwrap().0[0] = 1;
        for odd in [unindexed, extra, long, dirty] {
            assert!(!matches(std::slice::from_ref(&odd)), "{odd:?}");
            assert!(!matches(&[good.clone(), odd]));
        }
    }
}
