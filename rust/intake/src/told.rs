//! What a reader of an explanation may know: an initiator what submitting would tell it, and what counts itself alone.
//!
//! So whatever other initiators did, two explanations differ for an initiator only where the answers to submitting do.

use custody_ledger::limits::{Clause, Failing, Over, Span};
use custody_ledger::{Answer, Blocker, Decision, Ledger, Symbol, tags};
use custody_wire::messages::v1::{
    Blocker as BlockerMessage, BlockerKind, LimitAction, LimitClause, LimitClauseKind, LimitCount,
    LimitCoverage, Verdict,
};
use prost_types::Duration;

use crate::response;

/// What decides, as far as it implies what others say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deciding {
    /// Nothing fails.
    Accepted,
    /// A limit that holds: all that deny, and the funds, let it pass.
    Held(String),
    /// A limit that denies: those before it let it pass.
    Denied(String),
    /// The pool's funds: all limits that deny let it pass.
    Funds,
    /// A rule that comes before all of these.
    Other,
}

impl Deciding {
    /// What a decision says.
    pub fn of(answer: &Answer, ledger: &Ledger) -> Self {
        let Answer::Decided { fact, .. } = answer else {
            return Self::Other;
        };
        let limit = fact.tag.strip_prefix("limit.").map(str::to_owned);
        match (fact.decision, limit) {
            (Decision::Accepted, _) => Self::Accepted,
            (Decision::Held, Some(limit)) => Self::Held(limit),
            (Decision::Rejected, Some(limit)) if known(ledger, &limit) => Self::Denied(limit),
            (Decision::Rejected, _) if fact.tag == tags::INSUFFICIENT_FUNDS => Self::Funds,
            _ => Self::Other,
        }
    }

    fn limit(&self) -> Option<&str> {
        match self {
            Self::Held(limit) | Self::Denied(limit) => Some(limit),
            Self::Accepted | Self::Funds | Self::Other => None,
        }
    }
}

fn known(ledger: &Ledger, limit: &str) -> bool {
    ledger.symbols().find(limit) != Symbol::UNKNOWN
}

/// A reader, before one answer.
#[derive(Debug)]
pub(crate) struct Sight {
    pub deciding: Deciding,
    /// People, and the only initiator that there is.
    pub everything: bool,
    /// Whether the initiator may name the intent's class.
    pub class_allowed: bool,
}

impl Sight {
    /// Whether the rule of funds is told.
    pub fn sees_funds(&self) -> bool {
        self.everything || !matches!(self.deciding, Deciding::Denied(_) | Deciding::Other)
    }

    /// Whether a limit is told of: to an initiator those that may decide its intents.
    pub fn sees_limit(&self, clause: &Clause) -> bool {
        self.everything || (self.class_allowed && clause.covers())
    }

    /// Whether the pool's number is told: a refusal for it names it.
    pub fn sees_pool(&self) -> bool {
        self.everything || self.deciding == Deciding::Funds
    }

    /// Whether it is told when all pass: a hold says it, an acceptance is it.
    pub fn sees_earliest_accepted(&self) -> bool {
        self.everything || matches!(self.deciding, Deciding::Accepted | Deciding::Held(_))
    }

    /// Why its payout would wait; what a wallet has is nothing that an initiator is told, nor what stops a payout of an
    /// intent that is not taken.
    pub fn blockers(&self, all: &[Blocker]) -> Vec<BlockerMessage> {
        if !self.everything && !matches!(self.deciding, Deciding::Accepted | Deciding::Held(_)) {
            return Vec::new();
        }
        let told = all.iter().filter_map(|blocker| {
            let (kind, tag) = match blocker {
                Blocker::Quorum(tag) => (BlockerKind::Quorum, tag.as_str()),
                Blocker::Halt(halt, _) => (BlockerKind::Halt, halt.as_str()),
                Blocker::Freeze(halt, _) => (BlockerKind::Freeze, halt.as_str()),
                Blocker::Liquidity if self.everything => {
                    (BlockerKind::Liquidity, tags::WALLET_SHORT)
                }
                Blocker::Liquidity | Blocker::House | Blocker::FeeAboveCap => return None,
            };
            Some(BlockerMessage {
                kind: i32::from(kind),
                tag: tag.to_owned(),
                ..BlockerMessage::default()
            })
        });
        // A halt with two scopes that cover it is one reason.
        let mut blockers: Vec<BlockerMessage> = Vec::new();
        for each in told {
            if !blockers.contains(&each) {
                blockers.push(each);
            }
        }
        blockers
    }

