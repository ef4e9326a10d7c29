//! The ledger's values as Python's: dicts with the fields of `custody.ledger`'s dataclasses, and plain tuples.

use custody_intake::Submitted;
use custody_ledger::{
    Attempt, BalanceRow, Blocker, Decision, FeeMode, Ledger, Name128, PayoutTerms, Scope, State,
    SweepTerms, Withdrawal,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

/// A Python dict.
pub type Dict<'py> = Bound<'py, PyDict>;
/// Halt id, scopes.
pub type Halt = (String, Vec<String>);
/// Payout id, wallet, (withdrawal, net amount, fee charged) each, fee asset, fee reserved.
pub type Payout = (String, String, Vec<(String, u128, u128)>, String, u128);
/// Leg id, from, to, asset, amount, fee asset, fee cap.
pub type Leg = (String, String, String, String, u128, String, u128);
/// Asset, account, debits pending and posted, credits pending and posted, available.
pub type Balance = (String, String, u128, u128, u128, u128, u128);

/// A withdrawal with its names, taken while the ledger was locked.
pub struct Shown {
    withdrawal: Withdrawal,
    names: [String; 7],
    charged: Vec<String>,
}

impl Shown {
    pub fn of(ledger: &Ledger, withdrawal: &Withdrawal) -> Self {
        let n = ledger.names(withdrawal);
        let names = [
            n.initiator,
            n.asset,
            n.pool,
            n.class,
            n.wallet,
            n.tag,
            n.payout,
        ];
        Self {
            withdrawal: withdrawal.clone(),
            names: names.map(str::to_owned),
            charged: n.charged.into_iter().map(str::to_owned).collect(),
        }
    }
}

pub fn withdrawal<'py>(py: Python<'py>, shown: &Shown) -> PyResult<Dict<'py>> {
    let w = &shown.withdrawal;
    let [initiator, asset, pool, class, wallet, tag, payout] = &shown.names;
    let (mode, max_network_fee) = match w.fee_mode() {
        FeeMode::House => ("HOUSE", None),
        FeeMode::Deduct { max_network_fee } => ("DEDUCT", Some(max_network_fee)),
    };
    let end = match w.state {
        State::Voided(end) => Some(end.name()),
        _ => None,
    };
    let dict = PyDict::new(py);
    dict.set_item("withdrawal_id", w.id.to_string())?;
    dict.set_item("intent_sha256", PyBytes::new(py, &w.intent_sha256))?;
    dict.set_item("initiator", initiator)?;
    dict.set_item("key", PyBytes::new(py, &w.key.0))?;
    dict.set_item("attempt", w.attempt())?;
    dict.set_item("asset", asset)?;
    dict.set_item("amount", w.amount())?;
    dict.set_item("service_fee", w.service_fee())?;
    dict.set_item("hold", w.hold())?;
    dict.set_item("pool", pool)?;
    dict.set_item("limit_class", class)?;
    dict.set_item("wallet", wallet)?;
    dict.set_item("fee_mode", mode)?;
    dict.set_item("max_network_fee", max_network_fee)?;
    dict.set_item("pay_before_ms", w.pay_before_ms)?;
    dict.set_item("priority", w.priority.number())?;
    dict.set_item("queued_since_ms", w.queued_since_ms())?;
    dict.set_item("accepted_ms", w.accepted_ms())?;
    dict.set_item("sequence", w.sequence)?;
    dict.set_item("leaf", w.leaf)?;
    dict.set_item("tag", tag)?;
    dict.set_item("charged_limits", &shown.charged)?;
    dict.set_item("state", w.state.name())?;
    dict.set_item("end", end)?;
    dict.set_item("payout_id", payout)?;
    dict.set_item("api_state", custody_intake::state_number(w.state))?;
    Ok(dict)
}

fn attempt<'py>(py: Python<'py>, a: &Attempt) -> PyResult<Dict<'py>> {
    let decision = match a.decision {
        Decision::Accepted => "ACCEPTED",
        Decision::Held => "HELD",
        Decision::Rejected => "REJECTED",
    };
    let dict = PyDict::new(py);
    dict.set_item("number", a.number)?;
    dict.set_item("intent_sha256", PyBytes::new(py, &a.intent_sha256))?;
    dict.set_item("decision", decision)?;
    dict.set_item("withdrawal_id", a.withdrawal.map(|id| id.to_string()))?;
    dict.set_item("tag", &a.tag)?;
    dict.set_item("remedy", a.remedy.number())?;
    dict.set_item("earliest_pass_ms", a.earliest_pass_ms)?;
    dict.set_item("wallet", &a.wallet)?;
    dict.set_item("queued_since_ms", a.queued_since_ms)?;
    Ok(dict)
}

