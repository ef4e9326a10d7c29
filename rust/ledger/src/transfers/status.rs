//! The one status of each leg, in order of precedence, and the table of what may become of a pending one.

use crate::submission::Remedy;
use crate::tags;

/// What is said of one leg: the first of these that applies, in this order. The legs are looked at one after the other,
/// each seeing what those before it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransferStatus {
    /// Another body came first under this initiator and reference. Said of every leg.
    IdReused,
    /// The amount is zero.
    AmountZero,
    /// It would move from a pool to itself.
    SamePool,
    /// It would expire no later than it may be taken.
    Expiry,
    /// The policy has no such pool.
    PoolUnknown,
    /// `submit_before` has passed. Said of every leg.
    TooLate,
    /// A halt covers intake. Said of every leg.
    IntakeHalted,
    /// A halt covers its asset.
    AssetHalted,
    /// The initiator has no such leg.
    PendingUnknown,
    /// That leg was never pending: it moved at once, or it posts or voids another.
    NotPending,
    /// It was posted before.
    AlreadyPosted,
    /// It was voided before.
    AlreadyVoided,
    /// Its time has passed.
    Expired,
    /// More than is pending.
    ExceedsPending,
    /// The pool has less available.
    InsufficientFunds,
    /// A sum would exceed 2^128 - 1.
    Overflow,
    /// Another leg of the order was refused.
    Linked,
    /// It happened.
    Done,
}

impl TransferStatus {
    /// All of them, in order of precedence.
    pub const ALL: [Self; 18] = [
        Self::IdReused,
        Self::AmountZero,
        Self::SamePool,
        Self::Expiry,
        Self::PoolUnknown,
        Self::TooLate,
        Self::IntakeHalted,
        Self::AssetHalted,
        Self::PendingUnknown,
        Self::NotPending,
        Self::AlreadyPosted,
        Self::AlreadyVoided,
        Self::Expired,
        Self::ExceedsPending,
        Self::InsufficientFunds,
        Self::Overflow,
        Self::Linked,
        Self::Done,
    ];

    /// Its tag; empty when it happened.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::IdReused => tags::ID_REUSED,
            Self::AmountZero => tags::TRANSFER_AMOUNT,
            Self::SamePool => tags::TRANSFER_SAME_POOL,
            Self::Expiry => tags::TRANSFER_EXPIRY,
            Self::PoolUnknown => tags::POOL_UNKNOWN,
            Self::TooLate => tags::INTENT_TOO_LATE,
            Self::IntakeHalted => tags::HALT_INTAKE,
            Self::AssetHalted => tags::HALTED,
            Self::PendingUnknown => tags::TRANSFER_PENDING_UNKNOWN,
            Self::NotPending => tags::TRANSFER_NOT_PENDING,
            Self::AlreadyPosted => tags::TRANSFER_ALREADY_POSTED,
            Self::AlreadyVoided => tags::TRANSFER_ALREADY_VOIDED,
            Self::Expired => tags::TRANSFER_EXPIRED,
            Self::ExceedsPending => tags::TRANSFER_EXCEEDS_PENDING,
            Self::InsufficientFunds => tags::INSUFFICIENT_FUNDS,
            Self::Overflow => tags::OVERFLOW,
            Self::Linked => tags::TRANSFER_LINKED,
            Self::Done => "",
        }
    }

    /// The status of a tag.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.tag() == tag)
    }

    /// Whether an order refused for it stays refused, whatever comes later: a client that gave up on it and asked again
    /// under another reference never gets both.
    #[must_use]
    pub fn is_remembered(self) -> bool {
        matches!(
            self,
            Self::PendingUnknown
                | Self::NotPending
                | Self::AlreadyPosted
                | Self::AlreadyVoided
                | Self::Expired
                | Self::ExceedsPending
                | Self::InsufficientFunds
                | Self::Overflow
        )
    }

    /// What the client may do.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Done => Remedy::None,
            Self::IntakeHalted | Self::AssetHalted => Remedy::RetrySame,
            Self::AmountZero
            | Self::SamePool
            | Self::Expiry
            | Self::PoolUnknown
            | Self::TooLate => Remedy::Fix,
            // Asking again takes a new reference. Of a linked leg the refused one's remedy is to be followed.
            _ => Remedy::Never,
        }
    }
}

/// What became of a leg that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LegState {
    /// Moved at once.
    Moved,
    /// Posted or voided another.
    Resolves,
    /// Reserved.
    Pending,
    /// Moved, or a part of it.
    Posted,
    /// Returned on request.
    Voided,
    /// Returned by time.
    Expired,
}

/// What ends a pending leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It moves.
    Post,
    /// It returns on request.
    Void,
    /// It returns by time.
    Expire,
}

/// Every legal transition: resolved once.
pub const LEG_TRANSITIONS: &[(LegState, Resolution, LegState)] = &[
    (LegState::Pending, Resolution::Post, LegState::Posted),
    (LegState::Pending, Resolution::Void, LegState::Voided),
    (LegState::Pending, Resolution::Expire, LegState::Expired),
];

impl LegState {
    /// The state after, or why there is none.
    ///
    /// # Errors
    /// What it is already.
    pub fn after(self, resolution: Resolution) -> Result<Self, TransferStatus> {
        let legal = LEG_TRANSITIONS
            .iter()
            .find(|(from, on, _)| *from == self && *on == resolution);
        match (legal, self) {
            (Some((_, _, to)), _) => Ok(*to),
            (None, Self::Posted) => Err(TransferStatus::AlreadyPosted),
            (None, Self::Voided) => Err(TransferStatus::AlreadyVoided),
            (None, Self::Expired) => Err(TransferStatus::Expired),
            (None, Self::Moved | Self::Resolves | Self::Pending) => Err(TransferStatus::NotPending),
        }
    }

    /// The name for readers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Moved => "MOVED",
            Self::Resolves => "RESOLVES",
            Self::Pending => "PENDING",
            Self::Posted => "POSTED",
            Self::Voided => "VOIDED",
            Self::Expired => "EXPIRED",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_status_has_its_own_tag_and_the_list_is_the_order() {
        for (index, status) in TransferStatus::ALL.into_iter().enumerate() {
            assert_eq!(TransferStatus::from_tag(status.tag()), Some(status));
            assert!(
                !TransferStatus::ALL
                    .iter()
                    .skip(index + 1)
                    .any(|later| *later <= status)
            );
            let known = tags::ALL.iter().any(|(tag, _)| *tag == status.tag());
            assert_eq!(known, status != TransferStatus::Done);
        }
        assert_eq!(TransferStatus::from_tag("ledger.state"), None);
    }

    #[test]
    fn what_has_ended_never_ends_again() {
        let all = [Resolution::Post, Resolution::Void, Resolution::Expire];
        for (_, _, end) in LEG_TRANSITIONS {
            for resolution in all {
                assert!(end.after(resolution).is_err(), "{end:?} {resolution:?}");
            }
        }
        for resolution in all {
            let end = LegState::Pending.after(resolution).unwrap();
            assert_ne!(end, LegState::Pending);
            for state in [LegState::Moved, LegState::Resolves] {
                assert_eq!(state.after(resolution), Err(TransferStatus::NotPending));
            }
        }
    }
}
