//! The batch path of withdrawals: [`prepare`] checks form, signatures and policy in any thread; [`submit`] asks the
//! ledger for each item in turn and packs what it decided into one record; [`apply_record`] replays records, from
//! their bytes alone.
//!
//! References that left the ledger's memory are looked up between the two: [`Prepared::may_be_old`] lists them,
//! [`Prepared::answer`] takes what the journal says; whoever did not ask since the last of them left is stale.
//!
//! One item never spoils another, a batch never half-answers, and an item whose signatures did not verify is answered
//! and never stored.

mod batch;
mod body;
mod clauses;
mod destination;
mod explain;
mod metadata;
mod old;
mod outcome;
mod prepare;
mod refusal;
mod replay;
mod response;
mod rules;
mod rules_json;
mod signatures;
mod submit;
mod told;

pub use explain::{Question, explain};
pub use old::OldAttempt;
pub use prepare::{MAX_ITEMS, Prepared, prepare};
pub use refusal::Malformed;
pub use replay::apply_record;
pub use response::state_number;
pub use rules::Rules;
pub use submit::{Submitted, submit};
