//! Halts and the scopes they stop.

use std::collections::BTreeMap;
use std::fmt;

use custody_wire::form::Form;

use crate::canonical::Canonical;
use crate::error::LedgerError;
use crate::limits::Subject;

/// What a halt stops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    All,
    /// New withdrawals.
    Intake,
    /// Payouts.
    Payouts,
    /// Sweeps.
    Sweeps,
    /// Payouts and sweeps of one asset.
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

    fn stops_intake(&self) -> bool {
        matches!(self, Self::All | Self::Intake)
    }

    fn stops_payout(&self, of: &Subject) -> bool {
        match self {
            Self::All | Self::Payouts => true,
            Self::Intake | Self::Sweeps => false,
            Self::Asset(asset) => *asset == of.asset,
            Self::Wallet(wallet) => *wallet == of.wallet,
            Self::Customer(customer) => *customer == of.customer,
            Self::Destination(address) => same_address(address, &of.destination),
        }
    }

    fn stops_sweep(&self, asset: &str, from: &str, to: &str) -> bool {
        match self {
            Self::All | Self::Sweeps => true,
            Self::Asset(halted) => halted == asset,
            Self::Wallet(wallet) => wallet == from || wallet == to,
            Self::Intake | Self::Payouts | Self::Customer(_) | Self::Destination(_) => false,
        }
    }

    /// Whether it freezes one party rather than halting a part of the system.
    #[must_use]
    pub fn is_freeze(&self) -> bool {
        matches!(self, Self::Customer(_) | Self::Destination(_))
    }
}

/// An EVM address is the same in any case; a halt that meant one spelling means all.
fn same_address(one: &str, other: &str) -> bool {
    if one.starts_with("0x") {
        one.eq_ignore_ascii_case(other)
    } else {
        one == other
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

/// The halts in force, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Halts(BTreeMap<String, Vec<Scope>>);

/// The halt and the scope that stop something.
pub(crate) type Stop<'a> = (&'a str, &'a Scope);

impl Halts {
    pub fn contains(&self, halt: &str) -> bool {
        self.0.contains_key(halt)
    }

    pub fn add(&mut self, halt: &str, scopes: &[Scope]) -> bool {
        self.0.insert(halt.to_owned(), scopes.to_vec()).is_none()
    }

    pub fn remove(&mut self, halt: &str) -> bool {
        self.0.remove(halt).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Scope])> {
        self.0
            .iter()
            .map(|(halt, scopes)| (halt.as_str(), scopes.as_slice()))
    }

    pub fn stop_intake(&self) -> Option<Stop<'_>> {
        self.find(Scope::stops_intake)
    }

    pub fn stop_payout(&self, of: &Subject) -> Option<Stop<'_>> {
        self.find(|scope| scope.stops_payout(of))
    }

    pub fn stop_sweep(&self, asset: &str, from: &str, to: &str) -> Option<Stop<'_>> {
        self.find(|scope| scope.stops_sweep(asset, from, to))
    }

    fn find(&self, stops: impl Fn(&Scope) -> bool) -> Option<Stop<'_>> {
        self.iter()
            .flat_map(|(halt, scopes)| scopes.iter().map(move |scope| (halt, scope)))
            .find(|(_, s)| stops(s))
    }

    pub fn write(&self, out: &mut Canonical) {
        out.length(self.0.len());
        for (halt, scopes) in self.iter() {
            out.text(halt).length(scopes.len());
            for scope in scopes {
                out.text(&scope.to_string());
            }
        }
    }
}
