//! What a limit says, and which part of a withdrawal it counts by.

use std::fmt;

use crate::error::LedgerError;

const DAY_MS: u64 = 86_400_000;
/// Shortest window: 1 s.
pub const MIN_WINDOW_MS: u64 = 1_000;
/// Longest window: 90 days; a slip of units shows at once. What must count for longer counts for ever.
pub const MAX_WINDOW_MS: u64 = 90 * DAY_MS;

/// What a limit may count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// CAIP-19 asset.
    Asset,
    /// Who asks.
    Initiator,
    /// The class of limits.
    Class,
    /// The wallet that pays.
    Wallet,
    /// The customer's pseudonym.
    Customer,
    /// The address paid.
    Destination,
}

impl Dimension {
    /// Every dimension, in the order of keys.
    pub const ALL: [Self; 6] = [
        Self::Asset,
        Self::Initiator,
        Self::Class,
        Self::Wallet,
        Self::Customer,
        Self::Destination,
    ];

    /// The name in a policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Initiator => "initiator",
            Self::Class => "class",
            Self::Wallet => "wallet",
            Self::Customer => "customer",
            Self::Destination => "destination",
        }
    }

    /// The dimension of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
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

/// For how long an event counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// So many ms, in every window of this length.
    Sliding(u64),
    /// For ever.
    Lifetime,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sliding(ms) => write!(f, "in {} s", ms.div_ceil(1_000)),
            Self::Lifetime => f.write_str("ever"),
        }
    }
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
    /// For how long an event counts.
    pub span: Span,
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
    /// `Malformed`: no id, no bound, a bad window, a repeated dimension, an empty asset or class, or amounts of several
    /// assets in one sum.
    pub fn check(&self) -> Result<(), LedgerError> {
        let refuse = |reason: &str| {
            Err(LedgerError::malformed(
                &format!("limits.{}", self.id),
                reason,
            ))
        };
        let windows = MIN_WINDOW_MS..=MAX_WINDOW_MS;
        let empty = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
        match self {
            Self { id, .. } if id.is_empty() => refuse("needs an id"),
            Self {
                amount: None,
                count: None,
                ..
            } => refuse("needs an amount or a count"),
            Self {
                span: Span::Sliding(ms),
                ..
            } if !windows.contains(ms) => {
                refuse("the window must be from 1 s to 90 days, or lifetime")
            }
            _ if self.repeats() => refuse("names a dimension twice"),
            Self { asset, class, .. } if empty(asset) || empty(class) => {
                refuse("an asset or class that it counts alone needs a name")
            }
            Self {
                amount: Some(_), ..
            } if !self.sums() => {
                refuse("adds up base units of several assets: name one asset, or count by asset")
            }
            _ => Ok(()),
        }
    }

    fn repeats(&self) -> bool {
        Dimension::ALL
            .iter()
            .any(|dimension| self.scope.iter().filter(|one| *one == dimension).count() > 1)
    }

    /// Whether all that it counts together is of one asset, so that amounts can be added up.
    pub(crate) fn sums(&self) -> bool {
        self.asset.is_some() || self.scope.contains(&Dimension::Asset)
    }
}
