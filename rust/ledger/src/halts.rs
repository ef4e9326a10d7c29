//! Halts and the scopes they stop.

use std::collections::BTreeMap;
use std::fmt;

use custody_wire::form::Form;
use hashbrown::HashMap;

use crate::canonical::Canonical;
use crate::error::LedgerError;
use crate::names::Name128;
use crate::subject::Subject;
use crate::symbols::{Symbol, Symbols};

/// Scopes of one halt: as many as a signed statement has.
pub const MOST_SCOPES: usize = 32;

/// What a halt stops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    All,
    /// New withdrawals and pool transfers.
    Intake,
    /// Payouts.
    Payouts,
    /// Sweeps.
    Sweeps,
    /// Payouts, sweeps and pool transfers of one asset.
    Asset(String),
    /// Payouts and sweeps of one wallet.
    Wallet(String),
    /// Payouts for one customer.
    Customer(String),
    /// Payouts to one address.
    Destination(String),
}

impl Scope {
    /// Reads the form of `HaltBody.scopes`.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        Form::Scopes
            .check_text(text)
            .map_err(|reason| LedgerError::malformed("scopes", reason.to_string()))?;
        Ok(match text.split_once(':') {
            None if text == "all" => Self::All,
            None if text == "intake" => Self::Intake,
            None if text == "payouts" => Self::Payouts,
            None if text == "sweeps" => Self::Sweeps,
            Some(("asset", asset)) => Self::Asset(asset.to_owned()),
            Some(("wallet", wallet)) => Self::Wallet(wallet.to_owned()),
            Some(("customer", customer)) => Self::Customer(customer.to_owned()),
            Some(("destination", address)) => Self::Destination(address.to_owned()),
            _ => return Err(LedgerError::malformed("scopes", "an unknown scope")),
        })
    }

    /// Whether it freezes one party rather than halting a part of the system.
    #[must_use]
    pub fn is_freeze(&self) -> bool {
        matches!(self, Self::Customer(_) | Self::Destination(_))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Intake => f.write_str("intake"),
            Self::Payouts => f.write_str("payouts"),
            Self::Sweeps => f.write_str("sweeps"),
            Self::Asset(asset) => write!(f, "asset:{asset}"),
            Self::Wallet(wallet) => write!(f, "wallet:{wallet}"),
            Self::Customer(customer) => write!(f, "customer:{customer}"),
            Self::Destination(address) => write!(f, "destination:{address}"),
        }
    }
}

/// A scope as withdrawals and sweeps are compared with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    All,
    Intake,
    Payouts,
    Sweeps,
    Asset(Symbol),
    Wallet(Symbol),
    Customer(Name128),
    Destination(Name128),
}

impl Target {
    fn of(scope: &Scope, symbols: &mut Symbols) -> Self {
        match scope {
            Scope::All => Self::All,
            Scope::Intake => Self::Intake,
            Scope::Payouts => Self::Payouts,
            Scope::Sweeps => Self::Sweeps,
            Scope::Asset(asset) => Self::Asset(symbols.intern(asset)),
            Scope::Wallet(wallet) => Self::Wallet(symbols.intern(wallet)),
            Scope::Customer(customer) => Self::Customer(Name128::customer(customer)),
            Scope::Destination(address) => Self::Destination(Name128::destination(address)),
        }
    }
}

/// The halts in force, by id, and how many stop each target: what nothing stops is told so without a search.
#[derive(Debug, Clone, Default)]
pub(crate) struct Halts {
    halts: BTreeMap<String, Vec<(Scope, Target)>>,
    stopped: HashMap<Target, usize>,
}

fn payout_targets(of: &Subject) -> [Target; 6] {
    [
        Target::All,
        Target::Payouts,
        Target::Asset(of.asset),
        Target::Wallet(of.wallet),
        Target::Customer(of.customer),
        Target::Destination(of.destination),
    ]
}

/// The halt and the scope that stop something.
pub(crate) type Stop<'a> = (&'a str, &'a Scope);

impl Halts {
    pub fn contains(&self, halt: &str) -> bool {
        self.halts.contains_key(halt)
    }

