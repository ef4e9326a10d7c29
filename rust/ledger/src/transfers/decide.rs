//! What an order is answered, before anything of it happens.

use crate::books::{Account, Books, Draft, Pools};
use crate::error::LedgerError;
use crate::fact::Fact;
use crate::submission::Remedy;
use crate::symbols::Symbols;
use crate::transfers::book::{TransferBook, order_key, refused};
use crate::transfers::order::{MAX_LEGS, TransferLeg, TransferOrder, TransferRefusal};
use crate::transfers::status::TransferStatus;
use crate::transfers::walk::Walk;

/// What is answered to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferAnswer {
    /// One for each leg, in order.
    pub statuses: Vec<TransferStatus>,
    /// What is to be applied and remembered; none when nothing changes.
    pub fact: Option<Box<Fact>>,
    /// Whether it was answered before: the first answer stands.
    pub is_repeat: bool,
}

impl TransferAnswer {
    /// What the client may do: of the leg that was refused, since the others follow it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        let mut statuses = self.statuses.iter();
        let telling = statuses.find(|status| **status != TransferStatus::Linked);
        telling.map_or(Remedy::Never, |status| status.remedy())
    }
}

/// The state that an order is decided on.
pub(crate) struct Around<'a> {
    pub books: &'a Books,
    pub symbols: &'a Symbols,
    pub pools: &'a Pools,
    pub transfers: &'a TransferBook,
    pub intake_halted: bool,
    pub asset_halted: &'a dyn Fn(&str) -> bool,
    pub now_ms: u64,
}

impl Around<'_> {
    /// One status for each leg, in the order of precedence of `TransferStatus`.
    ///
    /// # Errors
    /// `Malformed`: it has no reference, or no legs, or too many.
    pub fn decide(&self, order: TransferOrder) -> Result<TransferAnswer, LedgerError> {
        let count = order.legs.len();
        if order.initiator.is_empty() || order.reference.is_empty() {
            return Err(LedgerError::malformed("reference", "is required"));
        }
        if count == 0 || count > MAX_LEGS {
            let reason = format!("{count} of 1 to {MAX_LEGS}");
            return Err(LedgerError::malformed("legs", reason));
        }
        let legs = u32::try_from(count).unwrap_or(u32::MAX);
        let nothing = |statuses| TransferAnswer {
            statuses,
            fact: None,
            is_repeat: false,
        };
        let key = order_key(&order.initiator, &order.reference);
        if let Some(before) = self.transfers.answered(&key) {
            return Ok(match before.body_sha256 == order.body_sha256 {
                true => TransferAnswer {
                    statuses: before.outcome.statuses(),
                    fact: None,
                    is_repeat: true,
                },
                false => nothing(vec![TransferStatus::IdReused; count]),
            });
        }
        for (leg, each) in (1..).zip(&order.legs) {
            if let Err(status) = self.form(&order, each) {
                return Ok(nothing(refused(legs, leg, status)));
            }
        }
        if order.submit_before_ms <= self.now_ms {
            return Ok(nothing(vec![TransferStatus::TooLate; count]));
        }
        if self.intake_halted {
            return Ok(nothing(vec![TransferStatus::IntakeHalted; count]));
        }
        if let Some(leg) = self.halted_leg(&order) {
            return Ok(nothing(refused(legs, leg, TransferStatus::AssetHalted)));
        }
        let Some((leg, status)) = self.walk(&order) else {
            return Ok(TransferAnswer {
                statuses: vec![TransferStatus::Done; count],
                fact: Some(Box::new(Fact::Transferred(order))),
                is_repeat: false,
            });
        };
        let refusal = TransferRefusal {
            initiator: order.initiator,
            reference: order.reference,
            body_sha256: order.body_sha256,
            legs,
            leg,
            status,
        };
        Ok(TransferAnswer {
            statuses: refused(legs, leg, status),
            fact: Some(Box::new(Fact::TransferRefused(refusal))),
            is_repeat: false,
        })
    }

    /// What the bytes and the policy alone say of a leg.
    fn form(&self, order: &TransferOrder, leg: &TransferLeg) -> Result<(), TransferStatus> {
        let amount = match leg {
            TransferLeg::Move(terms) | TransferLeg::Pend { terms, .. } => terms.amount,
            TransferLeg::Post { amount, .. } => *amount,
            TransferLeg::Void { .. } => return Ok(()),
        };
        require(amount > 0, TransferStatus::AmountZero)?;
        let Some(terms) = leg.terms() else {
            return Ok(());
        };
        require(terms.from != terms.to, TransferStatus::SamePool)?;
        if let TransferLeg::Pend { expires_ms, .. } = leg {
            let later = *expires_ms > order.submit_before_ms;
            require(later, TransferStatus::Expiry)?;
        }
        let known = |name: &str| self.pools.get(self.symbols.find(name)).is_some();
        require(
            known(&terms.from) && known(&terms.to),
            TransferStatus::PoolUnknown,
        )
    }

    /// The first leg whose asset is halted; of one that posts or voids, the asset of what is pending.
    fn halted_leg(&self, order: &TransferOrder) -> Option<u32> {
        let halted = |leg: &TransferLeg| match leg {
            TransferLeg::Move(terms) | TransferLeg::Pend { terms, .. } => {
                (self.asset_halted)(&terms.asset)
            }
            TransferLeg::Post { pending, .. } | TransferLeg::Void { pending } => self
                .transfers
                .pending_named(&order.initiator, pending)
                .is_some_and(|found| (self.asset_halted)(self.symbols.name(found.asset))),
        };
        (1..)
            .zip(&order.legs)
            .find(|(_, leg)| halted(leg))
            .map(|(number, _)| number)
    }

    /// The first leg that cannot be, after those before it.
    fn walk(&self, order: &TransferOrder) -> Option<(u32, TransferStatus)> {
        let mut walk = Walk::new(self.transfers, order);
        let mut draft = Draft::default();
        for (number, leg) in (1..).zip(&order.legs) {
            if let Err(status) = self.step(&mut walk, &mut draft, leg) {
                return Some((number, status));
            }
        }
        None
    }

    fn step<'a>(
        &self,
        walk: &mut Walk<'a>,
        draft: &mut Draft,
        leg: &'a TransferLeg,
    ) -> Result<(), TransferStatus> {
        let mut find = |name: &str| self.symbols.find(name);
        let entered = walk.posting.entries().len();
        walk.step(leg, Some(self.now_ms), &mut find)?;
        if let Some(terms) = leg.terms() {
            let from = Account::Pool(self.symbols.find(&terms.from));
            let balance = draft.balance(self.books, self.symbols.find(&terms.asset), from);
            let enough = balance
                .available(false)
                .is_some_and(|has| has >= terms.amount);
            require(enough, TransferStatus::InsufficientFunds)?;
        }
        for entry in walk.posting.entries().iter().skip(entered) {
            draft
                .enter(self.books, entry)
                .map_err(|_| TransferStatus::Overflow)?;
        }
        Ok(())
    }
}

fn require(holds: bool, otherwise: TransferStatus) -> Result<(), TransferStatus> {
    if holds { Ok(()) } else { Err(otherwise) }
}
