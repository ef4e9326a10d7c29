//! A key: the exact values of a scope's dimensions, in words, so that no two keys are ever taken for one.

use crate::limits::rule::Dimension;
use crate::subject::Subject;

/// Four numbers of names of few values and two digests of four words.
pub(crate) const WORDS: usize = 12;

/// The dimensions that a key has, one bit each in the order of `Dimension::ALL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Scope(u8);

impl Scope {
    pub fn of(dimensions: &[Dimension]) -> Self {
        Self(dimensions.iter().fold(0, |bits, one| bits | bit(*one)))
    }

    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits < 1 << Dimension::ALL.len()).then_some(Self(bits))
    }

    pub fn bits(self) -> u8 {
        self.0
    }

    pub fn has(self, dimension: Dimension) -> bool {
        self.0 & bit(dimension) != 0
    }

    pub fn dimensions(self) -> impl Iterator<Item = Dimension> {
        Dimension::ALL.into_iter().filter(move |one| self.has(*one))
    }

    /// How many words its keys fill.
    pub fn words(self) -> usize {
        self.dimensions().map(width).sum()
    }
}

/// How many words a value takes.
pub(crate) fn width(dimension: Dimension) -> usize {
    match dimension {
        Dimension::Customer | Dimension::Destination => 4,
        _ => 1,
    }
}

fn bit(dimension: Dimension) -> u8 {
    match dimension {
        Dimension::Asset => 1,
        Dimension::Initiator => 2,
        Dimension::Class => 4,
        Dimension::Wallet => 8,
        Dimension::Customer => 16,
        Dimension::Destination => 32,
    }
}

/// The values, zeros behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub [u32; WORDS]);

impl Key {
    pub fn of(subject: &Subject, scope: Scope) -> Self {
        let mut words = [0; WORDS];
        let mut places = words.iter_mut();
        let mut put = |word: u32| {
            if let Some(place) = places.next() {
                *place = word;
            }
        };
        for (dimension, symbol) in [
            (Dimension::Asset, subject.asset),
            (Dimension::Initiator, subject.initiator),
            (Dimension::Class, subject.class),
            (Dimension::Wallet, subject.wallet),
        ] {
            if scope.has(dimension) {
                put(symbol.number());
            }
        }
        for (dimension, name) in [
            (Dimension::Customer, subject.customer),
            (Dimension::Destination, subject.destination),
        ] {
            if scope.has(dimension) {
                let [a, b, c, d] = split(name.0);
                [a, b, c, d].into_iter().for_each(&mut put);
            }
        }
        Self(words)
    }

    /// The first words.
    pub fn first<const W: usize>(&self) -> [u32; W] {
        let mut words = [0; W];
        words
            .iter_mut()
            .zip(self.0)
            .for_each(|(to, from)| *to = from);
        words
    }
}

fn split(name: [u8; 16]) -> [u32; 4] {
    let all = u128::from_be_bytes(name);
    [96, 64, 32, 0].map(|shift| u32::try_from((all >> shift) & u128::from(u32::MAX)).unwrap_or(0))
}

/// 32 well mixed bits. Callers choose names, so the seed is the process's own; nothing is ever written in its order.
pub(crate) fn hash(words: &[u32], seed: u64) -> u32 {
    let mut mixed = seed;
    for word in words {
        mixed = (mixed.rotate_left(23) ^ u64::from(*word)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^= mixed >> 29;
    }
    mixed = mixed.wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from(mixed >> 32).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::names::Name128;
    use crate::symbols::Symbols;

    #[test]
    fn a_key_holds_exactly_its_dimensions() {
        let mut symbols = Symbols::default();
        let mut name = |text: &str| symbols.intern(text);
        let subject = Subject {
            asset: name("a"),
            initiator: name("i"),
            class: name("c"),
            wallet: name("w"),
            customer: Name128([7; 16]),
            destination: Name128([9; 16]),
        };
        for bits in 0..64 {
            let scope = Scope::from_bits(bits).unwrap();
            let key = Key::of(&subject, scope);
            assert!(key.0.iter().skip(scope.words()).all(|word| *word == 0));
            assert!(key.0.iter().take(scope.words()).all(|word| *word != 0));
            assert_eq!(Scope::of(&scope.dimensions().collect::<Vec<_>>()), scope);
            let mut other = subject;
            other.customer = Name128([8; 16]);
            assert_eq!(
                Key::of(&other, scope) == key,
                !scope.has(Dimension::Customer)
            );
        }
        assert_eq!(Scope::from_bits(64), None);
    }
}
