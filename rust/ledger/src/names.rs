//! Names of many values (customers, destinations, references) as 128 bits of a tagged SHA-256.
//!
//! The ledger compares and counts by these and never stores the texts: they are in the signed intent. A collision takes
//! 2^64 work; two customers that share one would be counted, queued and frozen as one, never as none. For an id, the
//! full SHA-256 of the intent's body is compared besides.

use std::fmt;

use custody_wire::Part::Bytes;
use custody_wire::tagged_hash;

/// 128 bits of a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name128(pub [u8; 16]);

impl Name128 {
    /// A customer's pseudonym.
    #[must_use]
    pub fn customer(text: &str) -> Self {
        Self::first(&tagged_hash("name-customer", &[Bytes(text.as_bytes())]))
    }

    /// An address. An EVM address is the same in any case, so that a freeze or a limit of one spelling covers all.
    #[must_use]
    pub fn destination(text: &str) -> Self {
        let lower;
        let text = if text.starts_with("0x") || text.starts_with("0X") {
            lower = text.to_ascii_lowercase();
            &lower
        } else {
            text
        };
        Self::first(&tagged_hash("name-destination", &[Bytes(text.as_bytes())]))
    }

    /// All attempts of one reference.
    #[must_use]
    pub fn reference(initiator: &str, reference: &str) -> Self {
        let parts = [Bytes(initiator.as_bytes()), Bytes(reference.as_bytes())];
        Self::first(&tagged_hash("name-reference", &parts))
    }

    /// The first 16 bytes of a digest.
    #[must_use]
    pub fn first(digest: &[u8; 32]) -> Self {
        let mut name = [0_u8; 16];
        for (to, from) in name.iter_mut().zip(digest) {
            *to = *from;
        }
        Self(name)
    }
}

impl fmt::Debug for Name128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_different_kinds_and_splits_differ() {
        let names = [
            Name128::customer("a"),
            Name128::destination("a"),
            Name128::reference("a", ""),
            Name128::reference("", "a"),
            Name128::reference("a", "bc"),
            Name128::reference("ab", "c"),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names.iter().skip(index + 1).any(|other| other == name));
        }
    }

    #[test]
    fn an_evm_address_has_one_name_and_others_keep_their_case() {
        let mixed = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
        assert_eq!(
            Name128::destination(mixed),
            Name128::destination(&mixed.to_uppercase())
        );
        assert_ne!(Name128::destination("1Abc"), Name128::destination("1abc"));
    }
}
