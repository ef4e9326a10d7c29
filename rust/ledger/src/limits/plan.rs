//! A change of rules, worked out beside the book: tallies that stay, and new ones that the withdrawals in memory are
//! counted into before the book takes them. A plan that fails is dropped and nothing has changed.

use hashbrown::HashMap;

use crate::error::LedgerError;
use crate::limits::book::LimitBook;
use crate::limits::covers::Filters;
use crate::limits::rule::{LimitRule, Span};
use crate::limits::tally::{Counted, Tally, Terms};
use crate::limits::track::Horizon;
use crate::limits::verdict::LimitError;
use crate::limits::window::is_over;
use crate::subject::Subject;
use crate::symbols::{Symbol, Symbols};

/// New rules, and what they count.
#[derive(Debug)]
pub struct Plan {
    /// By id.
    pub(crate) rules: Vec<(Symbol, LimitRule)>,
    /// Tallies that stay, with their limits.
    pub(crate) kept: Vec<(u32, Vec<Terms>)>,
    /// Tallies that are counted over again, some in place of one that had other windows.
    pub(crate) fresh: Vec<(Option<u32>, Tally)>,
    /// Into `fresh`.
    filters: Filters,
    time_ms: u64,
}

impl Plan {
    /// Whether nothing has to be counted again.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.fresh.is_empty()
    }

    /// Counts a withdrawal that was charged before and not given back; in order of `charged_ms`.
    ///
    /// # Errors
    /// `Overflow`: the plan cannot be used.
    pub fn count(
        &mut self,
        subject: &Subject,
        amount: u128,
        charged_ms: u64,
    ) -> Result<(), LimitError> {
        for number in self.filters.covering(subject) {
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            let Some((_, tally)) = self.fresh.get_mut(index) else {
                continue;
            };
            let over = tally
                .horizon
                .longest_ms()
                .is_some_and(|length_ms| is_over(charged_ms, length_ms, self.time_ms));
            if !over && tally.charge(subject, amount, charged_ms).is_none() {
                let limit = tally.terms.first().map_or(Symbol::NONE, |terms| terms.id);
                return Err(LimitError::Overflow(limit));
            }
        }
        Ok(())
    }
}

impl LimitBook {
    /// Works out a change of rules. A tally stays when the same withdrawals are counted under the same keys and no window
    /// has a length that it did not have; all others begin empty, for [`Plan::count`].
    ///
    /// # Errors
    /// `Malformed`: a rule that cannot be used, or two of one id.
    pub fn plan(&self, rules: &[LimitRule], symbols: &mut Symbols) -> Result<Plan, LedgerError> {
        let mut sorted: Vec<&LimitRule> = rules.iter().collect();
        sorted.sort_by(|one, other| one.id.cmp(&other.id));
        let mut before: Option<&LimitRule> = None;
        for rule in &sorted {
            rule.check()?;
            if before.is_some_and(|before| before.id == rule.id) {
                let field = format!("limits.{}", rule.id);
                return Err(LedgerError::malformed(&field, "occurs twice"));
            }
            before = Some(rule);
        }
        let rules: Vec<(Symbol, LimitRule)> = sorted
            .into_iter()
            .map(|rule| (symbols.intern(&rule.id), rule.clone()))
            .collect();
        let mut plan = Plan {
            rules: Vec::new(),
            kept: Vec::new(),
            fresh: Vec::new(),
            filters: Filters::default(),
            time_ms: self.time_ms,
        };
        let numbers: HashMap<Counted, u32> = (0_u32..)
            .zip(&self.tallies)
            .filter_map(|(number, tally)| Some((tally.as_ref()?.counted, number)))
            .collect();
        for (counted, horizon, terms) in tallies(&rules, symbols) {
            let number = numbers.get(&counted).copied();
            let stays = number
                .and_then(|number| self.tally(number))
                .is_some_and(|before| has_all(&before.horizon, &horizon));
            match number {
                Some(number) if stays => {
                    plan.kept.push((number, terms));
                }
                _ => {
                    let mut tally = Tally::new(counted, horizon, self.known_from_ms);
                    tally.terms = terms;
                    let index = u32::try_from(plan.fresh.len()).unwrap_or(u32::MAX);
                    plan.filters.add(&counted, index);
                    plan.fresh.push((number, tally));
                }
            }
        }
        plan.rules = rules;
        Ok(plan)
    }
}

/// The tallies of rules, which are in order of id, in the order of the first limit of each.
pub(crate) fn tallies(
    rules: &[(Symbol, LimitRule)],
    symbols: &mut Symbols,
) -> Vec<(Counted, Horizon, Vec<Terms>)> {
    let mut places: HashMap<Counted, usize> = HashMap::new();
    let mut made: Vec<(Counted, Horizon, Vec<Terms>)> = Vec::new();
    for (rank, (id, rule)) in rules.iter().enumerate() {
        let counted = Counted::of(rule, symbols);
        let horizon = match rule.span {
            Span::Sliding(length_ms) => Horizon::Sliding(vec![length_ms]),
            Span::Lifetime => Horizon::Lifetime,
        };
        let terms = Terms {
            id: *id,
            rank,
            window: 0,
            span: rule.span,
            amount: rule.amount,
            count: rule.count,
            over: rule.over,
        };
        let place = *places.entry(counted).or_insert(made.len());
        match made.get_mut(place) {
            None => made.push((counted, horizon, vec![terms])),
            Some((_, all, limits)) => {
                limits.push(terms);
                if let (Horizon::Sliding(lengths), Horizon::Sliding(more)) = (all, horizon) {
                    lengths.extend(more);
                }
            }
        }
    }
    for (_, horizon, limits) in &mut made {
        if let Horizon::Sliding(lengths) = horizon {
            lengths.sort_unstable();
            lengths.dedup();
        }
        place_windows(horizon, limits);
    }
    made
}

/// Points each limit at its window of the horizon.
pub(crate) fn place_windows(horizon: &Horizon, limits: &mut [Terms]) {
    for terms in limits.iter_mut() {
        if let (Horizon::Sliding(lengths), Span::Sliding(length_ms)) = (horizon, terms.span) {
            terms.window = lengths.binary_search(&length_ms).unwrap_or(0);
        }
    }
    limits.sort_by_key(|terms| (terms.window, terms.rank));
}

/// Whether nothing has to be counted again for the windows of `after`.
pub(crate) fn has_all(before: &Horizon, after: &Horizon) -> bool {
    match (before, after) {
        (Horizon::Lifetime, Horizon::Lifetime) => true,
        (Horizon::Sliding(before), Horizon::Sliding(after)) => {
            after.iter().all(|length| before.contains(length))
        }
        _ => false,
    }
}
