//! A withdrawal intent, borrowed from its body: the batch path's one pass over the bytes.

use crate::error::{Reason, WireError};
use crate::form::parse_amount;
use crate::rules::MAX_BODY;
use crate::table::INTENT;
use crate::walker::scan;

/// Who pays the network's fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeeMode {
    /// The house pool.
    House,
    /// The destination, at most `max_network_fee`.
    Deduct,
}

/// The fields of a checked `WithdrawalIntent`; amounts in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent<'a> {
    /// The initiator's id in the policy.
    pub initiator: &'a str,
    /// The initiator's own name for the withdrawal.
    pub reference: &'a str,
    /// From 1.
    pub attempt: u32,
    /// CAIP-19.
    pub asset: &'a str,
    /// Above zero.
    pub amount: u128,
    /// As written; its checksum is not looked at here.
    pub address: &'a str,
    /// Empty if absent.
    pub memo: &'a str,
    /// The pool debited.
    pub pool: &'a str,
    /// The customer's pseudonym.
    pub customer: &'a str,
    /// Empty if absent.
    pub limit_class: &'a str,
    /// Who pays the network's fee.
    pub fee_mode: FeeMode,
    /// Under DEDUCT, below `amount`; absent under HOUSE.
    pub max_network_fee: Option<u128>,
    /// What the exchange keeps; amount + service_fee fits in a u128.
    pub service_fee: u128,
    /// Intake's deadline.
    pub submit_before_unix_ms: u64,
    /// The signer's deadline, not before intake's.
    pub pay_before_unix_ms: u64,
    /// The governance sequence that routes it.
    pub routing_sequence: u64,
}

/// Checks and reads an intent without allocating.
///
/// # Errors
/// As [`crate::check`].
pub fn parse_intent(bytes: &[u8]) -> Result<Intent<'_>, WireError> {
    if bytes.len() > MAX_BODY {
        return Err(Reason::TooLarge.at("", 0));
    }
    let values = scan(&INTENT, bytes, 0)?;
    let amount = |number: u32, name: &str| {
        parse_amount(values.text(number)).ok_or_else(|| Reason::Missing.at(name, bytes.len()))
    };
    Ok(Intent {
        initiator: values.text(1),
        reference: values.text(2),
        attempt: u32::try_from(values.number(3))
            .map_err(|_| Reason::OutOfRange.at("attempt", 0))?,
        asset: values.text(4),
        amount: amount(5, "amount")?,
        address: values.text(6),
        memo: values.text(7),
        pool: values.text(8),
        customer: values.text(9),
        limit_class: values.text(10),
        fee_mode: if values.number(11) == 1 {
            FeeMode::House
        } else {
            FeeMode::Deduct
        },
        max_network_fee: if values.has(12) {
            Some(amount(12, "max_network_fee")?)
        } else {
            None
        },
        service_fee: amount(13, "service_fee")?,
        submit_before_unix_ms: values.number(14),
        pay_before_unix_ms: values.number(15),
        routing_sequence: values.number(16),
    })
}
