//! What a part of a lane holds that can be paid at one moment and at one fee: the summary that lets a search pass by
//! thousands of entries that wait for something, in one step.
//!
//! A summary never says that there is nothing where there is something, at any moment, any fee and any least amount; where it says that
//! there may be something and there is not, because something went, grew late or grew old since, the search that finds
//! out makes it anew. So time and fees may move either way, and no answer depends on what was asked before.

use super::place::{Entry, PATIENCE_MS, Place};
use super::tree::{Node, Summary, Tree, child_of};
use crate::slab::Slot;

/// What decides whether an entry can be paid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub amount: u128,
    pub since_ms: u64,
    pub pay_before_ms: u64,
    /// The most that may be deducted for the network; `u128::MAX` where the house pays.
    pub fee_cap: u128,
}

impl From<&Place> for Terms {
    fn from(place: &Place) -> Self {
        Self {
            amount: place.amount,
            since_ms: place.since_ms,
            pay_before_ms: place.pay_before_ms,
            fee_cap: place.fee_cap.unwrap_or(u128::MAX),
        }
    }
}

impl Terms {
    fn old_from(&self) -> u64 {
        self.since_ms.saturating_add(PATIENCE_MS)
    }
}

/// The moment, the network's fee and the smallest amount at which a selection asks a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub now_ms: u64,
    pub fee: u128,
    pub least: u128,
}

/// Bounds below on the amounts of what can be paid: not past its time, the fee within its cap, not too small. They need not be the
/// best ones: a search that trusted them in vain makes them anew.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// None has less.
    lowest: Least,
    /// None whose patience ended has less, until `old_to_ms`.
    lowest_old: Least,
    old_to_ms: u64,
    /// Before that, what is left out because it is late may not be left out.
    from_ms: u64,
    /// Below that, what is left out because of its fee cap may not be left out.
    fee_from: u128,
    /// Below that, what is left out because it is too small may not be left out.
    least_from: u128,
}

/// A least amount in 16 bytes: `u128::MAX` stands for none, and one less for the two largest amounts.
#[derive(Debug, Clone, Copy)]
struct Least(u128);

impl Least {
    const NONE: Self = Self(u128::MAX);

    fn or(self, amount: u128) -> Self {
        Self(self.0.min(amount.min(u128::MAX - 1)))
    }

    fn and(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    fn may_be(self, most: u128) -> bool {
        self.0 <= most && self.0 != Self::NONE.0
    }
}

impl Summary for Reach {
    type Terms = Terms;

    fn empty() -> Self {
        Self {
            lowest: Least::NONE,
            lowest_old: Least::NONE,
            old_to_ms: u64::MAX,
            from_ms: 0,
            fee_from: 0,
            least_from: 0,
        }
    }

    fn add(&mut self, terms: &Terms) {
        self.lowest = self.lowest.or(terms.amount);
        self.old_to_ms = self.old_to_ms.min(terms.old_from().saturating_sub(1));
    }

    fn take_in(&mut self, other: &Self) {
        self.lowest = self.lowest.and(other.lowest);
        self.lowest_old = self.lowest_old.and(other.lowest_old);
        self.old_to_ms = self.old_to_ms.min(other.old_to_ms);
        self.from_ms = self.from_ms.max(other.from_ms);
        self.fee_from = self.fee_from.max(other.fee_from);
        self.least_from = self.least_from.max(other.least_from);
    }
}

impl Reach {
    /// Counts an entry as it stands at `moment`.
    fn count(&mut self, terms: &Terms, moment: Moment) {
        if moment.now_ms >= terms.pay_before_ms {
            self.from_ms = self.from_ms.max(terms.pay_before_ms);
        } else if moment.fee > terms.fee_cap {
            self.fee_from = self.fee_from.max(terms.fee_cap.saturating_add(1));
        } else if terms.amount < moment.least {
            self.least_from = self.least_from.max(terms.amount.saturating_add(1));
        } else {
            self.lowest = self.lowest.or(terms.amount);
            if moment.now_ms >= terms.old_from() {
                self.lowest_old = self.lowest_old.or(terms.amount);
            } else {
                self.old_to_ms = self.old_to_ms.min(terms.old_from().saturating_sub(1));
            }
        }
    }

