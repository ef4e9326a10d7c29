//! What one key spent: one event in place, a few in a list that all windows share, many in buckets for each window.

use std::collections::VecDeque;

use crate::limits::window::{EXACT, Slot, Spent, Window, is_over};

/// For how long a tally keeps events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Horizon {
    /// The lengths of its windows, ms: at least one, ascending, each once.
    Sliding(Vec<u64>),
    /// For ever, all in one sum.
    Lifetime,
}

impl Horizon {
    /// The longest window; `None` for ever.
    pub fn longest_ms(&self) -> Option<u64> {
        match self {
            Self::Sliding(lengths) => lengths.last().copied(),
            Self::Lifetime => None,
        }
    }

    /// One window; `None` for ever.
    pub fn length_ms(&self, window: usize) -> Option<u64> {
        match self {
            Self::Sliding(lengths) => lengths.get(window).copied(),
            Self::Lifetime => None,
        }
    }

    pub fn is_over(&self, at_ms: u64, now_ms: u64) -> bool {
        self.longest_ms()
            .is_some_and(|length_ms| is_over(at_ms, length_ms, now_ms))
    }
}

/// 32 bytes, so that a million keys with one event each stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Track {
    One {
        at_ms: u64,
        /// High and low half.
        amount: [u64; 2],
        count: u32,
    },
    /// In order of time, at most `EXACT`.
    Few(Vec<Slot>),
    /// By window.
    Many(Box<[Window]>),
}

impl Track {
    /// A track with one slot.
    pub fn one(slot: Slot) -> Self {
        let half = |shift: u32| {
            u64::try_from((slot.spent.amount >> shift) & u128::from(u64::MAX)).unwrap_or(0)
        };
        match u32::try_from(slot.spent.count) {
            Ok(count) => Self::One {
                at_ms: slot.at_ms,
                amount: [half(64), half(0)],
                count,
            },
            Err(_) => Self::Few(vec![slot]),
        }
    }

    /// A track of exact slots, which are in order of time.
    pub fn few(slots: Vec<Slot>) -> Self {
        match slots.as_slice() {
            [one] => Self::one(*one),
            _ => Self::Few(slots),
        }
    }

    /// What counts in a window.
    pub fn spent(&self, window: usize, length_ms: Option<u64>, now_ms: u64) -> Spent {
        let alive = |slot: &Slot| length_ms.is_none_or(|ms| !is_over(slot.at_ms, ms, now_ms));
        match self {
            Self::One { .. } => self
                .single()
                .filter(alive)
                .map_or_else(Spent::default, |slot| slot.spent),
            Self::Few(slots) => {
                slots.iter().rev().take_while(|slot| alive(slot)).fold(
                    Spent::default(),
                    |sum, slot| Spent {
                        // Their sum was checked when they were charged.
                        amount: sum.amount.saturating_add(slot.spent.amount),
                        count: sum.count.saturating_add(slot.spent.count),
                    },
                )
            }
            Self::Many(windows) => windows
                .get(window)
                .map(|window| window.spent(now_ms))
                .unwrap_or_default(),
        }
    }

    /// Reads the newest of what is not in place, and answers nothing that means anything.
    pub fn fetch(&self) -> u64 {
        match self {
            Self::One { at_ms, .. } => *at_ms,
            Self::Few(slots) => slots.last().map_or(0, |slot| slot.at_ms),
            Self::Many(windows) => windows.first().map_or(0, Window::length_ms),
        }
    }

    /// The earliest time, from `now_ms` on, at which what counts in a window `fits`; `None` for never.
    pub fn earliest(
        &self,
        window: usize,
        length_ms: Option<u64>,
        fits: impl Fn(Spent) -> bool,
        now_ms: u64,
    ) -> Option<u64> {
        let mut left = self.spent(window, length_ms, now_ms);
        if fits(left) {
            return Some(now_ms);
        }
        let length_ms = length_ms?;
        let mut pass = |slot: &Slot| {
            left = left.less(slot.spent);
            fits(left).then(|| slot.at_ms.checked_add(length_ms))
        };
        match self {
            Self::One { .. } => self.single().and_then(|slot| pass(&slot)),
            Self::Few(slots) => slots
                .iter()
                .filter(|slot| !is_over(slot.at_ms, length_ms, now_ms))
                .find_map(pass),
            Self::Many(windows) => windows.get(window)?.in_order(now_ms).find_map(pass),
        }
        .flatten()
    }

