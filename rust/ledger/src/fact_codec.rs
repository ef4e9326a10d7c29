//! Facts to and from their stored form, `custody.api.journal.v1.LedgerFact`.

use custody_wire::messages::journal::v1 as stored;
use custody_wire::parse_amount;
use prost::Message;
use stored::ledger_fact::Fact as Stored;

use crate::error::LedgerError;
use crate::fact::{Assignment, Fact, PayoutTerms, SweepTerms};
use crate::forget::{Forgotten, ForgottenAttempt};
use crate::halts::Scope;
use crate::names::Name128;
use crate::state::{End, State};
use crate::transfers::codec;
use crate::ulid::Ulid;

impl Fact {
    /// The stored bytes; `None` for intake's facts, which are stored packed beside their intents.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let fact = match self.clone() {
            Self::Submitted(_) => return None,
            Self::Opened {
                wallet,
                asset,
                amount,
                pool,
            } => Stored::Opened(stored::BalanceOpened {
                wallet,
                asset,
                amount: amount.to_string(),
                pool,
            }),
            Self::Released(ids) => Stored::Released(stored::HoldsReleased {
                withdrawal_ids: ids.iter().map(|id| id.0.to_vec()).collect(),
            }),
            Self::Voided { id, end } => Stored::Voided(stored::HoldVoided {
                withdrawal_id: id.0.to_vec(),
                end: end.number(),
            }),
            Self::Assigned(terms) => Stored::Assigned(stored::PayoutAssigned {
                payout_id: terms.payout,
                wallet: terms.wallet,
                items: terms.items.iter().map(assigned).collect(),
                fee_asset: terms.fee_asset,
                fee_reserved: terms.fee_reserved.to_string(),
            }),
            Self::Unassigned { payout } => {
                Stored::Unassigned(stored::PayoutUnassigned { payout_id: payout })
            }
            Self::Posted { payout, fee_paid } => Stored::Posted(stored::PayoutPosted {
                payout_id: payout,
                fee_paid: fee_paid.to_string(),
            }),
            Self::Failed { payout, fee_paid } => Stored::Failed(stored::PayoutFailed {
                payout_id: payout,
                fee_paid: fee_paid.to_string(),
            }),
            Self::SweepDeparted(terms) => Stored::SweepDeparted(stored::SweepDeparted {
                leg_id: terms.leg,
                from_wallet: terms.from_wallet,
                to_wallet: terms.to_wallet,
                asset: terms.asset,
                amount: terms.amount.to_string(),
                fee_asset: terms.fee_asset,
                fee_cap: terms.fee_cap.to_string(),
            }),
            Self::SweepArrived { leg, fee_paid } => Stored::SweepArrived(stored::SweepArrived {
                leg_id: leg,
                fee_paid: fee_paid.to_string(),
            }),
            Self::SweepFailed { leg, fee_paid } => Stored::SweepFailed(stored::SweepFailed {
                leg_id: leg,
                fee_paid: fee_paid.to_string(),
            }),
            Self::Deposited(deposit) => codec::deposited(deposit),
            Self::Transferred(order) => codec::transferred(order),
            Self::TransferRefused(refusal) => codec::refused(refusal),
            Self::TransferExpired { initiator, pending } => codec::expired(initiator, pending),
            Self::SurplusFound(surplus) => codec::surplus(surplus),
            Self::SuspenseReleased(release) => codec::released(release),
            Self::Halted { halt, scopes } => Stored::Halted(stored::ScopesHalted {
                halt_id: halt,
                scopes: scopes.iter().map(Scope::to_string).collect(),
            }),
            Self::Resumed { halt } => Stored::Resumed(stored::ScopesResumed { halt_id: halt }),
            Self::IdsForgotten(references) => Stored::IdsForgotten(stored::IdsForgotten {
                references: references.iter().map(forgotten).collect(),
            }),
        };
        Some(stored::LedgerFact { fact: Some(fact) }.encode_to_vec())
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let fact = stored::LedgerFact::decode(bytes)
            .map_err(|error| LedgerError::malformed("fact", error.to_string()))?;
        Ok(
            match fact
                .fact
                .ok_or_else(|| LedgerError::malformed("fact", "says nothing"))?
            {
                Stored::Opened(f) => Self::Opened {
                    amount: amount("amount", &f.amount)?,
                    wallet: f.wallet,
                    asset: f.asset,
                    pool: f.pool,
                },
                Stored::Released(f) => Self::Released(
                    f.withdrawal_ids
                        .iter()
                        .map(|id| ulid(id))
                        .collect::<Result<_, _>>()?,
                ),
                Stored::Voided(f) => Self::Voided {
                    id: ulid(&f.withdrawal_id)?,
                    end: End::from_number(f.end)
                        .ok_or_else(|| LedgerError::malformed("end", "is not known"))?,
                },
                Stored::Assigned(f) => Self::Assigned(PayoutTerms {
                    items: f.items.iter().map(assignment).collect::<Result<_, _>>()?,
                    fee_reserved: amount("fee_reserved", &f.fee_reserved)?,
                    payout: f.payout_id,
                    wallet: f.wallet,
                    fee_asset: f.fee_asset,
                }),
                Stored::Unassigned(f) => Self::Unassigned {
                    payout: f.payout_id,
                },
                Stored::Posted(f) => Self::Posted {
                    fee_paid: amount("fee_paid", &f.fee_paid)?,
                    payout: f.payout_id,
                },
                Stored::Failed(f) => Self::Failed {
                    fee_paid: amount("fee_paid", &f.fee_paid)?,
                    payout: f.payout_id,
                },
                Stored::SweepDeparted(f) => Self::SweepDeparted(SweepTerms {
                    amount: amount("amount", &f.amount)?,
                    fee_cap: amount("fee_cap", &f.fee_cap)?,
                    leg: f.leg_id,
                    from_wallet: f.from_wallet,
                    to_wallet: f.to_wallet,
                    asset: f.asset,
                    fee_asset: f.fee_asset,
                }),
                Stored::SweepArrived(f) => Self::SweepArrived {
                    fee_paid: amount("fee_paid", &f.fee_paid)?,
                    leg: f.leg_id,
                },
                Stored::SweepFailed(f) => Self::SweepFailed {
                    fee_paid: amount("fee_paid", &f.fee_paid)?,
                    leg: f.leg_id,
                },
                Stored::Deposited(f) => Self::Deposited(codec::read_deposited(f)?),
                Stored::Transferred(f) => Self::Transferred(codec::read_transferred(f)?),
                Stored::TransferRefused(f) => Self::TransferRefused(codec::read_refused(f)?),
                Stored::TransferExpired(f) => {
                    let (initiator, pending) = codec::read_expired(f);
                    Self::TransferExpired { initiator, pending }
                }
                Stored::SurplusFound(f) => Self::SurplusFound(codec::read_surplus(f)?),
                Stored::SuspenseReleased(f) => Self::SuspenseReleased(codec::read_released(f)?),
                Stored::Halted(f) => Self::Halted {
                    scopes: f
                        .scopes
                        .iter()
                        .map(|scope| Scope::parse(scope))
                        .collect::<Result<_, _>>()?,
                    halt: f.halt_id,
                },
                Stored::Resumed(f) => Self::Resumed { halt: f.halt_id },
                Stored::IdsForgotten(f) => Self::IdsForgotten(
                    f.references
                        .iter()
                        .map(reference)
                        .collect::<Result<_, _>>()?,
                ),
            },
        )
    }
}

