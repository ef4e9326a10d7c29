//! What limits fetch for `Ledger::look_ahead`: keys first, then what those keys spent.

use crate::limits::book::LimitBook;
use crate::limits::key::Key;
use crate::limits::tally::Tally;
use crate::limits::track::Track;
use crate::subject::Subject;

/// So many keys stay in the nearest caches.
const AT_HAND: usize = 1_024;

impl LimitBook {
    /// Fetches where the keys of a withdrawal's limits are looked up; see `Ledger::look_ahead`.
    pub(crate) fn fetch_keys(&self, subject: &Subject) -> u64 {
        let mut seen = 0;
        self.for_covering(subject, |_, tally| seen ^= tally.fetch_key(subject));
        seen
    }

    /// Fetches what those keys spent.
    pub(crate) fn fetch_tracks(&self, subject: &Subject) -> u64 {
        let mut seen = 0;
        self.for_covering(subject, |_, tally| seen ^= tally.fetch_track(subject));
        seen
    }
}

impl Tally {
    /// Fetches where the subject's key is looked up. A few keys are at hand anyway.
    fn fetch_key(&self, subject: &Subject) -> u64 {
        match self.shelf.len() > AT_HAND {
            true => self.shelf.fetch(&Key::of(subject, self.counted.scope)),
            false => 0,
        }
    }

    /// Fetches what its key spent.
    fn fetch_track(&self, subject: &Subject) -> u64 {
        match self.shelf.len() > AT_HAND {
            true => self.track(subject).map_or(0, Track::fetch),
            false => 0,
        }
    }
}
