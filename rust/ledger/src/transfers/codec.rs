//! The room's facts to and from their stored form.

use custody_wire::messages::journal::v1 as stored;
use stored::ledger_fact::Fact as Stored;
use stored::transfer_leg::Action;

use crate::error::LedgerError;
use crate::fact_codec::amount;
use crate::transfers::{
    Deposit, PendingName, Surplus, SuspenseRelease, TransferLeg, TransferOrder, TransferRefusal,
    TransferStatus, TransferTerms,
};

type Read<T> = Result<T, LedgerError>;

pub(crate) fn deposited(deposit: Deposit) -> Stored {
    Stored::Deposited(stored::Deposited {
        network: deposit.network,
        tx_hash: deposit.tx_hash.to_vec(),
        output: deposit.output,
        wallet: deposit.wallet,
        asset: deposit.asset,
        amount: deposit.amount.to_string(),
        pool: deposit.pool,
        from_suspense: deposit.from_suspense,
    })
}

pub(crate) fn read_deposited(f: stored::Deposited) -> Read<Deposit> {
    Ok(Deposit {
        tx_hash: digest("tx_hash", &f.tx_hash)?,
        amount: amount("amount", &f.amount)?,
        network: f.network,
        output: f.output,
        wallet: f.wallet,
        asset: f.asset,
        pool: f.pool,
        from_suspense: f.from_suspense,
    })
}

pub(crate) fn transferred(order: TransferOrder) -> Stored {
    Stored::Transferred(stored::Transferred {
        initiator: order.initiator,
        reference: order.reference,
        body_sha256: order.body_sha256.to_vec(),
        submit_before_unix_ms: order.submit_before_ms,
        legs: order.legs.into_iter().map(leg).collect(),
    })
}

pub(crate) fn read_transferred(f: stored::Transferred) -> Read<TransferOrder> {
    Ok(TransferOrder {
        body_sha256: digest("body_sha256", &f.body_sha256)?,
        legs: f.legs.into_iter().map(read_leg).collect::<Read<_>>()?,
        initiator: f.initiator,
        reference: f.reference,
        submit_before_ms: f.submit_before_unix_ms,
    })
}

pub(crate) fn refused(refusal: TransferRefusal) -> Stored {
    Stored::TransferRefused(stored::TransferRefused {
        initiator: refusal.initiator,
        reference: refusal.reference,
        body_sha256: refusal.body_sha256.to_vec(),
        legs: refusal.legs,
        leg: refusal.leg,
        tag: refusal.status.tag().to_owned(),
    })
}

pub(crate) fn read_refused(f: stored::TransferRefused) -> Read<TransferRefusal> {
    let status = TransferStatus::from_tag(&f.tag);
    Ok(TransferRefusal {
        body_sha256: digest("body_sha256", &f.body_sha256)?,
        status: status.ok_or_else(|| LedgerError::malformed("tag", "is not known"))?,
        initiator: f.initiator,
        reference: f.reference,
        legs: f.legs,
        leg: f.leg,
    })
}

pub(crate) fn expired(initiator: String, pending: PendingName) -> Stored {
    Stored::TransferExpired(stored::TransferExpired {
        initiator,
        reference: pending.reference,
        leg: pending.leg,
    })
}

pub(crate) fn surplus(surplus: Surplus) -> Stored {
    Stored::SurplusFound(stored::SurplusFound {
        wallet: surplus.wallet,
        asset: surplus.asset,
        ledger: surplus.ledger.to_string(),
        chain: surplus.chain.to_string(),
        network: surplus.network,
        block_height: surplus.block_height,
        block_hash: surplus.block_hash,
    })
}

pub(crate) fn read_surplus(f: stored::SurplusFound) -> Read<Surplus> {
    Ok(Surplus {
        ledger: amount("ledger", &f.ledger)?,
        chain: amount("chain", &f.chain)?,
        wallet: f.wallet,
        asset: f.asset,
        network: f.network,
        block_height: f.block_height,
        block_hash: f.block_hash,
    })
}

pub(crate) fn released(release: SuspenseRelease) -> Stored {
    Stored::SuspenseReleased(stored::SuspenseReleased {
        release_id: release.id,
        asset: release.asset,
        amount: release.amount.to_string(),
        pool: release.pool,
    })
}

pub(crate) fn read_released(f: stored::SuspenseReleased) -> Read<SuspenseRelease> {
    Ok(SuspenseRelease {
        amount: amount("amount", &f.amount)?,
        id: f.release_id,
        asset: f.asset,
        pool: f.pool,
    })
}

fn leg(leg: TransferLeg) -> stored::TransferLeg {
    let action = match leg {
        TransferLeg::Move(terms) => Action::Moved(stored::TransferMove {
            asset: terms.asset,
            from_pool: terms.from,
            to_pool: terms.to,
            amount: terms.amount.to_string(),
        }),
        TransferLeg::Pend { terms, expires_ms } => Action::Pended(stored::TransferPend {
            asset: terms.asset,
            from_pool: terms.from,
            to_pool: terms.to,
            amount: terms.amount.to_string(),
            expires_unix_ms: expires_ms,
        }),
        TransferLeg::Post { pending, amount } => Action::Posted(stored::TransferPost {
            reference: pending.reference,
            leg: pending.leg,
            amount: amount.to_string(),
        }),
        TransferLeg::Void { pending } => Action::Voided(stored::TransferVoid {
            reference: pending.reference,
            leg: pending.leg,
        }),
    };
    stored::TransferLeg {
        action: Some(action),
    }
}

fn read_leg(leg: stored::TransferLeg) -> Read<TransferLeg> {
    let action = leg
        .action
        .ok_or_else(|| LedgerError::malformed("legs", "one says nothing"))?;
    Ok(match action {
        Action::Moved(f) => TransferLeg::Move(terms(f.asset, f.from_pool, f.to_pool, &f.amount)?),
        Action::Pended(f) => TransferLeg::Pend {
            terms: terms(f.asset, f.from_pool, f.to_pool, &f.amount)?,
            expires_ms: f.expires_unix_ms,
        },
        Action::Posted(f) => TransferLeg::Post {
            amount: amount("amount", &f.amount)?,
            pending: name(f.reference, f.leg),
        },
        Action::Voided(f) => TransferLeg::Void {
            pending: name(f.reference, f.leg),
        },
    })
}

fn terms(asset: String, from: String, to: String, text: &str) -> Read<TransferTerms> {
    Ok(TransferTerms {
        amount: amount("amount", text)?,
        asset,
        from,
        to,
    })
}

fn name(reference: String, leg: u32) -> PendingName {
    PendingName { reference, leg }
}

pub(crate) fn read_expired(f: stored::TransferExpired) -> (String, PendingName) {
    (f.initiator, name(f.reference, f.leg))
}

fn digest(field: &str, bytes: &[u8]) -> Read<[u8; 32]> {
    <[u8; 32]>::try_from(bytes).map_err(|_| LedgerError::malformed(field, "must have 32 bytes"))
}