pub fn withdrawals<'py>(py: Python<'py>, all: &[Shown]) -> PyResult<Vec<Dict<'py>>> {
    all.iter().map(|each| withdrawal(py, each)).collect()
}

pub fn attempts<'py>(py: Python<'py>, all: &[Attempt]) -> PyResult<Vec<Dict<'py>>> {
    all.iter().map(|each| attempt(py, each)).collect()
}

/// Which withdrawals a list shows; None asks nothing.
pub struct Wanted {
    /// HELD … VOIDED, or how it ended.
    pub states: Option<Vec<String>>,
    pub initiator: Option<String>,
    pub reference: Option<String>,
    pub customer: Option<String>,
    pub asset: Option<String>,
    pub wallet: Option<String>,
    pub accepted_from_ms: Option<u64>,
    /// The first moment that is too late.
    pub accepted_to_ms: Option<u64>,
}

impl Wanted {
    pub fn admits(&self, ledger: &Ledger, w: &Withdrawal) -> bool {
        let names = ledger.names(w);
        let by_reference =
            |reference: &String| w.key == Name128::reference(names.initiator, reference);
        let by_customer = |customer: &String| w.customer == Name128::customer(customer);
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        self.states
            .as_ref()
            .is_none_or(|states| states.iter().any(|name| is_state(w.state, name)))
            && is(&self.initiator, names.initiator)
            && self.reference.as_ref().is_none_or(by_reference)
            && self.customer.as_ref().is_none_or(by_customer)
            && is(&self.asset, names.asset)
            && is(&self.wallet, names.wallet)
            && self
                .accepted_from_ms
                .is_none_or(|from| from <= w.accepted_ms())
            && self.accepted_to_ms.is_none_or(|to| w.accepted_ms() < to)
    }
}

/// Whether a state has this name: HELD … VOIDED, or how it ended.
fn is_state(state: State, name: &str) -> bool {
    state.name() == name || matches!(state, State::Voided(end) if end.name() == name)
}

/// `(response, record, root, stale, metadata)` each.
pub fn submitted<'py>(py: Python<'py>, all: &[Submitted]) -> PyResult<Bound<'py, PyList>> {
    let bytes = |value: &[u8]| PyBytes::new(py, value);
    let one = |each: &Submitted| {
        let metadata: Vec<_> = each
            .metadata
            .iter()
            .map(|(id, salt, json)| (bytes(&id.0), bytes(salt), bytes(json)))
            .collect();
        (
            bytes(&each.response),
            each.record.as_deref().map(bytes),
            bytes(&each.root),
            each.stale,
            metadata,
        )
    };
    PyList::new(py, all.iter().map(one))
}

pub fn halt((halt, scopes): (&str, Vec<&Scope>)) -> Halt {
    let scopes = scopes.into_iter().map(Scope::to_string).collect();
    (halt.to_owned(), scopes)
}

pub fn blockers(all: &[Blocker]) -> Vec<(&'static str, String, String)> {
    all.iter().map(blocker).collect()
}

/// `(kind, tag, scope)`; kinds as in `custody.api.v1.BlockerKind`, the tag the rule or halt.
fn blocker(blocker: &Blocker) -> (&'static str, String, String) {
    match blocker {
        Blocker::Quorum(tag) => ("QUORUM", tag.clone(), String::new()),
        Blocker::Halt(halt, scope) => ("HALT", halt.clone(), scope.to_string()),
        Blocker::Freeze(halt, scope) => ("FREEZE", halt.clone(), scope.to_string()),
        Blocker::Liquidity => (
            "LIQUIDITY",
            custody_ledger::tags::WALLET_SHORT.to_owned(),
            String::new(),
        ),
        Blocker::House => (
            "LIQUIDITY",
            custody_ledger::tags::HOUSE_EMPTY.to_owned(),
            String::new(),
        ),
        Blocker::FeeAboveCap => ("FEE_ABOVE_CAP", String::new(), String::new()),
    }
}

pub fn payout(terms: &PayoutTerms) -> Payout {
    let items = terms
        .items
        .iter()
        .map(|item| (item.id.to_string(), item.net_amount, item.fee_charged))
        .collect();
    (
        terms.payout.clone(),
        terms.wallet.clone(),
        items,
        terms.fee_asset.clone(),
        terms.fee_reserved,
    )
}

pub fn leg(t: &SweepTerms) -> Leg {
    let (from, to) = (t.from_wallet.clone(), t.to_wallet.clone());
    (
        t.leg.clone(),
        from,
        to,
        t.asset.clone(),
        t.amount,
        t.fee_asset.clone(),
        t.fee_cap,
    )
}

pub fn balance(row: BalanceRow) -> Balance {
    let b = row.balance;
    let account = row.account.to_string();
    (
        row.asset,
        account,
        b.debits_pending,
        b.debits_posted,
        b.credits_pending,
        b.credits_posted,
        row.available,
    )
}