    /// Counts an event; `now_ms` never goes back. `None` when a sum would exceed its type: nothing counts more.
    pub fn charge(&mut self, horizon: &Horizon, event: Spent, now_ms: u64) -> Option<()> {
        let slot = Slot {
            at_ms: now_ms,
            spent: event,
        };
        match self {
            Self::One { at_ms, .. } => {
                if horizon.is_over(*at_ms, now_ms) {
                    *self = Self::one(slot);
                    return Some(());
                }
                let before = self.single()?;
                let spent = before.spent.plus(event)?;
                *self = match horizon {
                    Horizon::Sliding(_) if before.at_ms < now_ms => Self::Few(vec![before, slot]),
                    _ => Self::one(Slot {
                        at_ms: before.at_ms.max(now_ms),
                        spent,
                    }),
                };
                Some(())
            }
            Self::Few(slots) => {
                let over = slots
                    .iter()
                    .take_while(|slot| horizon.is_over(slot.at_ms, now_ms))
                    .count();
                slots.drain(..over);
                let mut total = event;
                for slot in slots.iter() {
                    total = total.plus(slot.spent)?;
                }
                let crowded = slots.len() >= EXACT;
                match (slots.last_mut(), horizon) {
                    (None, _) => *self = Self::one(slot),
                    (Some(_), Horizon::Lifetime) => {
                        *self = Self::one(Slot {
                            at_ms: now_ms,
                            spent: total,
                        });
                    }
                    (Some(last), _) if last.at_ms >= now_ms => {
                        last.spent = last.spent.plus(event)?;
                    }
                    (Some(_), Horizon::Sliding(lengths)) if crowded => {
                        *self = many(slots, lengths)?;
                        return self.charge(horizon, event, now_ms);
                    }
                    _ => slots.push(slot),
                }
                Some(())
            }
            Self::Many(windows) => {
                for window in windows.iter_mut() {
                    window.forget(now_ms);
                    window.spent(now_ms).plus(event)?;
                }
                if windows.iter().all(|window| window.is_idle(now_ms)) {
                    *self = Self::one(slot);
                    return Some(());
                }
                windows
                    .iter_mut()
                    .try_for_each(|window| window.charge(event, now_ms))
            }
        }
    }

    /// Takes an event back that was charged at `charged_ms`; does nothing once it no longer counts. Answers whether
    /// anything is left.
    pub fn release(
        &mut self,
        horizon: &Horizon,
        event: Spent,
        charged_ms: u64,
        now_ms: u64,
    ) -> bool {
        match self {
            Self::One { .. } => {
                let Some(mut slot) = self.single() else {
                    return true;
                };
                if *horizon == Horizon::Lifetime || slot.at_ms == charged_ms {
                    slot.spent = slot.spent.less(slot.spent.part(event));
                    *self = Self::one(slot);
                }
                slot.spent != Spent::default()
            }
            Self::Few(slots) => {
                let found = match horizon {
                    Horizon::Lifetime => Ok(0),
                    Horizon::Sliding(_) => {
                        slots.binary_search_by_key(&charged_ms, |slot| slot.at_ms)
                    }
                };
                if let Ok(index) = found
                    && let Some(slot) = slots.get_mut(index)
                {
                    slot.spent = slot.spent.less(slot.spent.part(event));
                    if slot.spent == Spent::default() {
                        slots.remove(index);
                    }
                }
                if let [one] = slots.as_slice() {
                    *self = Self::one(*one);
                    return true;
                }
                !slots.is_empty()
            }
            Self::Many(windows) => {
                for window in windows.iter_mut() {
                    window.release(event, charged_ms, now_ms);
                }
                !windows.iter().all(|window| window.is_idle(now_ms))
            }
        }
    }

