//! What submitting an intent now would answer, and what every rule says by itself; changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use custody_ledger::{Answer, Clauses, Ledger, LedgerError, Priority, Verdict, tags};
use custody_wire::messages::v1::{
    AssetAmount, ExplainWithdrawalResponse, RuleClause, SubmitResult, Verdict as Told,
};
use prost::Message;

use crate::body::{self, SharedNames};
use crate::clauses::{self, Asked, Said};
use crate::old::{Found, OldAttempt};
use crate::prepare;
use crate::refusal::Refusal;
use crate::response;
use crate::rules::Rules;
use crate::signatures;
use crate::submit::first_answer;
use crate::told::{Deciding, Sight};

/// An intent that is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The initiator whose intent it is.
    pub principal: &'a str,
    /// Its canonical bytes, unsigned.
    pub intent: &'a [u8],
    /// Whether the reader may know what other initiators had a part in.
    pub everything: bool,
    /// The filter's generation before the reference was looked up.
    pub generation: u64,
    /// What was looked up of its reference.
    pub found: &'a [OldAttempt],
    /// The guarded clock.
    pub now_ms: u64,
}

/// Explains an intent: an `ExplainWithdrawalResponse`; `None` when references left memory since its own was looked up.
///
/// # Errors
/// `Malformed`: what was looked up is no answer to its reference. `Broken`.
pub fn explain(
    ledger: &Ledger,
    rules: &Rules,
    question: &Question<'_>,
) -> Result<Option<Vec<u8>>, LedgerError> {
    ledger.intact()?;
    if question.generation != ledger.old_ids().generation() {
        return Ok(None);
    }
    response(ledger, rules, question).map(|response| Some(response.encode_to_vec()))
}

fn response(
    ledger: &Ledger,
    rules: &Rules,
    question: &Question<'_>,
) -> Result<ExplainWithdrawalResponse, LedgerError> {
    let bytes = question.intent;
    let intent = match prepare::bounded(bytes).and_then(body::parse) {
        Ok(intent) => intent,
        Err(refusal) => return Ok(none_of_the_initiators(&refusal)),
    };
    let mut found = Found::default();
    if intent.initiator == question.principal {
        let id = body::intent_id(&intent, bytes);
        found = Found::read(
            question.generation,
            question.found,
            &BTreeSet::from([id.key]),
        )
        .map_err(|error| LedgerError::Malformed(error.field, error.reason))?;
        if let Some(first) = first_answer(ledger, &found, &id) {
            return Ok(answered(response::answered("", &Answer::Before(first))));
        }
    }
    let asked = match body::owned(rules, question.principal, &intent) {
        Ok(asked) => asked,
        Err(refusal) => return Ok(none_of_the_initiators(&refusal)),
    };
    let candidate = Arc::new(body::candidate(
        bytes,
        &intent,
        asked.wallet.unwrap_or(""),
        asked.fee_mode().unwrap_or(custody_ledger::FeeMode::House),
        Priority::Standard,
        &mut SharedNames::default(),
    ));
    let said = ledger.explain_submission(&candidate, found.of(&candidate.key), question.now_ms)?;
    Ok(new(ledger, &asked, question, &said))
}