    /// One limit.
    pub fn limit(&self, ledger: &Ledger, clause: &Clause) -> LimitClause {
        let id = ledger.symbols().name(clause.limit);
        let decides = self.deciding.limit() == Some(id);
        let own = self.everything || clause.by_initiator;
        let verdict = match clause.failing {
            _ if !clause.covers() => Verdict::Passes,
            _ if !own && !decides => self.implied(id, clause.rule_over),
            None => Verdict::Passes,
            Some(_) => Verdict::Fails,
        };
        let told = clause.covers() && (own || decides);
        LimitClause {
            limit_id: id.to_owned(),
            action: i32::from(match if told { clause.over } else { clause.rule_over } {
                Over::Deny => LimitAction::Deny,
                Over::Hold => LimitAction::Hold,
            }),
            coverage: i32::from(match clause.failing {
                Some(Failing::Asset) => LimitCoverage::OtherAsset,
                Some(Failing::Class) => LimitCoverage::OtherClass,
                _ => LimitCoverage::Covered,
            }),
            verdict: i32::from(verdict),
            failing: i32::from(match clause.failing.filter(|_| told) {
                Some(Failing::Overflow) => LimitClauseKind::Overflow,
                Some(Failing::Amount) => LimitClauseKind::Amount,
                Some(Failing::Count) => LimitClauseKind::Count,
                _ => LimitClauseKind::Unspecified,
            }),
            decides,
            window: match clause.span {
                Span::Sliding(ms) => duration(ms),
                Span::Lifetime => None,
            },
            lifetime: clause.span == Span::Lifetime,
            counted: told.then(|| count(clause)),
            // Of several shared limits the answer tells the last time alone.
            earliest_pass: clause
                .earliest_pass_ms
                .filter(|_| clause.covers() && own)
                .and_then(response::timestamp),
            // When the last withdrawal that left memory was charged, whoever's it was.
            counts_from: response::timestamp(clause.counts_from_ms)
                .filter(|_| told && self.everything),
        }
    }

    /// What the answer says of a limit that others have a part in.
    fn implied(&self, id: &str, over: Over) -> Verdict {
        let passes = match (&self.deciding, over) {
            (Deciding::Accepted, _) => true,
            (Deciding::Held(_) | Deciding::Funds, Over::Deny) => true,
            (Deciding::Held(limit), Over::Hold) => id < limit.as_str(),
            (Deciding::Denied(limit), Over::Deny) => id < limit.as_str(),
            (Deciding::Funds | Deciding::Denied(_), Over::Hold) | (Deciding::Other, _) => false,
        };
        match passes {
            true => Verdict::Passes,
            false => Verdict::Withheld,
        }
    }
}

fn count(clause: &Clause) -> LimitCount {
    let amount =
        |amount: Option<u128>| amount.map_or_else(String::new, |amount| amount.to_string());
    LimitCount {
        amount: amount(clause.sums.then_some(clause.spent.amount)),
        amount_bound: amount(clause.amount),
        amount_left: amount(clause.amount_left),
        count: clause.spent.count,
        count_bound: clause.count,
        count_left: clause.count_left,
    }
}

fn duration(ms: u64) -> Option<Duration> {
    let seconds = i64::try_from(ms.checked_div(1_000)?).ok()?;
    let nanos = i32::try_from(ms.checked_rem(1_000)?.checked_mul(1_000_000)?).ok()?;
    Some(Duration { seconds, nanos })
}