    /// Adds a halt; false when it is there already, or stops nothing or too much.
    pub fn add(&mut self, halt: &str, scopes: &[Scope], symbols: &mut Symbols) -> bool {
        if self.contains(halt) || !(1..=MOST_SCOPES).contains(&scopes.len()) {
            return false;
        }
        let with_target = |scope: &Scope| (scope.clone(), Target::of(scope, symbols));
        let scopes: Vec<(Scope, Target)> = scopes.iter().map(with_target).collect();
        for (_, target) in &scopes {
            let count = self.stopped.entry(*target).or_default();
            *count = count.saturating_add(1);
        }
        self.halts.insert(halt.to_owned(), scopes);
        true
    }

    /// Ends a halt; answers with its scopes, `None` when there is none.
    pub fn remove(&mut self, halt: &str) -> Option<Vec<Scope>> {
        let scopes = self.halts.remove(halt)?;
        for (_, target) in &scopes {
            if let Some(count) = self.stopped.get_mut(target) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.stopped.remove(target);
                }
            }
        }
        Some(scopes.into_iter().map(|(scope, _)| scope).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Vec<&Scope>)> {
        self.halts.iter().map(|(halt, scopes)| {
            let scopes = scopes.iter().map(|(scope, _)| scope).collect();
            (halt.as_str(), scopes)
        })
    }

    fn stops(&self, target: Target) -> bool {
        !self.stopped.is_empty() && self.stopped.contains_key(&target)
    }

    /// Whether all payouts of a wallet are stopped.
    pub fn stops_wallet(&self, wallet: Symbol) -> bool {
        let targets = [Target::All, Target::Payouts, Target::Wallet(wallet)];
        targets.into_iter().any(|target| self.stops(target))
    }

    /// Whether all payouts of an asset are stopped.
    pub fn stops_asset(&self, asset: Symbol) -> bool {
        self.stops(Target::Asset(asset))
    }

    /// Whether payouts for a customer or to an address are stopped.
    pub fn freezes(&self, customer: &Name128, destination: &Name128) -> bool {
        self.stops(Target::Customer(*customer)) || self.stops(Target::Destination(*destination))
    }

    pub fn stop_intake(&self) -> Option<Stop<'_>> {
        self.find(&[Target::All, Target::Intake])
    }

    pub fn stop_payout(&self, of: &Subject) -> Option<Stop<'_>> {
        self.find(&payout_targets(of))
    }

    /// Every halt and scope that stop new withdrawals.
    pub fn intake_stops(&self) -> Vec<Stop<'_>> {
        self.find_all(&[Target::All, Target::Intake])
    }

    /// Every halt and scope that stop a payout.
    pub fn payout_stops(&self, of: &Subject) -> Vec<Stop<'_>> {
        self.find_all(&payout_targets(of))
    }

    pub fn stop_transfer(&self, asset: Symbol) -> Option<Stop<'_>> {
        self.find(&[Target::Asset(asset)])
    }

    /// Names that no fact ever used are stopped by no halt of a name.
    pub fn stop_sweep(&self, asset: Symbol, from: Symbol, to: Symbol) -> Option<Stop<'_>> {
        self.find(&[
            Target::All,
            Target::Sweeps,
            Target::Asset(asset),
            Target::Wallet(from),
            Target::Wallet(to),
        ])
    }

    /// The first halt, and its first scope, that is one of these.
    fn find(&self, targets: &[Target]) -> Option<Stop<'_>> {
        if self.stopped.is_empty() || !targets.iter().any(|each| self.stopped.contains_key(each)) {
            return None;
        }
        self.all(targets).next()
    }

    fn find_all(&self, targets: &[Target]) -> Vec<Stop<'_>> {
        self.all(targets).collect()
    }

    fn all(&self, targets: &[Target]) -> impl Iterator<Item = Stop<'_>> {
        let all = self.halts.iter().flat_map(|(halt, scopes)| {
            let halt = halt.as_str();
            scopes
                .iter()
                .map(move |(scope, target)| (halt, scope, target))
        });
        all.filter(|(_, _, target)| targets.contains(target))
            .map(|(halt, scope, _)| (halt, scope))
    }

    pub fn write(&self, out: &mut Canonical) {
        out.length(self.halts.len());
        for (halt, scopes) in self.iter() {
            out.text(halt).length(scopes.len());
            for scope in scopes {
                out.text(&scope.to_string());
            }
        }
    }
}