/// What was never answered before.
fn new(
    ledger: &Ledger,
    asked: &Asked<'_, '_>,
    question: &Question<'_>,
    said: &Clauses,
) -> ExplainWithdrawalResponse {
    let mut rules = vec![
        clause(tags::INTENT_MALFORMED, Told::Passes),
        clause(tags::INTENT_INITIATOR, Told::Passes),
    ];
    let mut refusal: Option<Refusal> = None;
    for (tag, ask) in clauses::RULES {
        rules.push(match ask(asked) {
            Said::Passes => clause(tag, Told::Passes),
            Said::NotAsked => clause(tag, Told::NotAsked),
            Said::Fails(detail) => {
                let failed = Refusal::fix(tag, detail);
                let mut failing = failing(tag, &failed.detail, failed.remedy);
                failing.decides = refusal.is_none();
                refusal.get_or_insert(failed);
                failing
            }
        });
    }
    rules.extend(needed_signatures(asked, question.now_ms));
    let result = match &refusal {
        Some(refusal) => response::refused(refusal),
        None => response::answered("", &said.answer),
    };
    let sight = Sight {
        deciding: match &refusal {
            Some(_) => Deciding::Other,
            None => Deciding::of(&said.answer, ledger),
        },
        everything: question.everything || asked.rules.initiators.len() == 1,
        class_allowed: asked.class_allowed(),
    };
    rules.extend(said.rules.iter().map(|rule| {
        let told = match &rule.verdict {
            _ if rule.tag == tags::ATTEMPT_ROUTING && asked.wallet.is_none() => {
                clause(rule.tag, Told::NotAsked)
            }
            _ if rule.tag == tags::INSUFFICIENT_FUNDS && asked.asset.is_none() => {
                clause(rule.tag, Told::NotAsked)
            }
            _ if rule.tag == tags::INSUFFICIENT_FUNDS && !sight.sees_funds() => {
                clause(rule.tag, Told::Withheld)
            }
            Verdict::Passes => clause(rule.tag, Told::Passes),
            Verdict::NotAsked => clause(rule.tag, Told::NotAsked),
            Verdict::Fails(refused) => failing(rule.tag, &refused.detail, refused.remedy),
        };
        let decides = refusal.is_none() && result.tag == rule.tag;
        RuleClause { decides, ..told }
    }));
    let limits = said.limits.iter();
    let limits = limits.filter(|limit| asked.wallet.is_some() && sight.sees_limit(limit));
    let amount = |amount: u128| AssetAmount {
        asset: asked.intent.asset.to_owned(),
        amount: amount.to_string(),
    };
    let has_pool = asked.asset.is_some()
        && asked
            .rules
            .pools
            .iter()
            .any(|(name, _)| *name == asked.intent.pool);
    ExplainWithdrawalResponse {
        blockers: sight.blockers(&said.blockers),
        rules,
        limits: limits.map(|limit| sight.limit(ledger, limit)).collect(),
        hold: said.hold.filter(|_| asked.asset.is_some()).map(amount),
        pool_available: (has_pool && sight.sees_pool()).then(|| amount(said.available)),
        earliest_accepted: said
            .earliest_accepted_ms
            .filter(|_| refusal.is_none() && sight.sees_earliest_accepted())
            .and_then(response::timestamp),
        ..answered(SubmitResult {
            // Nobody made it.
            withdrawal_id: String::new(),
            state: 0,
            ..result
        })
    }
}

fn answered(result: SubmitResult) -> ExplainWithdrawalResponse {
    ExplainWithdrawalResponse {
        outcome: result.outcome,
        tag: result.tag,
        detail: result.detail,
        remedy: result.remedy,
        earliest_pass: result.earliest_pass,
        withdrawal_id: result.withdrawal_id,
        state: result.state,
        ..ExplainWithdrawalResponse::default()
    }
}

/// No intent, or not one of the initiator that asks: nothing else can be asked.
fn none_of_the_initiators(refusal: &Refusal) -> ExplainWithdrawalResponse {
    let mut rules = Vec::new();
    for tag in [tags::INTENT_MALFORMED, tags::INTENT_INITIATOR] {
        if tag == refusal.tag {
            let failing = failing(tag, &refusal.detail, refusal.remedy);
            rules.push(RuleClause {
                decides: true,
                ..failing
            });
            break;
        }
        rules.push(clause(tag, Told::Passes));
    }
    ExplainWithdrawalResponse {
        rules,
        ..answered(response::refused(refusal))
    }
}

fn needed_signatures(asked: &Asked<'_, '_>, now_ms: u64) -> [RuleClause; 2] {
    let needed = signatures::needed(asked.initiator, asked.intent, now_ms);
    needed.map(|(tag, needed)| match needed {
        Ok(detail) => RuleClause {
            detail,
            ..clause(tag, Told::Passes)
        },
        Err(detail) => failing(tag, &detail, custody_ledger::Remedy::Fix),
    })
}

fn clause(tag: &str, verdict: Told) -> RuleClause {
    RuleClause {
        tag: tag.to_owned(),
        verdict: i32::from(verdict),
        ..RuleClause::default()
    }
}

fn failing(tag: &str, detail: &str, remedy: custody_ledger::Remedy) -> RuleClause {
    RuleClause {
        detail: detail.to_owned(),
        remedy: i32::from(remedy.number()),
        ..clause(tag, Told::Fails)
    }
}
