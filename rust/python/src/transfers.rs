//! What moves what we owe, in `custody._core.ledger`: functions of a ledger, each through its one door.

use custody_ledger::{
    Deposit, DepositAnswer, Fact, LedgerError, PendingName, Surplus, SuspenseRelease, TransferLeg,
    TransferOrder, TransferTerms,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::raise;
use crate::ledger::Ledger;
use crate::ledger_state::Decided;

/// Kind, asset, from, to, amount, expires at, the pending leg's reference and number: what the kind has not is empty.
type Leg = (String, String, String, String, u128, u64, String, u32);
/// A tag for each leg (empty where it happened), the fact's bytes, whether it was answered before, the remedy's number.
type Answered<'py> = (Vec<&'static str>, Option<Bound<'py, PyBytes>>, bool, u8);
/// Body's hash, tags, states, and (leg, asset, from, to, amount, expires at) of what is pending.
type View<'py> = (
    Bound<'py, PyBytes>,
    Vec<&'static str>,
    Vec<&'static str>,
    Vec<(u32, String, String, String, u128, u64)>,
);

/// Adds the functions to `custody._core.ledger`.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(decide_deposit, module)?)?;
    module.add_function(wrap_pyfunction!(decide_transfer, module)?)?;
    module.add_function(wrap_pyfunction!(decide_transfer_expiry, module)?)?;
    module.add_function(wrap_pyfunction!(decide_surplus, module)?)?;
    module.add_function(wrap_pyfunction!(decide_suspense_release, module)?)?;
    module.add_function(wrap_pyfunction!(expired_transfers, module)?)?;
    module.add_function(wrap_pyfunction!(transfer, module)?)
}

/// The fact's bytes; None when the same was credited before.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // One for each field of the fact.
fn decide_deposit<'py>(
    py: Python<'py>,
    ledger: &Bound<'py, Ledger>,
    network: String,
    tx_hash: [u8; 32],
    output: u32,
    wallet: String,
    asset: String,
    amount: u128,
    pool: String,
    from_suspense: bool,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let deposit = Deposit {
        network,
        tx_hash,
        output,
        wallet,
        asset,
        amount,
        pool,
        from_suspense,
    };
    let stored = ledger
        .get()
        .run(py, |state| match state.ledger.decide_deposit(deposit)? {
            DepositAnswer::Before => Ok(None),
            DepositAnswer::Credited(fact) => stored(&fact).map(Some),
        })?;
    Ok(stored.map(|bytes| PyBytes::new(py, &bytes)))
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // One for each field of the order.
fn decide_transfer<'py>(
    py: Python<'py>,
    ledger: &Bound<'py, Ledger>,
    initiator: String,
    reference: String,
    body_sha256: [u8; 32],
    submit_before_ms: u64,
    legs: Vec<Leg>,
    now_ms: u64,
) -> PyResult<Answered<'py>> {
    let legs = legs.into_iter().map(|each| leg(py, each));
    let order = TransferOrder {
        initiator,
        reference,
        body_sha256,
        submit_before_ms,
        legs: legs.collect::<PyResult<_>>()?,
    };
    let (answer, fact) = ledger.get().run(py, |state| {
        let answer = state.ledger.decide_transfer(order, now_ms)?;
        let fact = answer.fact.as_deref().map(stored).transpose()?;
        Ok((answer, fact))
    })?;
    let tags = answer.statuses.iter().map(|status| status.tag()).collect();
    let fact = fact.map(|bytes| PyBytes::new(py, &bytes));
    Ok((tags, fact, answer.is_repeat, answer.remedy().number()))
}

#[pyfunction]
fn decide_transfer_expiry<'py>(
    py: Python<'py>,
    ledger: &Bound<'py, Ledger>,
    initiator: &str,
    reference: String,
    leg: u32,
    now_ms: u64,
) -> Decided<'py> {
    let pending = PendingName { reference, leg };
    ledger.get().decide(py, |ledger| {
        ledger.decide_transfer_expiry(initiator, &pending, now_ms)
    })
}

#[pyfunction]
#[allow(clippy::too_many_arguments)] // One for each field of the fact.
fn decide_surplus<'py>(
    py: Python<'py>,
    ledger: &Bound<'py, Ledger>,
    wallet: String,
    asset: String,
    ledger_amount: u128,
    chain_amount: u128,
    network: String,
    block_height: u64,
    block_hash: Vec<u8>,
) -> Decided<'py> {
    let surplus = Surplus {
        wallet,
        asset,
        ledger: ledger_amount,
        chain: chain_amount,
        network,
        block_height,
        block_hash,
    };
    ledger
        .get()
        .decide(py, |ledger| ledger.decide_surplus(surplus))
}

#[pyfunction]
fn decide_suspense_release<'py>(
    py: Python<'py>,
    ledger: &Bound<'py, Ledger>,
    release_id: String,
    asset: String,
    amount: u128,
    pool: String,
) -> Decided<'py> {
    let release = SuspenseRelease {
        id: release_id,
        asset,
        amount,
        pool,
    };
    ledger
        .get()
        .decide(py, |ledger| ledger.decide_suspense_release(release))
}

/// Initiator, reference and leg of each.
#[pyfunction]
fn expired_transfers(
    py: Python<'_>,
    ledger: &Bound<'_, Ledger>,
    now_ms: u64,
    most: usize,
) -> PyResult<Vec<(String, String, u32)>> {
    ledger.get().run(py, |state| {
        let due = state.ledger.expired_transfers(now_ms, most).into_iter();
        Ok(due
            .map(|(initiator, name)| (initiator, name.reference, name.leg))
            .collect())
    })
}

#[pyfunction]
fn transfer<'py>(
    py: Python<'py>,
    ledger: &Bound<'py, Ledger>,
    initiator: &str,
    reference: &str,
) -> PyResult<Option<View<'py>>> {
    let found = ledger
        .get()
        .run(py, |state| Ok(state.ledger.transfer(initiator, reference)))?;
    Ok(found.map(|view| {
        let pending = view.pending.into_iter();
        let pending = pending.map(|(leg, t, until)| (leg, t.asset, t.from, t.to, t.amount, until));
        (
            PyBytes::new(py, &view.body_sha256),
            view.statuses.iter().map(|status| status.tag()).collect(),
            view.legs.iter().map(|state| state.name()).collect(),
            pending.collect(),
        )
    }))
}

fn leg(py: Python<'_>, leg: Leg) -> PyResult<TransferLeg> {
    let (kind, asset, from, to, amount, expires_ms, reference, number) = leg;
    let terms = TransferTerms {
        asset,
        from,
        to,
        amount,
    };
    let pending = PendingName {
        reference,
        leg: number,
    };
    match kind.as_str() {
        "move" => Ok(TransferLeg::Move(terms)),
        "pend" => Ok(TransferLeg::Pend { terms, expires_ms }),
        "post" => Ok(TransferLeg::Post { pending, amount }),
        "void" => Ok(TransferLeg::Void { pending }),
        _ => Err(raise(py, "Malformed", ("legs", "a kind that is not known"))),
    }
}

fn stored(fact: &Fact) -> Result<Vec<u8>, LedgerError> {
    fact.encode()
        .ok_or_else(|| LedgerError::Broken("a fact without stored form".to_owned()))
}
