//! The ledger: accounts, holds, queue and limits. Pure and deterministic: no input or output, no clock, and every
//! amount an exact `u128` of base units.
//!
//! `decide_…` looks at the state and answers with a [`Fact`] or a refusal, changing nothing; [`Ledger::apply`] is the
//! only mutator, live and on replay. What `decide` allowed, `apply` can do: a fact that fails to apply is a bug, and
//! poisons the ledger so that nothing more is decided on a state that may be wrong.
//!
//! Double entry, one book per asset: wallets and in_flight are what we have, pools and suspense what we owe. After
//! every fact, wallets + in_flight = pools + suspense, and nothing available is negative.

mod account;
mod ahead;
mod apply;
mod attempt;
mod balances;
pub mod books;
mod candidate;
mod canonical;
mod decide;
mod entries;
mod error;
mod explain;
mod fact;
mod fact_codec;
mod forget;
mod halts;
mod ids;
mod index;
mod ledger;
pub mod limits;
mod names;
mod old_ids;
mod payout_ids;
mod precedence;
pub mod queue;
mod routes;
mod slab;
mod snapshot;
mod state;
mod state_hash;
mod subject;
mod submission;
mod symbols;
pub mod tags;
mod timeline;
mod transfers;
mod ulid;
mod withdrawal;

pub use account::{AccountName, Balance};
pub use ahead::AHEAD;
pub use attempt::Attempt;
pub use balances::BalanceRow;
pub use candidate::{Candidate, Names, withdrawal_digest};
pub use error::{Denial, LedgerError};
pub use explain::{Clauses, RuleClause, Verdict};
pub use fact::{Assignment, Fact, PayoutTerms, SweepTerms};
pub use fact_codec::forgotten_state;
pub use forget::{Forgotten, ForgottenAttempt, Hand};
pub use halts::{MOST_SCOPES, Scope};
pub use ledger::{Ledger, WithdrawalNames};
pub use names::Name128;
pub use old_ids::OldIds;
pub use precedence::Refused;
pub use queue::{Blocker, Eta, FeeBudget, PayoutBounds};
pub use slab::{Slab, Slot};
pub use state::{End, State, TRANSITIONS};
pub use subject::Subject;
pub use submission::{Answer, Decision, MOST_ATTEMPTS, Remedy, Submission};
pub use symbols::{Symbol, Symbols};
pub use transfers::{
    Deposit, DepositAnswer, LEG_TRANSITIONS, LegState, MAX_LEGS, PendingName, Resolution, Surplus,
    SuspenseRelease, TransferAnswer, TransferLeg, TransferOrder, TransferRefusal, TransferStatus,
    TransferTerms, TransferView,
};
pub use ulid::Ulid;
pub use withdrawal::{FeeMode, Priority, Withdrawal};
