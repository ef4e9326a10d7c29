//! Looking ahead: what the next few submissions will be looked up by is fetched together, so that the processor waits
//! for the memory of all of them once and not of each in turn. It changes nothing and answers nothing.

use std::hint::black_box;
use std::sync::Arc;

use crate::candidate::Candidate;
use crate::ledger::Ledger;

/// So many submissions are looked ahead for at once: what is fetched stays in the nearest caches until it is used.
pub const AHEAD: usize = 32;

impl Ledger {
    /// Fetches what the next submissions need, `AHEAD` or fewer: their ids, their customers' shares, their limits' keys.
    pub fn look_ahead<'a>(
        &self,
        candidates: impl Iterator<Item = &'a Arc<Candidate>> + Clone,
        now_ms: u64,
    ) {
        let mut seen = 0_u64;
        for candidate in candidates.clone() {
            let subject = self.asked_by(candidate);
            let id = candidate.withdrawal_id(now_ms, 0);
            seen ^= u64::from(self.ids.fetch(&id, &candidate.key));
            seen ^= u64::from(self.queue.fetch(subject.wallet, &subject.customer));
            seen ^= self.limits.fetch_keys(&subject);
        }
        // What the keys lead to is known only once they are here.
        for candidate in candidates {
            seen ^= self.limits.fetch_tracks(&self.asked_by(candidate));
        }
        black_box(seen);
    }
}