fn assigned(item: &Assignment) -> stored::AssignedWithdrawal {
    stored::AssignedWithdrawal {
        withdrawal_id: item.id.0.to_vec(),
        net_amount: item.net_amount.to_string(),
        fee_charged: item.fee_charged.to_string(),
    }
}

fn assignment(item: &stored::AssignedWithdrawal) -> Result<Assignment, LedgerError> {
    Ok(Assignment {
        id: ulid(&item.withdrawal_id)?,
        net_amount: amount("net_amount", &item.net_amount)?,
        fee_charged: amount("fee_charged", &item.fee_charged)?,
    })
}

fn forgotten(reference: &Forgotten) -> stored::ForgottenReference {
    let attempt = |each: &ForgottenAttempt| stored::ForgottenAttempt {
        attempt: each.attempt,
        sequence: each.sequence,
        leaf: each.leaf,
        state: i32::from(match each.state {
            None => stored::ForgottenState::Rejected,
            Some(State::Posted) => stored::ForgottenState::Posted,
            Some(State::Voided(End::Cancelled)) => stored::ForgottenState::Cancelled,
            Some(State::Voided(End::Expired)) => stored::ForgottenState::Expired,
            Some(State::Voided(End::Refunded)) => stored::ForgottenState::Refunded,
            // Open ones are never forgotten.
            Some(State::Held | State::Queued | State::Assigned) => {
                stored::ForgottenState::Unspecified
            }
        }),
    };
    stored::ForgottenReference {
        key: reference.key.0.to_vec(),
        attempts: reference.attempts.iter().map(attempt).collect(),
    }
}

fn reference(stored: &stored::ForgottenReference) -> Result<Forgotten, LedgerError> {
    let key = stored.key.as_slice().try_into();
    let key = key.map_err(|_| LedgerError::malformed("key", "must have 16 bytes"))?;
    let attempt = |each: &stored::ForgottenAttempt| {
        Ok(ForgottenAttempt {
            attempt: each.attempt,
            sequence: each.sequence,
            leaf: each.leaf,
            state: forgotten_state(each.state)?,
        })
    };
    Ok(Forgotten {
        key: Name128(key),
        attempts: stored
            .attempts
            .iter()
            .map(attempt)
            .collect::<Result<_, LedgerError>>()?,
    })
}

/// How a forgotten attempt ended, by `ForgottenState`'s number; none for a refusal.
///
/// # Errors
/// `Malformed`.
pub fn forgotten_state(number: i32) -> Result<Option<State>, LedgerError> {
    use stored::ForgottenState as Number;
    match Number::try_from(number) {
        Ok(Number::Rejected) => Ok(None),
        Ok(Number::Posted) => Ok(Some(State::Posted)),
        Ok(Number::Cancelled) => Ok(Some(State::Voided(End::Cancelled))),
        Ok(Number::Expired) => Ok(Some(State::Voided(End::Expired))),
        Ok(Number::Refunded) => Ok(Some(State::Voided(End::Refunded))),
        Ok(Number::Unspecified) | Err(_) => Err(LedgerError::malformed("state", "is not known")),
    }
}

pub(crate) fn amount(field: &str, text: &str) -> Result<u128, LedgerError> {
    parse_amount(text)
        .ok_or_else(|| LedgerError::malformed(field, "is not a decimal of at most 128 bits"))
}

fn ulid(bytes: &[u8]) -> Result<Ulid, LedgerError> {
    Ulid::from_slice(bytes)
        .ok_or_else(|| LedgerError::malformed("withdrawal_id", "must have 16 bytes"))
}
