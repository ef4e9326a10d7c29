//! The first half of a submission, in any thread: decode, canonical form, policy, signatures. Nothing is consumed.

use std::sync::{Arc, Mutex};

use custody_crypto::Keyring;
use custody_ledger::{Candidate, Priority, tags};
use custody_wire::messages::v1::{SubmitItem, SubmitWithdrawalsRequest};
use prost::Message;

use crate::batch::Batch;
use crate::body::{self, SharedNames};
use crate::metadata::{self, Metadata};
use crate::old::Found;
use crate::refusal::{Malformed, Refusal};
use crate::rules::Rules;
use crate::signatures::{self, Validity};

/// Items in one request: what TigerBeetle takes in one message. With a signature each by table well under a second of work;
/// with `signatures::MAX_SIGNATURES` each by keys that have no table (P-256) several seconds, of one thread without the GIL.
pub const MAX_ITEMS: usize = 8_190;
const MAX_REQUEST_ID: usize = 64;
const MAX_INTENT: usize = 4_096;

/// A request whose items are checked as far as bytes and policy go, under the policy and keyring it names.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) request_id: String,
    pub(crate) principal: String,
    pub(crate) policy_hash: [u8; 32],
    pub(crate) governance_sequence: u64,
    pub(crate) keyring_version: u64,
    pub(crate) items: Vec<Result<Item, Refusal>>,
    pub(crate) found: Mutex<Found>,
}

/// An item whose signatures verified.
#[derive(Debug)]
pub(crate) struct Item {
    pub candidate: Arc<Candidate>,
    pub intent: Vec<u8>,
    pub signatures: Vec<(String, Vec<u8>)>,
    pub validity: Validity,
    pub metadata: Option<Metadata>,
}

impl Prepared {
    /// How many items it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Never: a request has at least one item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many of its items go on to the ledger.
    #[must_use]
    pub fn valid(&self) -> usize {
        self.items.iter().filter(|item| item.is_ok()).count()
    }

    /// The keyring's version that the signatures were verified under.
    #[must_use]
    pub fn keyring_version(&self) -> u64 {
        self.keyring_version
    }
}

/// Checks a `SubmitWithdrawalsRequest` of `principal`. `salt` is fresh randomness, for the metadata's hashes.
///
/// # Errors
/// `Malformed` when the request as a whole cannot be read or is out of bounds; what is wrong with an item is its own
/// answer.
pub fn prepare(
    request: &[u8],
    principal: &str,
    rules: &Rules,
    keyring: &Keyring,
    salt: &[u8; 32],
) -> Result<Prepared, Malformed> {
    let request = SubmitWithdrawalsRequest::decode(request)
        .map_err(|error| Malformed::new("request", error.to_string()))?;
    if request.request_id.len() > MAX_REQUEST_ID {
        return Err(Malformed::new(
            "request_id",
            format!("has more than {MAX_REQUEST_ID} bytes"),
        ));
    }
    if !(1..=MAX_ITEMS).contains(&request.items.len()) {
        return Err(Malformed::new(
            "items",
            format!("{} of 1 to {MAX_ITEMS}", request.items.len()),
        ));
    }
    let mut batch = Batch::default();
    let mut shared = SharedNames::default();
    let items = request.items.into_iter().enumerate();
    let items = items
        .map(|(index, item)| {
            let item = check(item, index, principal, rules, salt, &mut shared)?;
            let place = batch.add(keyring, &rules.deployment, &item.intent, &item.signatures);
            Ok((item, place))
        })
        .collect::<Vec<Result<_, Refusal>>>();
    let verdicts = batch.verify(keyring);
    let items = items.into_iter().map(|item| {
        let (item, place) = item?;
        match verdicts.check(place, &item.signatures) {
            Ok(()) => Ok(item),
            Err(refusal) => Err(refusal.of_candidate(&item.candidate)),
        }
    });
    Ok(Prepared {
        request_id: request.request_id,
        principal: principal.to_owned(),
        policy_hash: rules.policy_hash,
        governance_sequence: rules.governance_sequence,
        keyring_version: keyring.version(),
        found: Mutex::default(),
        items: items.collect(),
    })
}

/// An intent that is not too long to be read.
pub(crate) fn bounded(intent: &[u8]) -> Result<&[u8], Refusal> {
    match intent.len() <= MAX_INTENT {
        true => Ok(intent),
        false => Err(Refusal::fix(
            tags::INTENT_MALFORMED,
            format!("has more than {MAX_INTENT} bytes"),
        )),
    }
}

/// An item right in everything but its signatures, which nobody has verified yet.
fn check(
    item: SubmitItem,
    index: usize,
    principal: &str,
    rules: &Rules,
    salt: &[u8; 32],
    shared: &mut SharedNames,
) -> Result<Item, Refusal> {
    bounded(&item.intent)?;
    let priority = Priority::from_number(item.priority);
    let body = body::check(
        rules,
        principal,
        &item.intent,
        priority.unwrap_or(Priority::Standard),
        shared,
    )?;
    let signatures = item
        .signatures
        .into_iter()
        .map(|each| (each.key_id, each.signature))
        .collect::<Vec<_>>();
    let rest = || {
        if priority.is_none() {
            return Err(Refusal::fix(
                tags::ITEM_PRIORITY,
                format!("priority: {}", item.priority),
            ));
        }
        let metadata = metadata::pack(&item.metadata, salt, index)?;
        let validity = signatures::check(body.initiator, &body.candidate, &signatures)?;
        Ok((metadata, validity))
    };
    let (metadata, validity) = rest().map_err(|refusal| refusal.of_candidate(&body.candidate))?;
    Ok(Item {
        candidate: Arc::new(body.candidate),
        intent: item.intent,
        signatures,
        validity,
        metadata,
    })
}
