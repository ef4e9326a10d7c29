//! What submitting an intent now would answer, signatures aside; changes nothing.

use custody_ledger::limits::Clause;
use custody_ledger::{Candidate, Ledger, LedgerError, Priority};

use crate::body;
use crate::response;
use crate::rules::Rules;

/// The deciding rule, in the numbers of `custody.api.v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// `Outcome`.
    pub outcome: i32,
    /// The rule.
    pub tag: String,
    /// For people.
    pub detail: String,
    /// `Remedy`.
    pub remedy: i32,
    /// Unix ms; 0 for unknown or never.
    pub earliest_pass_ms: u64,
    /// What every limit says, by id; none when the intent's form or signers' rules refuse it before limits are asked.
    pub limits: Vec<(String, Clause)>,
}

/// Explains an intent of `principal`.
///
/// # Errors
/// `Broken`.
pub fn explain(
    ledger: &Ledger,
    rules: &Rules,
    principal: &str,
    intent: &[u8],
    now_ms: u64,
) -> Result<Explained, LedgerError> {
    let mut limits = Vec::new();
    let result = match body::check(
        rules,
        principal,
        intent,
        Priority::Standard,
        &mut body::SharedNames::default(),
    ) {
        Err(refusal) => response::refused(&refusal),
        Ok(body) => {
            limits = clauses(ledger, &body.candidate, now_ms);
            let answer = ledger.decide_submission(&body.candidate.into(), &[], now_ms, 0, 0)?;
            response::answered("", &answer)
        }
    };
    let earliest = result.earliest_pass.map(|at| {
        let seconds = u64::try_from(at.seconds).unwrap_or(0);
        let nanos = u64::try_from(at.nanos).unwrap_or(0);
        seconds
            .saturating_mul(1_000)
            .saturating_add(nanos.checked_div(1_000_000).unwrap_or(0))
    });
    Ok(Explained {
        outcome: result.outcome,
        tag: result.tag,
        detail: result.detail,
        remedy: result.remedy,
        earliest_pass_ms: earliest.unwrap_or(0),
        limits,
    })
}

fn clauses(ledger: &Ledger, candidate: &Candidate, now_ms: u64) -> Vec<(String, Clause)> {
    let name = |clause: Clause| (ledger.symbols().name(clause.limit).to_owned(), clause);
    ledger.explain_limits(candidate, now_ms).map(name).collect()
}
