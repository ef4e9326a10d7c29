//! Replay: records are facts, so nothing is decided again. Works from the stored bytes alone.

use custody_ledger::{Fact, Ledger, LedgerError};
use custody_wire::messages::journal::v1::{RecordHeader, RecordKind};
use custody_wire::unpack_record;
use prost::Message;

use crate::body::SharedNames;
use crate::outcome;

/// Applies one journal row's record: intake's leaves, or the ledger's facts behind leaf 1 of any other kind.
///
/// # Errors
/// `Broken`: the journal does not fit the ledger, which is poisoned.
pub fn apply_record(
    ledger: &mut Ledger,
    kind: u32,
    record: &[u8],
    sequence: u64,
) -> Result<(), LedgerError> {
    ledger.intact()?;
    replay(ledger, kind, record, sequence).map_err(|reason| {
        let reason = format!("row {sequence}: {reason}");
        ledger.poison(&reason);
        LedgerError::Broken(reason)
    })
}

fn replay(ledger: &mut Ledger, kind: u32, record: &[u8], sequence: u64) -> Result<(), String> {
    let parts = unpack_record(record).map_err(|error| error.to_string())?;
    let header = RecordHeader::decode(parts.header).map_err(|error| error.to_string())?;
    let is_intake = i32::try_from(kind) == Ok(i32::from(RecordKind::WithdrawalsSubmitted));
    let shared = &mut SharedNames::default();
    for (number, leaf) in (1_u32..).zip(&parts.leaves) {
        match is_intake {
            true => {
                let recorded_ms = header.recorded_unix_ms;
                let fact = outcome::unpack(ledger, shared, leaf, recorded_ms, sequence, number)?;
                let fact = Fact::Submitted(Box::new(fact));
                ledger.apply(&fact).map_err(|error| error.to_string())?;
            }
            false if number == 1 => {}
            false => {
                let fact = Fact::decode(leaf).map_err(|error| error.to_string())?;
                ledger.see(header.recorded_unix_ms);
                ledger.apply(&fact).map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(())
}
