//! Names of few values (assets, initiators, classes, wallets, pools, limits, tags) as numbers.
//!
//! Facts alone intern names, in the order of their first use, so a replay gives the same numbers. What leaves the
//! ledger, its hash too, is written with the names.

use hashbrown::HashMap;

/// A name's number in one ledger's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(u32);

impl Symbol {
    /// No name: the empty text.
    pub const NONE: Self = Self(0);
    /// A name that no fact ever used. It equals no interned one, and two of them mean nothing of each other: ask with
    /// it, never store it.
    pub const UNKNOWN: Self = Self(u32::MAX);

    /// Its place in a dense table.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    pub(crate) fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The number, for keys.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// Whether it stands for no name.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// The table.
#[derive(Debug, Clone)]
pub struct Symbols {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, Symbol>,
}

impl Default for Symbols {
    fn default() -> Self {
        Self {
            names: vec![Box::from("")],
            numbers: HashMap::from_iter([(Box::from(""), Symbol::NONE)]),
        }
    }
}

impl Symbols {
    /// The name; empty for NONE and UNKNOWN.
    #[must_use]
    pub fn name(&self, symbol: Symbol) -> &str {
        self.names.get(symbol.index()).map_or("", AsRef::as_ref)
    }

    /// The name's symbol, or UNKNOWN.
    #[must_use]
    pub fn find(&self, name: &str) -> Symbol {
        if name.is_empty() {
            return Symbol::NONE;
        }
        self.numbers.get(name).copied().unwrap_or(Symbol::UNKNOWN)
    }

    /// The name's symbol, new if need be; UNKNOWN once 2^32 - 1 names exist.
    pub fn intern(&mut self, name: &str) -> Symbol {
        if name.is_empty() {
            return Symbol::NONE;
        }
        if let Some(known) = self.numbers.get(name) {
            return *known;
        }
        let Ok(number) = u32::try_from(self.names.len()) else {
            return Symbol::UNKNOWN;
        };
        let symbol = Symbol(number);
        if symbol != Symbol::UNKNOWN {
            self.names.push(Box::from(name));
            self.numbers.insert(Box::from(name), symbol);
        }
        symbol
    }

    /// A message with names for the numbers that `Debug` wrote into it.
    pub(crate) fn spelled(&self, message: &str) -> String {
        let mut parts = message.split("Symbol(");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let symbol = part.split_once(')').and_then(|(number, rest)| {
                let symbol = self.named(number.parse().ok()?)?;
                Some((symbol, rest))
            });
            match symbol {
                Some((symbol, rest)) => out.extend([self.name(symbol), rest]),
                None => out.extend(["Symbol(", part]),
            }
        }
        out
    }

    /// Every name, in order of number.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// The symbol of a number that is in the table: NONE or of a name.
    pub(crate) fn numbered(&self, number: u32) -> Option<Symbol> {
        Some(Symbol(number)).filter(|symbol| symbol.index() < self.names.len())
    }

    /// The symbol of a number that has a name.
    pub(crate) fn named(&self, number: u32) -> Option<Symbol> {
        self.numbered(number).filter(|symbol| !symbol.is_none())
    }

    /// How many there are, the empty one too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Never: the empty name is always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_first_use_and_the_empty_name_is_none() {
        let mut symbols = Symbols::default();
        assert_eq!(symbols.intern(""), Symbol::NONE);
        assert_eq!(symbols.find("eth"), Symbol::UNKNOWN);
        let eth = symbols.intern("eth");
        assert_eq!((eth.number(), symbols.intern("eth")), (1, eth));
        assert_eq!(symbols.intern("usd").number(), 2);
        assert_eq!((symbols.name(eth), symbols.find("eth")), ("eth", eth));
        assert_eq!((symbols.name(Symbol::UNKNOWN), symbols.len()), ("", 3));
    }

    #[test]
    fn a_message_names_what_its_numbers_stand_for() {
        let mut symbols = Symbols::default();
        let [eth, pool] = ["eth", "pool-1"].map(|name| symbols.intern(name));
        let message = format!("{eth:?}: Pool({pool:?}) and {:?}", Symbol::UNKNOWN);
        let spelled = symbols.spelled(&message);
        assert_eq!(spelled, "eth: Pool(pool-1) and Symbol(4294967295)");
        assert_eq!(symbols.spelled("Symbol(1"), "Symbol(1");
        assert_eq!(symbols.spelled(""), "");
    }
}
