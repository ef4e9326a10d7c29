//! A withdrawal in a snapshot: a record of one length, and behind it what few have.

use crate::ids::IdRef;
use crate::limits::Charges;
use crate::limits::stored::Reader;
use crate::names::Name128;
use crate::routes::RouteId;
use crate::slab::Slot;
use crate::state::{End, State};
use crate::symbols::Symbol;
use crate::ulid::Ulid;
use crate::withdrawal::{Made, Priority, Rare, Withdrawal};

/// The queue's part of a record.
pub(crate) type SeatBytes = [u8; 7];

/// The shortest record, bytes.
pub(crate) const LEAST: usize = 170;

const STATES: [State; 7] = [
    State::Held,
    State::Queued,
    State::Assigned,
    State::Posted,
    State::Voided(End::Cancelled),
    State::Voided(End::Expired),
    State::Voided(End::Refunded),
];

impl Withdrawal {
    /// Writes it, with its place.
    pub(crate) fn save(&self, slot: Slot, seat: SeatBytes, out: &mut Vec<u8>) {
        let state = STATES.iter().position(|state| *state == self.state);
        let state = u8::try_from(state.unwrap_or(usize::MAX)).unwrap_or(u8::MAX);
        let priority = u8::try_from(self.priority.number()).unwrap_or(u8::MAX);
        out.extend_from_slice(&slot.number().to_be_bytes());
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.intent_sha256);
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.customer.0);
        out.extend_from_slice(&self.destination.0);
        out.extend_from_slice(&self.amount().to_be_bytes());
        out.extend_from_slice(&self.service_fee.to_be_bytes());
        out.extend_from_slice(&self.pay_before_ms.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        for word in [
            self.leaf,
            self.route.number(),
            self.charges.number(),
            self.tag.number(),
            self.payout.number(),
        ] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&seat);
        out.extend_from_slice(&[state, priority, u8::from(self.rare.is_some())]);
        if let Some(rare) = &self.rare {
            rare.save(out);
        }
    }

    /// Reads it, with its place and the queue's part. `None` for anything else; that it fits the rest is not its to say.
    pub(crate) fn load(from: &mut Reader<'_>) -> Option<(Slot, Self, SeatBytes)> {
        let slot = Slot::from_number(from.word()?);
        let id = Ulid(from.array()?);
        let intent_sha256 = from.array()?;
        let [key, customer, destination] = [from.array()?, from.array()?, from.array()?];
        let amount = from.amount()?;
        let service_fee = from.number()?;
        let (pay_before_ms, sequence, leaf) = (from.number()?, from.number()?, from.word()?);
        let (route, charges) = (RouteId::from_number(from.word()?), from.word()?);
        let (tag, payout) = (from.word()?, Slot::from_number(from.word()?));
        let seat = from.array()?;
        let state = *STATES.get(usize::from(from.byte()?))?;
        let priority = i32::from(from.byte()?);
        let priority = Priority::from_number(priority).filter(|_| priority != 0)?;
        let is_rare = from.flag()?;
        let rare = match is_rare {
            true => Rare::load(from)?,
            false => Rare {
                service_fee: u128::from(service_fee),
                max_network_fee: None,
                attempt: 1,
                previous: IdRef::NONE,
                queued_since_ms: id.unix_ms(),
                charged_ms: id.unix_ms(),
                earliest_pass_ms: 0,
            },
        };
        amount.checked_add(rare.service_fee)?;
        let kept = is_rare.then(|| Box::new(rare.clone()));
        let mut made = Self::new(Made {
            id,
            intent_sha256,
            key: Name128(key),
            customer: Name128(customer),
            destination: Name128(destination),
            amount,
            pay_before_ms,
            sequence,
            leaf,
            route,
            charges: Charges::from_number(charges),
            tag: Symbol::from_number(tag),
            state,
            priority,
            rare,
        });
        (made.payout, made.rare) = (payout, kept);
        (made.service_fee == service_fee).then_some((slot, made, seat))
    }
}

impl Rare {
    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.service_fee.to_be_bytes());
        out.push(u8::from(self.max_network_fee.is_some()));
        out.extend_from_slice(&self.max_network_fee.unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&self.attempt.to_be_bytes());
        out.extend_from_slice(&self.previous.number().to_be_bytes());
        for number in [self.queued_since_ms, self.charged_ms, self.earliest_pass_ms] {
            out.extend_from_slice(&number.to_be_bytes());
        }
    }

    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            service_fee: from.amount()?,
            max_network_fee: {
                let (is_some, most) = (from.flag()?, from.amount()?);
                (is_some || most == 0).then(|| is_some.then_some(most))?
            },
            attempt: from.word()?,
            previous: IdRef::from_number(from.word()?),
            queued_since_ms: from.number()?,
            charged_ms: from.number()?,
            earliest_pass_ms: from.number()?,
        })
    }
}
