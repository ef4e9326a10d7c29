//! The whole state in bytes, and back: what a start reads instead of every fact since the first.
//!
//! A ledger that was read decides, selects and answers as the one that was written, writes the same bytes again, and
//! has the same state hash: the places in its slabs, the order of its timelines and the numbers of its names are the
//! same. What follows from the rest (indexes, lanes, shares, deadlines, sums) is made anew.
//!
//! The checksum tells damage, not malice: whoever can write a snapshot can write its checksum. So what is read must
//! hold together (`check`): every name, place and chain, every balance, every amount reserved and what it is reserved
//! for; and what was read must write the same bytes. Either the whole of it is taken, or nothing.

mod check;
mod ids;
mod payouts;
mod sections;
mod world;

use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::limits::LimitBook;
use crate::queue::Queue;
use crate::transfers::{DepositBook, TransferBook};
use sections::{Kind, Saved, Sections};

const HEAD: Kind = Kind(1, "head");
const SYMBOLS: Kind = Kind(2, "symbols");
const ROUTES: Kind = Kind(3, "routes");
const POOLS: Kind = Kind(4, "pools");
const BOOKS: Kind = Kind(5, "books");
const OPENED: Kind = Kind(6, "opened");
const RELEASES: Kind = Kind(7, "releases");
const HALTS: Kind = Kind(8, "halts");
const LIMITS: Kind = Kind(9, "limits");
const QUEUE: Kind = Kind(10, "queue");
const OLD_IDS: Kind = Kind(11, "old_ids");
const FREE: Kind = Kind(12, "free");
const PAYOUT_IDS: Kind = Kind(13, "payout_ids");
const WITHDRAWALS: Kind = Kind(14, "withdrawals");
const REJECTIONS: Kind = Kind(15, "rejections");
const FOLLOWED: Kind = Kind(16, "followed");
const PAYOUTS: Kind = Kind(17, "payouts");
const LEGS: Kind = Kind(18, "legs");
const ORDERS: Kind = Kind(19, "orders");
const PENDING: Kind = Kind(20, "pending");
const DEPOSITS: Kind = Kind(21, "deposits");

impl Ledger {
    /// Writes a snapshot, in parts of about 64 KiB, in order.
    ///
    /// # Errors
    /// `Broken`: nothing was written.
    pub fn write_snapshot(&self, out: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        self.intact()?;
        let mut to = Sections::new(out);
        self.write_world(&mut to);
        to.item(LIMITS, |out| self.limits.write(&self.symbols, out.0));
        to.bytes(QUEUE, |piece| piece.extend(self.queue.save(&self.symbols)));
        self.write_ids(&mut to);
        self.write_payouts(&mut to);
        self.transfers.save_answered(|write| to.item(ORDERS, write));
        self.transfers.save_pending(|write| to.item(PENDING, write));
        self.deposits.save(|write| to.item(DEPOSITS, write));
        to.finish();
        Ok(())
    }

    /// A snapshot.
    ///
    /// # Errors
    /// `Broken`.
    pub fn snapshot(&self) -> Result<Vec<u8>, LedgerError> {
        let mut bytes = Vec::new();
        self.write_snapshot(&mut |part| bytes.extend_from_slice(part))?;
        Ok(bytes)
    }

    /// The ledger that a snapshot is of.
    ///
    /// # Errors
    /// `Malformed`: no snapshot, of another version, cut off, changed, or one that contradicts itself. The field says
    /// where. Never a part of a ledger, and no more memory than in proportion to what was given: a few times, where it is
    /// not all freed places.
    pub fn read_snapshot(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut from = Saved::open(bytes)?;
        let mut ledger = Self::new();
        let counts = ledger.read_world(&mut from)?;
        let names = ledger.symbols.len();
        ledger.limits = from.one(LIMITS, |from| {
            let limits = LimitBook::read(from.0, &mut ledger.symbols).ok();
            from.0 = &[];
            limits
        })?;
        if ledger.symbols.len() != names || ledger.limits.time(0) != ledger.time_ms {
            return Err(Saved::refused(LIMITS));
        }
        ledger.queue = from.one(QUEUE, |from| {
            let queue = Queue::load(from.0, &ledger.symbols);
            from.0 = &[];
            queue
        })?;
        ledger.read_ids(&mut from, &counts)?;
        ledger.read_payouts(&mut from)?;
        let (mut orders, mut deposits) = (TransferBook::default(), DepositBook::default());
        let symbols = &ledger.symbols;
        from.each(ORDERS, |from| orders.load_answered(from))?;
        from.each(PENDING, |from| orders.load_pending(from, symbols))?;
        from.each(DEPOSITS, |from| deposits.load(from, symbols))?;
        from.end()?;
        if !orders.is_whole() {
            return Err(Saved::refused(PENDING));
        }
        (ledger.transfers, ledger.deposits) = (orders, deposits);
        ledger.check_restored()?;
        ledger.check_same(bytes)?;
        Ok(ledger)
    }

    /// That it writes the bytes that it was read from.
    fn check_same(&self, bytes: &[u8]) -> Result<(), LedgerError> {
        let mut left = Some(bytes);
        self.write_snapshot(&mut |part| left = left.and_then(|left| left.strip_prefix(part)))?;
        match left {
            Some([]) => Ok(()),
            _ => Err(LedgerError::malformed(
                "snapshot",
                "is not what its own ledger writes",
            )),
        }
    }
}
