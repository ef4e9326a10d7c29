//! The recent `r` values of one key: a repeated one over another digest gives the private key away, and stops it.

use std::collections::{HashMap, VecDeque};

use crate::error::HsmError;

/// Half of a value is enough to tell values apart, and bounds a key's memory to about 4 MiB.
type Half = [u8; 16];

const REMEMBERED: usize = 1 << 16;

/// What is remembered of one key.
#[derive(Debug, Default)]
pub(crate) struct RecentNonces {
    digest_of: HashMap<Half, Half>,
    oldest_first: VecDeque<Half>,
    quarantined: bool,
}

impl RecentNonces {
    /// Refuses when the key has been quarantined in this process.
    pub(crate) fn check(&self, label: &str) -> Result<(), HsmError> {
        if self.quarantined {
            return Err(HsmError::failed(format!(
                "key {label} is quarantined: its token repeated r; move its funds and replace the token"
            )));
        }
        Ok(())
    }

    /// Remembers a signature's `r`; a repeated one over another digest quarantines the key. The same `r` over the
    /// same digest is what a deterministic token (RFC 6979) gives, and says nothing new.
    pub(crate) fn remember(
        &mut self,
        label: &str,
        r: &[u8],
        digest: &[u8; 32],
    ) -> Result<(), HsmError> {
        self.check(label)?;
        let (Some(r), Some(digest)) = (r.first_chunk::<16>(), digest.first_chunk::<16>()) else {
            return Err(HsmError::failed("r is shorter than 16 bytes"));
        };
        match self.digest_of.get(r) {
            Some(known) if known == digest => return Ok(()),
            Some(_) => {
                self.quarantined = true;
                return self.check(label);
            }
            None => {}
        }
        if self.oldest_first.len() >= REMEMBERED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.digest_of.remove(&oldest);
        }
        self.digest_of.insert(*r, *digest);
        self.oldest_first.push_back(*r);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::as_conversions)]
mod tests {
    use super::*;

    fn value(n: usize) -> [u8; 32] {
        let mut value = [0; 32];
        value[..8].copy_from_slice(&(n as u64).to_be_bytes());
        value
    }

    #[test]
    fn a_repeated_r_stops_the_key_for_good() {
        let mut recent = RecentNonces::default();
        recent.remember("k", &value(1), &value(10)).unwrap();
        recent.remember("k", &value(1), &value(10)).unwrap();
        let error = recent.remember("k", &value(1), &value(11)).unwrap_err();
        assert!(error.to_string().contains("repeated r"), "{error}");
        assert!(recent.remember("k", &value(2), &value(12)).is_err());
        assert!(recent.check("k").is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let mut recent = RecentNonces::default();
        for n in 0..REMEMBERED + 10 {
            recent.remember("k", &value(n), &value(n)).unwrap();
        }
        assert_eq!(recent.digest_of.len(), REMEMBERED);
        assert_eq!(recent.oldest_first.len(), REMEMBERED);
        // The oldest is forgotten (no better can be done in bounded memory); the one after those ten is not.
        recent.remember("k", &value(0), &value(7)).unwrap();
        assert!(recent.remember("k", &value(11), &value(7)).is_err());
    }
}
