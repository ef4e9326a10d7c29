//! The book's one serialisation, for the state's hash and for snapshots: names instead of numbers, keys in order, and
//! only what still counts, so that equal books write equal bytes however they came about.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::error::LedgerError;
use crate::limits::book::LimitBook;
use crate::limits::covers::Sets;
use crate::limits::key::{Key, Scope, WORDS};
use crate::limits::plan::{has_all, place_windows, tallies};
use crate::limits::rule::{Dimension, LimitRule, Over, Span};
use crate::limits::shelf::Shelf;
use crate::limits::stored::{Reader, Writer};
use crate::limits::tally::{Counted, Tally};
use crate::limits::track::{Horizon, Track};
use crate::limits::window::{EXACT, Slot, Spent, Window};
use crate::symbols::{Symbol, Symbols};

const VERSION: u8 = 1;
/// Tallies that no rule needs any more, each one byte of a stored book and a whole place in memory: so many are read.
/// Each change of the rules leaves at most one for each limit.
const MOST_GONE: usize = 1 << 16;

impl LimitBook {
    /// Writes the whole state.
    pub fn write(&self, symbols: &Symbols, out: &mut dyn FnMut(&[u8])) {
        let mut out = Writer(out);
        out.byte(VERSION);
        out.number(self.time_ms);
        out.number(self.known_from_ms);
        out.length(self.rules.len());
        for (_, rule) in &self.rules {
            write_rule(&mut out, rule);
        }
        out.length(self.tallies.len());
        for tally in &self.tallies {
            out.option(tally.as_ref(), |out, tally| {
                write_tally(out, tally, symbols, self.time_ms);
            });
        }
        out.length(self.sets.all().len());
        for set in self.sets.all() {
            out.length(set.len());
            set.iter().for_each(|number| out.word(*number));
        }
    }

    /// Reads what `write` wrote: the same state.
    ///
    /// # Errors
    /// `Malformed`: other bytes.
    pub fn read(bytes: &[u8], symbols: &mut Symbols) -> Result<Self, LedgerError> {
        let mut from = Reader(bytes);
        read(&mut from, symbols)
            .filter(|_| from.0.is_empty())
            .ok_or_else(|| LedgerError::malformed("limits", "is not a stored book"))
    }
}

fn read(from: &mut Reader<'_>, symbols: &mut Symbols) -> Option<LimitBook> {
    if from.byte()? != VERSION {
        return None;
    }
    let (time_ms, known_from_ms) = (from.number()?, from.number()?);
    let mut book = LimitBook {
        time_ms,
        known_from_ms,
        ..LimitBook::default()
    };
    let rules = from.list(read_rule)?;
    rules
        .is_sorted_by(|one, next| one.id < next.id)
        .then_some(())?;
    for rule in rules {
        rule.check().ok()?;
        book.rules.push((symbols.intern(&rule.id), rule));
    }
    let mut gone = 0_usize;
    book.tallies = from.list(|from| {
        let tally = from.option(|from| read_tally(from, symbols))?;
        gone = gone.saturating_add(usize::from(tally.is_none()));
        (gone <= MOST_GONE).then_some(tally)
    })?;
    let mut sets = Sets::default();
    for (before, set) in from
        .list(|from| from.list(Reader::word))?
        .into_iter()
        .enumerate()
    {
        // Each comes once, the empty one first.
        sets.intern(set)?;
        (sets.all().len() == before.saturating_add(1)).then_some(())?;
    }
    book.sets = sets;
    let places = book.tallies.iter().zip(0_usize..);
    let places = places.filter_map(|(tally, place)| Some((tally.as_ref()?.counted, place)));
    let mut places: HashMap<Counted, usize> = places.collect();
    for (counted, horizon, mut terms) in tallies(&book.rules, symbols) {
        let tally = book.tallies.get_mut(places.remove(&counted)?)?.as_mut()?;
        has_all(&tally.horizon, &horizon).then_some(())?;
        place_windows(&tally.horizon, &mut terms);
        tally.terms = terms;
    }
    // Each tally is a rule's, and no two count the same.
    let whole = book
        .tallies
        .iter()
        .flatten()
        .all(|tally| !tally.terms.is_empty());
    whole.then_some(())?;
    let count = u32::try_from(book.tallies.len()).ok()?;
    let mut members = book.sets.all().iter().flatten();
    members.all(|number| *number < count).then_some(())?;
    book.look_up();
    Some(book)
}

