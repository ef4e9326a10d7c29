//! Pools by purpose. A [`Pool`] can be credited by anybody who may credit at all; to debit one takes a claim on it.

use std::collections::BTreeMap;

use crate::symbols::Symbol;

/// What a pool is for. No purpose pays for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// What customers may withdraw.
    Customers,
    /// Our own: takes service fees, pays networks' fees.
    House,
    /// What covers losses of others' positions.
    InsuranceFund,
    /// What customers posted as margin.
    MarginCollateral,
    /// What customers lent.
    LendingPool,
}

impl Purpose {
    /// All five.
    pub const ALL: [Self; 5] = [
        Self::Customers,
        Self::House,
        Self::InsuranceFund,
        Self::MarginCollateral,
        Self::LendingPool,
    ];

    /// The name in the policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::House => "house",
            Self::InsuranceFund => "insurance_fund",
            Self::MarginCollateral => "margin_collateral",
            Self::LendingPool => "lending_pool",
        }
    }

    /// The purpose of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// A pool, to be credited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pool(pub(crate) Symbol);

/// The one pool that pays networks' fees. No other pool becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct House(pub(crate) Symbol);

impl House {
    /// As a pool, to be credited with service fees.
    #[must_use]
    pub fn pool(self) -> Pool {
        Pool(self.0)
    }
}

/// The pools of the policy in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pools(BTreeMap<Symbol, Purpose>);

impl Pools {
    /// Takes the policy's list.
    ///
    /// # Errors
    /// A sentence, when a name is empty or comes twice, or not exactly one is the house.
    pub fn new(listed: impl IntoIterator<Item = (Symbol, Purpose)>) -> Result<Self, &'static str> {
        let mut pools = BTreeMap::new();
        for (name, purpose) in listed {
            if name.is_none() {
                return Err("a pool has no name");
            }
            if pools.insert(name, purpose).is_some() {
                return Err("a pool is listed twice");
            }
        }
        let houses = pools
            .values()
            .filter(|purpose| **purpose == Purpose::House)
            .count();
        match houses {
            1 => Ok(Self(pools)),
            _ => Err("exactly one pool must have the purpose house"),
        }
    }

    /// The pool of this name, when the policy has it.
    #[must_use]
    pub fn get(&self, name: Symbol) -> Option<Pool> {
        self.0.contains_key(&name).then_some(Pool(name))
    }

    /// What a pool is for.
    #[must_use]
    pub fn purpose(&self, pool: Pool) -> Option<Purpose> {
        self.0.get(&pool.0).copied()
    }

    /// Whether this is the house.
    #[must_use]
    pub fn is_house(&self, name: Symbol) -> bool {
        self.0.get(&name) == Some(&Purpose::House)
    }

    /// Each with its purpose.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, Purpose)> {
        self.0.iter().map(|(name, purpose)| (*name, *purpose))
    }

    /// The house; none before a policy was taken.
    #[must_use]
    pub fn house(&self) -> Option<House> {
        let mut houses = self
            .0
            .iter()
            .filter(|(_, purpose)| **purpose == Purpose::House);
        houses.next().map(|(name, _)| House(*name))
    }
}
