//! Orders and pending legs in a snapshot.

use super::{Answered, LegKey, Outcome, Pending, TransferBook, is_leg_of, order_key};
use crate::books::Posting;
use crate::limits::stored::{Reader, Writer};
use crate::names::Name128;
use crate::symbols::Symbols;
use crate::transfers::status::{LegState, TransferStatus};
use crate::transfers::walk::transfer;

const STATES: [LegState; 6] = [
    LegState::Moved,
    LegState::Resolves,
    LegState::Pending,
    LegState::Posted,
    LegState::Voided,
    LegState::Expired,
];

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let place = all.iter().position(|each| each == one);
    u8::try_from(place.unwrap_or(usize::MAX)).unwrap_or(u8::MAX)
}

impl TransferBook {
    /// Gives each order to `item`.
    pub(crate) fn save_answered(&self, mut item: impl FnMut(&dyn Fn(&mut Writer<'_>))) {
        for (key, answered) in &self.answered {
            item(&|out| {
                (out.0)(&key.0);
                (out.0)(&answered.body_sha256);
                match &answered.outcome {
                    Outcome::Taken(legs) => {
                        out.byte(0);
                        out.length(legs.len());
                        legs.iter().for_each(|leg| out.byte(place(&STATES, leg)));
                    }
                    Outcome::Refused { legs, leg, status } => {
                        out.byte(1);
                        out.word(*legs);
                        out.word(*leg);
                        out.byte(place(&TransferStatus::ALL, status));
                    }
                }
            });
        }
    }

    /// Gives each pending leg to `item`.
    pub(crate) fn save_pending(&self, mut item: impl FnMut(&dyn Fn(&mut Writer<'_>))) {
        for (key, pending) in &self.pending {
            item(&|out| {
                out.word(key.1);
                out.text(&pending.initiator);
                out.text(&pending.reference);
                for symbol in [pending.asset, pending.from, pending.to] {
                    out.word(symbol.number());
                }
                out.amount(pending.amount);
                out.number(pending.expires_ms);
            });
        }
    }

    /// Reads one order.
    pub(crate) fn load_answered(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let (key, body_sha256) = (Name128(from.array()?), from.array()?);
        let outcome = match from.byte()? {
            0 => {
                let legs = from.list(|from| STATES.get(usize::from(from.byte()?)).copied())?;
                (!legs.is_empty()).then(|| Outcome::Taken(legs.into_boxed_slice()))?
            }
            1 => {
                let (legs, leg) = (from.word()?, from.word()?);
                let status = *TransferStatus::ALL.get(usize::from(from.byte()?))?;
                let fits = is_leg_of(leg, legs) && status.is_remembered();
                fits.then_some(Outcome::Refused { legs, leg, status })?
            }
            _ => return None,
        };
        let answered = Answered {
            body_sha256,
            outcome,
        };
        self.answered.insert(key, answered).is_none().then_some(())
    }

    /// Reads one pending leg, after all orders.
    pub(crate) fn load_pending(&mut self, from: &mut Reader<'_>, symbols: &Symbols) -> Option<()> {
        let (leg, initiator, reference) = (from.word()?, from.text()?, from.text()?);
        let key = LegKey(order_key(&initiator, &reference), leg);
        let pending = Pending {
            initiator,
            reference,
            asset: symbols.named(from.word()?)?,
            from: symbols.named(from.word()?)?,
            to: symbols.named(from.word()?)?,
            amount: from.amount()?,
            expires_ms: from.number()?,
        };
        let fits = self.state(&key) == Some(LegState::Pending)
            && pending.amount > 0
            && pending.from != pending.to;
        fits.then_some(())?;
        self.deadlines.insert((pending.expires_ms, key));
        self.pending.insert(key, pending).is_none().then_some(())
    }

    /// Whether every leg that is said to be pending is there.
    pub(crate) fn is_whole(&self) -> bool {
        let legs = self.answered.values().map(|each| match &each.outcome {
            Outcome::Taken(legs) => legs.iter().filter(|leg| **leg == LegState::Pending).count(),
            Outcome::Refused { .. } => 0,
        });
        legs.fold(0_usize, usize::saturating_add) == self.pending.len()
    }

    /// What is reserved for pending legs.
    pub(crate) fn reserved(&self, posting: &mut Posting) {
        for pending in self.pending.values() {
            posting.pended(&transfer(pending));
        }
    }
}