fn write_rule(out: &mut Writer<'_>, rule: &LimitRule) {
    out.text(&rule.id);
    // In the order that the policy has.
    out.length(rule.scope.len());
    rule.scope
        .iter()
        .for_each(|one| out.byte(Scope::of(&[*one]).bits()));
    out.option(rule.asset.as_deref(), Writer::text);
    out.option(rule.class.as_deref(), Writer::text);
    out.option(
        match rule.span {
            Span::Sliding(length_ms) => Some(length_ms),
            Span::Lifetime => None,
        },
        Writer::number,
    );
    out.option(rule.amount, Writer::amount);
    out.option(rule.count, Writer::number);
    out.flag(rule.over == Over::Deny);
}

fn read_rule(from: &mut Reader<'_>) -> Option<LimitRule> {
    Some(LimitRule {
        id: from.text()?,
        scope: from.list(|from| {
            let scope = Scope::from_bits(from.byte()?)?;
            let mut dimensions = scope.dimensions();
            let one = dimensions.next()?;
            dimensions.next().is_none().then_some(one)
        })?,
        asset: from.option(Reader::text)?,
        class: from.option(Reader::text)?,
        span: match from.option(Reader::number)? {
            Some(length_ms) => Span::Sliding(length_ms),
            None => Span::Lifetime,
        },
        amount: from.option(Reader::amount)?,
        count: from.option(Reader::number)?,
        over: match from.flag()? {
            true => Over::Deny,
            false => Over::Hold,
        },
    })
}

fn write_tally(out: &mut Writer<'_>, tally: &Tally, symbols: &Symbols, now_ms: u64) {
    let counted = &tally.counted;
    out.byte(counted.scope.bits());
    for name in [counted.asset, counted.class] {
        out.option(name.map(|name| symbols.name(name)), Writer::text);
    }
    out.flag(counted.sums);
    match &tally.horizon {
        Horizon::Lifetime => out.length(0),
        Horizon::Sliding(lengths) => {
            out.length(lengths.len());
            lengths.iter().for_each(|length_ms| out.number(*length_ms));
        }
    }
    out.number(tally.counts_from_ms);
    write_records(out, tally, symbols, now_ms);
}

fn read_tally(from: &mut Reader<'_>, symbols: &mut Symbols) -> Option<Tally> {
    let scope = Scope::from_bits(from.byte()?)?;
    let asset = from.option(Reader::text)?;
    let class = from.option(Reader::text)?;
    let sums = from.flag()?;
    let lengths = from.list(Reader::number)?;
    lengths.is_sorted_by(|one, next| one < next).then_some(())?;
    let horizon = match lengths.is_empty() {
        true => Horizon::Lifetime,
        false => Horizon::Sliding(lengths),
    };
    let counted = Counted {
        scope,
        asset: asset.map(|name| symbols.intern(&name)),
        class: class.map(|name| symbols.intern(&name)),
        lifetime: horizon == Horizon::Lifetime,
        sums,
    };
    let mut tally = Tally::new(counted, horizon, from.number()?);
    read_records(from, &mut tally, symbols)?;
    Some(tally)
}

/// The names that a tally's keys use, each once and in order, then the keys with each name's place in that list.
fn write_records(out: &mut Writer<'_>, tally: &Tally, symbols: &Symbols, now_ms: u64) {
    let scope = tally.counted.scope;
    let few = few_valued(scope);
    let mut alive: Vec<([u32; WORDS], &Track)> = Vec::new();
    tally.shelf.for_each(|words, track| {
        if !track.is_idle(&tally.horizon, now_ms) {
            let mut key = [0; WORDS];
            key.iter_mut().zip(words).for_each(|(to, from)| *to = *from);
            alive.push((key, track));
        }
    });
    let mut used: Vec<u32> = alive
        .iter()
        .flat_map(|(key, _)| key.iter().take(few).copied())
        .collect();
    used.sort_unstable();
    used.dedup();
    let mut names: Vec<(&str, u32)> = used
        .iter()
        .map(|number| (symbols.name(Symbol::from_number(*number)), *number))
        .collect();
    names.sort_unstable();
    let places: HashMap<u32, u32> = names
        .iter()
        .zip(0_u32..)
        .map(|((_, number), place)| (*number, place))
        .collect();
    for (key, _) in &mut alive {
        for word in key.iter_mut().take(few) {
            *word = places.get(word).copied().unwrap_or(u32::MAX);
        }
    }
    alive.sort_unstable_by_key(|(key, _)| *key);
    out.length(names.len());
    names.iter().for_each(|(name, _)| out.text(name));
    out.length(alive.len());
    for (key, track) in alive {
        key.iter()
            .take(scope.words())
            .for_each(|word| out.word(*word));
        write_track(out, track, &tally.horizon, now_ms);
    }
}

