//! A withdrawal's states in the ledger, and the one table of every legal transition.

/// Where a withdrawal is, as far as the ledger is concerned; the payout's own states are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Held in its pool; waits for a quorum.
    Held,
    /// Held in its pool; waits for a payout.
    Queued,
    /// Bound to a payout, which may be signed at any moment.
    Assigned,
    /// Paid for good.
    Posted,
    /// Ended unpaid; the hold went back.
    Voided(End),
}

/// How a withdrawal ended unpaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// On request, before it was signed.
    Cancelled,
    /// By time, before it was signed.
    Expired,
    /// Its final transaction did not pay.
    Refunded,
}

/// What happens to a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A quorum released it.
    Release,
    /// It ends before it was signed.
    Void(End),
    /// A payout takes it.
    Assign,
    /// The payout was given up before it could be signed.
    Unassign,
    /// The payout is final and paid.
    Post,
    /// The payout is final and did not pay.
    Fail,
}

/// Every legal transition; nothing else changes a state.
pub const TRANSITIONS: &[(State, Event, State)] = &[
    (State::Held, Event::Release, State::Queued),
    (
        State::Held,
        Event::Void(End::Cancelled),
        State::Voided(End::Cancelled),
    ),
    (
        State::Held,
        Event::Void(End::Expired),
        State::Voided(End::Expired),
    ),
    (
        State::Queued,
        Event::Void(End::Cancelled),
        State::Voided(End::Cancelled),
    ),
    (
        State::Queued,
        Event::Void(End::Expired),
        State::Voided(End::Expired),
    ),
    (State::Queued, Event::Assign, State::Assigned),
    (State::Assigned, Event::Unassign, State::Queued),
    (State::Assigned, Event::Post, State::Posted),
    (State::Assigned, Event::Fail, State::Voided(End::Refunded)),
];

impl State {
    /// The state after `event`, when the table has it.
    #[must_use]
    pub fn after(self, event: Event) -> Option<Self> {
        TRANSITIONS
            .iter()
            .find(|(from, on, _)| *from == self && *on == event)
            .map(|(_, _, to)| *to)
    }

    /// The name in DESIGN's words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Queued => "QUEUED",
            Self::Assigned => "ASSIGNED",
            Self::Posted => "POSTED",
            Self::Voided(_) => "VOIDED",
        }
    }
}

impl End {
    /// The name in DESIGN's words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
            Self::Refunded => "REFUNDED",
        }
    }

    /// The end with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Cancelled, Self::Expired, Self::Refunded]
            .into_iter()
            .find(|end| end.name() == name)
    }

    /// `WithdrawalEnd`'s number.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Cancelled => 1,
            Self::Expired => 2,
            Self::Refunded => 3,
        }
    }

    /// The end with this number.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::Cancelled, Self::Expired, Self::Refunded]
            .into_iter()
            .find(|end| end.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 7] = [
        State::Held,
        State::Queued,
        State::Assigned,
        State::Posted,
        State::Voided(End::Cancelled),
        State::Voided(End::Expired),
        State::Voided(End::Refunded),
    ];

    #[test]
    fn ends_are_final_and_each_event_has_at_most_one_outcome() {
        for (index, (from, event, _)) in TRANSITIONS.iter().enumerate() {
            assert!(
                !matches!(from, State::Posted | State::Voided(_)),
                "{from:?} is an end"
            );
            assert!(
                !TRANSITIONS
                    .iter()
                    .skip(index + 1)
                    .any(|(f, e, _)| f == from && e == event)
            );
        }
    }

    #[test]
    fn nothing_that_may_be_signed_is_ever_cancelled_or_expired() {
        for end in [End::Cancelled, End::Expired, End::Refunded] {
            assert_eq!(State::Assigned.after(Event::Void(end)), None);
        }
        for state in STATES {
            assert_eq!(
                state.after(Event::Void(End::Refunded)),
                None,
                "refunded only by a final transaction"
            );
        }
    }
}
