//! What a limit says, and which part of a withdrawal it counts by.

use crate::error::LedgerError;
use crate::subject::Subject;

/// Longest window: 400 days; a slip of units shows at once.
pub const MAX_WINDOW_MS: u64 = 400 * 86_400_000;

/// What a limit may count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// CAIP-19 asset.
    Asset,
    /// Who asks.
    Initiator,
    /// The class of limits.
    Class,
    /// The customer's pseudonym.
    Customer,
    /// The address paid.
    Destination,
    /// The wallet that pays.
    Wallet,
}

impl Dimension {
    /// The dimension of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "asset" => Self::Asset,
            "initiator" => Self::Initiator,
            "class" => Self::Class,
            "customer" => Self::Customer,
            "destination" => Self::Destination,
            "wallet" => Self::Wallet,
            _ => return None,
        })
    }
}

/// What happens above a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It waits for a quorum.
    Hold,
    /// It is refused.
    Deny,
}

/// One limit of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRule {
    /// Its id in the policy.
    pub id: String,
    /// Each combination of these has its own count; none: all count together.
    pub scope: Vec<Dimension>,
    /// Counts this asset alone.
    pub asset: Option<String>,
    /// Counts this class alone.
    pub class: Option<String>,
    /// Length of the sliding window, ms.
    pub window_ms: u64,
    /// At most so many base units in any window; 0 lets nothing pass.
    pub amount: Option<u128>,
    /// At most so many withdrawals in any window; 0 lets nothing pass.
    pub count: Option<u64>,
    /// What happens above.
    pub over: Over,
}

impl LimitRule {
    /// Whether the rule can be used as it stands.
    ///
    /// # Errors
    /// `Malformed`: no id, no bound, a bad window, a repeated dimension, or amounts of several assets in one sum.
    pub fn check(&self) -> Result<(), LedgerError> {
        let refuse = |reason: &str| {
            Err(LedgerError::malformed(
                &format!("limits.{}", self.id),
                reason,
            ))
        };
        let repeated = |(index, dimension)| {
            self.scope
                .iter()
                .skip(index)
                .skip(1)
                .any(|other| other == dimension)
        };
        match self {
            Self { id, .. } if id.is_empty() => refuse("needs an id"),
            Self {
                amount: None,
                count: None,
                ..
            } => refuse("needs an amount or a count"),
            Self { window_ms, .. } if !(1..=MAX_WINDOW_MS).contains(window_ms) => {
                refuse("the window must be from 1 ms to 400 days")
            }
            _ if self.scope.iter().enumerate().any(repeated) => refuse("names a dimension twice"),
            Self {
                amount: Some(_),
                asset: None,
                scope,
                ..
            } if !scope.contains(&Dimension::Asset) => {
                refuse("adds up base units of several assets: name one asset, or count by asset")
            }
            _ => Ok(()),
        }
    }

    /// The key that it counts this withdrawal under; every part has its own length.
    #[must_use]
    pub fn key(&self, subject: &Subject) -> String {
        let mut key = String::new();
        for dimension in &self.scope {
            key.push_str(&match dimension {
                Dimension::Asset => format!("a{}", subject.asset.number()),
                Dimension::Initiator => format!("i{}", subject.initiator.number()),
                Dimension::Class => format!("c{}", subject.class.number()),
                Dimension::Wallet => format!("w{}", subject.wallet.number()),
                Dimension::Customer => format!("u{:?}", subject.customer),
                Dimension::Destination => format!("d{:?}", subject.destination),
            });
        }
        key
    }

    /// Whether the same withdrawals count under the same keys for the same time; the bounds may differ.
    #[must_use]
    pub fn counts_alike(&self, other: &Self) -> bool {
        self.scope == other.scope
            && self.asset == other.asset
            && self.class == other.class
            && self.window_ms == other.window_ms
    }
}