fn read_records(from: &mut Reader<'_>, tally: &mut Tally, symbols: &mut Symbols) -> Option<()> {
    let scope = tally.counted.scope;
    let few = few_valued(scope);
    let names = from.list(Reader::text)?;
    let names: Vec<Symbol> = names.iter().map(|name| symbols.intern(name)).collect();
    let length = from.length()?;
    let mut shelf = Shelf::new(scope.words());
    for _ in 0..length {
        let mut key = Key([0; WORDS]);
        for (place, word) in key.0.iter_mut().take(scope.words()).enumerate() {
            *word = from.word()?;
            if place < few {
                *word = names.get(usize::try_from(*word).ok()?)?.number();
            }
        }
        shelf.restore(&key, read_track(from, &tally.horizon)?)?;
    }
    tally.shelf = shelf;
    Some(())
}

/// How many words of a key are numbers of names; they come first.
fn few_valued(scope: Scope) -> usize {
    let digests = [Dimension::Customer, Dimension::Destination];
    scope
        .dimensions()
        .filter(|one| !digests.contains(one))
        .count()
}

fn write_track(out: &mut Writer<'_>, track: &Track, horizon: &Horizon, now_ms: u64) {
    match track {
        Track::One { .. } => {
            out.flag(false);
            write_slots(out, track.single().iter());
        }
        Track::Few(slots) => {
            out.flag(false);
            write_slots(
                out,
                slots
                    .iter()
                    .filter(|slot| !horizon.is_over(slot.at_ms, now_ms)),
            );
        }
        Track::Many(windows) => {
            out.flag(true);
            for window in windows {
                let (buckets, exact) = window.alive(now_ms);
                write_slots(out, buckets);
                write_slots(out, exact);
            }
        }
    }
}

fn read_track(from: &mut Reader<'_>, horizon: &Horizon) -> Option<Track> {
    match (from.flag()?, horizon) {
        (false, _) => {
            let slots = read_slots(from)?;
            let most = match horizon {
                Horizon::Lifetime => 1,
                Horizon::Sliding(_) => EXACT,
            };
            (1..=most).contains(&slots.len()).then(|| Track::few(slots))
        }
        (true, Horizon::Lifetime) => None,
        (true, Horizon::Sliding(lengths)) => {
            let mut windows = Vec::with_capacity(lengths.len());
            for length_ms in lengths {
                let buckets = VecDeque::from(read_slots(from)?);
                let exact = VecDeque::from(read_slots(from)?);
                windows.push(Window::of_slots(*length_ms, buckets, exact)?);
            }
            Some(Track::Many(windows.into_boxed_slice()))
        }
    }
}

fn write_slots<'a>(out: &mut Writer<'_>, slots: impl Iterator<Item = &'a Slot>) {
    let slots: Vec<&Slot> = slots.collect();
    out.length(slots.len());
    for slot in slots {
        out.number(slot.at_ms);
        out.amount(slot.spent.amount);
        out.number(slot.spent.count);
    }
}

fn read_slots(from: &mut Reader<'_>) -> Option<Vec<Slot>> {
    let mut before: Option<u64> = None;
    from.list(|from| {
        let slot = Slot {
            at_ms: from.number()?,
            spent: Spent {
                amount: from.amount()?,
                count: from.number()?,
            },
        };
        if before.is_some_and(|before| before >= slot.at_ms) {
            return None;
        }
        before = Some(slot.at_ms);
        Some(slot)
    })
}