    /// Whether nothing counts any more.
    pub fn is_idle(&self, horizon: &Horizon, now_ms: u64) -> bool {
        match self {
            Self::One { at_ms, .. } => horizon.is_over(*at_ms, now_ms),
            Self::Few(slots) => slots
                .last()
                .is_none_or(|last| horizon.is_over(last.at_ms, now_ms)),
            Self::Many(windows) => windows.iter().all(|window| window.is_idle(now_ms)),
        }
    }

    /// The same events for other windows, for a book whose owner cannot count them again: as coarse as they were, and
    /// what was forgotten stays forgotten.
    pub fn resized(&mut self, lengths: &[u64]) -> Option<()> {
        let Self::Many(windows) = self else {
            return Some(());
        };
        let mut made = Vec::with_capacity(lengths.len());
        for length_ms in lengths {
            let same_or_longer = windows
                .iter()
                .find(|window| window.length_ms() >= *length_ms);
            let from = same_or_longer.or_else(|| windows.last())?;
            made.push(if from.length_ms() == *length_ms {
                from.clone()
            } else {
                from.resized(*length_ms)?
            });
        }
        *self = Self::Many(made.into_boxed_slice());
        Some(())
    }

    /// The one slot of `One`.
    pub fn single(&self) -> Option<Slot> {
        let Self::One {
            at_ms,
            amount: [high, low],
            count,
        } = self
        else {
            return None;
        };
        Some(Slot {
            at_ms: *at_ms,
            spent: Spent {
                amount: (u128::from(*high) << 64) | u128::from(*low),
                count: u64::from(*count),
            },
        })
    }
}

/// Exact slots, for each window.
fn many(slots: &[Slot], lengths: &[u64]) -> Option<Track> {
    let windows = lengths.iter().map(|length_ms| {
        Window::of_slots(*length_ms, VecDeque::new(), VecDeque::from(slots.to_vec()))
    });
    Some(Track::Many(windows.collect::<Option<Box<[Window]>>>()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_track_is_small_and_amounts_survive_their_halves() {
        assert_eq!(size_of::<Track>(), 32);
        for amount in [0, 1, u128::from(u64::MAX), 1 << 64, u128::MAX] {
            let slot = Slot {
                at_ms: 5,
                spent: Spent { amount, count: 3 },
            };
            assert_eq!(Track::one(slot).single(), Some(slot));
        }
        let crowd = Slot {
            at_ms: 5,
            spent: Spent {
                amount: 1,
                count: 1 << 40,
            },
        };
        assert_eq!(Track::one(crowd), Track::Few(vec![crowd]));
    }

    #[test]
    fn for_ever_is_for_ever_and_one_sum() {
        let horizon = Horizon::Lifetime;
        let event = Spent {
            amount: 2,
            count: 1,
        };
        let mut track = Track::one(Slot {
            at_ms: 0,
            spent: event,
        });
        for at in [1, 1, 9, u64::MAX] {
            track.charge(&horizon, event, at).unwrap();
            assert!(matches!(track, Track::One { .. }));
        }
        assert_eq!(
            track.spent(0, None, u64::MAX),
            Spent {
                amount: 10,
                count: 5
            }
        );
        assert!(!track.is_idle(&horizon, u64::MAX));
        assert!(track.release(&horizon, event, 3, u64::MAX));
        assert_eq!(
            track.earliest(0, None, |spent| spent.amount <= 8, 5),
            Some(5)
        );
        assert_eq!(track.earliest(0, None, |spent| spent.amount <= 7, 5), None);
        // More events than fit into the small form.
        let slot = |at_ms, amount, count| Slot {
            at_ms,
            spent: Spent { amount, count },
        };
        let mut crowd = Track::one(slot(5, 1, 1 << 40));
        for at in 6..=8 {
            crowd.charge(&horizon, event, at).unwrap();
        }
        assert_eq!(crowd, Track::Few(vec![slot(8, 7, (1 << 40) + 3)]));
        let near = Spent {
            amount: u128::MAX,
            count: 1,
        };
        assert_eq!(track.charge(&horizon, near, u64::MAX), None);
        assert_eq!(track.spent(0, None, 0).amount, 8);
    }
}