    /// As it is from `moment` on, with a bound on the old ones that holds then.
    fn at(&self, moment: Moment) -> Self {
        if moment.now_ms <= self.old_to_ms {
            return self.clone();
        }
        Self {
            lowest_old: self.lowest,
            old_to_ms: u64::MAX,
            ..self.clone()
        }
    }

    /// Whether there may be one that is wanted.
    fn may_have(&self, want: Want, moment: Moment) -> bool {
        let Moment { now_ms, fee, least } = moment;
        if now_ms < self.from_ms || fee < self.fee_from || least < self.least_from {
            return true;
        }
        let old_known = moment.now_ms <= self.old_to_ms;
        self.lowest.may_be(want.most)
            && (!want.old || !old_known || self.lowest_old.may_be(want.most))
    }
}

/// What a search looks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want {
    /// The largest amount.
    pub most: u128,
    /// Only those whose patience ended.
    pub old: bool,
}

/// What a search found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub entry: Entry,
    pub amount: u128,
    pub old: bool,
}

/// A search at one moment. `terms` answers for any entry of the lane; `looked` counts the work.
pub(crate) struct Search<'a, F> {
    pub moment: Moment,
    pub terms: F,
    pub looked: &'a mut u64,
}

impl<F: Fn(Slot) -> Option<Terms>> Search<'_, F> {
    /// The first entry behind `after` that can be paid and is wanted.
    pub fn next(
        &mut self,
        tree: &mut Tree<Entry, Reach>,
        after: Option<&Entry>,
        want: Want,
    ) -> Option<Found> {
        let root = &mut tree.root;
        *self.looked = self.looked.saturating_add(1);
        if !root.summary.may_have(want, self.moment) {
            return None;
        }
        let found = self.within(&mut root.node, after, want);
        if found.is_none() && after.is_none() {
            root.summary = self.anew(&root.node);
        }
        found
    }

    fn within(
        &mut self,
        node: &mut Node<Entry, Reach>,
        after: Option<&Entry>,
        want: Want,
    ) -> Option<Found> {
        match node {
            Node::Leaf(entries) => {
                let from = after.map_or(0, |after| entries.partition_point(|e| e <= after));
                entries.get(from..)?.iter().find_map(|entry| {
                    *self.looked = self.looked.saturating_add(1);
                    self.stands(*entry, want)
                })
            }
            Node::Inner(children) => {
                let from = after.map_or(0, |after| child_of(children, after));
                // Only in the first child may entries lie before `after`.
                let mut after = after;
                for child in children.get_mut(from..)? {
                    *self.looked = self.looked.saturating_add(1);
                    let after = after.take();
                    if !child.summary.may_have(want, self.moment) {
                        continue;
                    }
                    let found = self.within(&mut child.node, after, want);
                    if found.is_some() {
                        return found;
                    }
                    if after.is_none() {
                        child.summary = self.anew(&child.node);
                    }
                }
                None
            }
        }
    }

    fn stands(&self, entry: Entry, want: Want) -> Option<Found> {
        let terms = (self.terms)(entry.slot)?;
        let old = self.moment.now_ms >= terms.old_from();
        let payable = self.moment.now_ms < terms.pay_before_ms
            && self.moment.fee <= terms.fee_cap
            && self.moment.least <= terms.amount;
        (payable && terms.amount <= want.most && (old || !want.old)).then_some(Found {
            entry,
            amount: terms.amount,
            old,
        })
    }

    /// A node's summary at this moment, from its entries, or from its children's, which a search through it made.
    fn anew(&mut self, node: &Node<Entry, Reach>) -> Reach {
        let mut made = Reach::empty();
        match node {
            Node::Leaf(entries) => {
                for entry in entries {
                    *self.looked = self.looked.saturating_add(1);
                    if let Some(terms) = (self.terms)(entry.slot) {
                        made.count(&terms, self.moment);
                    }
                }
            }
            Node::Inner(children) => {
                for child in children {
                    made.take_in(&child.summary.at(self.moment));
                }
            }
        }
        made
    }
}
