//! What a snapshot begins with: times and counts, the tables of names, pools, books, halts.

use super::sections::{Saved, Sections};
use super::{BOOKS, HALTS, HEAD, OPENED, POOLS, RELEASES, ROUTES, SYMBOLS};
use crate::books::{Books, Pools, Purpose, saved};
use crate::error::LedgerError;
use crate::halts::{MOST_SCOPES, Scope};
use crate::ledger::Ledger;
use crate::limits::stored::{Reader, Writer};
use crate::routes::Route;
use crate::symbols::{Symbol, Symbols};

/// How many of each follow.
#[derive(Debug)]
pub(super) struct Counts {
    pub withdrawals: u64,
    pub rejections: u64,
    pub payout_ids: u64,
    /// References added to the filter of old ids, and by how many facts.
    pub old: [u64; 2],
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

impl Ledger {
    pub(super) fn write_world(&self, to: &mut Sections<'_>) {
        to.item(HEAD, |out| {
            out.text(&self.house);
            out.number(self.time_ms);
            (out.0)(&self.forgotten);
            for number in [
                count(self.ids.len()),
                count(self.ids.rejections_len()),
                count(self.payout_ids.len()),
                self.old.0.references(),
                self.old.0.generation(),
            ] {
                out.number(number);
            }
        });
        // The empty name is in every table.
        for name in self.symbols.names().skip(1) {
            to.item(SYMBOLS, |out| out.text(name));
        }
        for route in self.routes.all() {
            to.item(ROUTES, |out| write_route(out, route));
        }
        for (name, purpose) in self.pools.iter() {
            let place = Purpose::ALL.iter().position(|each| *each == purpose);
            to.item(POOLS, |out| {
                out.word(name.number());
                out.byte(u8::try_from(place.unwrap_or(usize::MAX)).unwrap_or(u8::MAX));
            });
        }
        for (asset, account, balance) in self.books.rows() {
            to.item(BOOKS, |out| saved::save(out, asset, account, &balance));
        }
        for (wallet, asset, pool) in &self.opened {
            to.item(OPENED, |out| {
                [wallet, asset, pool]
                    .into_iter()
                    .for_each(|name| out.text(name));
            });
        }
        for id in &self.releases {
            to.item(RELEASES, |out| out.text(id));
        }
        for (halt, scopes) in self.halts.iter() {
            to.item(HALTS, |out| {
                out.text(halt);
                out.length(scopes.len());
                scopes.iter().for_each(|scope| write_scope(out, scope));
            });
        }
    }

    pub(super) fn read_world(&mut self, from: &mut Saved<'_>) -> Result<Counts, LedgerError> {
        let counts = from.one(HEAD, |from| {
            self.house = from.text()?;
            self.time_ms = from.number()?;
            self.forgotten = from.array()?;
            Some(Counts {
                withdrawals: from.number()?,
                rejections: from.number()?,
                payout_ids: from.number()?,
                old: [from.number()?, from.number()?],
            })
        })?;
        from.each(SYMBOLS, |from| {
            let next = self.symbols.len();
            let symbol = self.symbols.intern(&from.text()?);
            (symbol.index() == next).then_some(())
        })?;
        from.each(ROUTES, |from| {
            let next = self.routes.all().len();
            self.routes.intern(read_route(from, &self.symbols)?)?;
            (self.routes.all().len() > next).then_some(())
        })?;
        let mut pools: Vec<(Symbol, Purpose)> = Vec::new();
        from.each(POOLS, |from| {
            let name = self.symbols.named(from.word()?)?;
            pools.push((name, *Purpose::ALL.get(usize::from(from.byte()?))?));
            Some(())
        })?;
        if !pools.is_empty() || !self.house.is_empty() {
            self.pools = Pools::new(pools).map_err(|_| Saved::refused(POOLS))?;
            if !self.pools.is_house(self.symbols.find(&self.house)) {
                return Err(Saved::refused(POOLS));
            }
        }
        let (mut books, mut places) = (Books::default(), saved::PLACES);
        from.each(BOOKS, |from| books.load(from, &self.symbols, &mut places))?;
        let refused = |reason: String| LedgerError::malformed("snapshot.books", reason);
        self.books = books.restored().map_err(refused)?;
        from.each(OPENED, |from| {
            let key = (from.text()?, from.text()?, from.text()?);
            self.opened.insert(key).then_some(())
        })?;
        from.each(RELEASES, |from| {
            self.releases.insert(from.text()?).then_some(())
        })?;
        let names = self.symbols.len();
        from.each(HALTS, |from| {
            let (halt, scopes) = (from.text()?, from.list_of(MOST_SCOPES, read_scope)?);
            let added = self.halts.add(&halt, &scopes, &mut self.symbols);
            (added && self.symbols.len() == names).then_some(())
        })?;
        Ok(counts)
    }
}

fn write_route(out: &mut Writer<'_>, route: &Route) {
    for symbol in [
        route.asset,
        route.initiator,
        route.class,
        route.wallet,
        route.pool,
    ] {
        out.word(symbol.number());
    }
    out.number(route.routing_sequence);
}

fn read_route(from: &mut Reader<'_>, symbols: &Symbols) -> Option<Route> {
    Some(Route {
        asset: symbols.numbered(from.word()?)?,
        initiator: symbols.numbered(from.word()?)?,
        class: symbols.numbered(from.word()?)?,
        wallet: symbols.numbered(from.word()?)?,
        pool: symbols.numbered(from.word()?)?,
        routing_sequence: from.number()?,
    })
}

fn write_scope(out: &mut Writer<'_>, scope: &Scope) {
    let (kind, name) = match scope {
        Scope::All => (0, None),
        Scope::Intake => (1, None),
        Scope::Payouts => (2, None),
        Scope::Sweeps => (3, None),
        Scope::Asset(asset) => (4, Some(asset)),
        Scope::Wallet(wallet) => (5, Some(wallet)),
        Scope::Customer(customer) => (6, Some(customer)),
        Scope::Destination(address) => (7, Some(address)),
    };
    out.byte(kind);
    if let Some(name) = name {
        out.text(name);
    }
}

fn read_scope(from: &mut Reader<'_>) -> Option<Scope> {
    Some(match from.byte()? {
        0 => Scope::All,
        1 => Scope::Intake,
        2 => Scope::Payouts,
        3 => Scope::Sweeps,
        4 => Scope::Asset(from.text()?),
        5 => Scope::Wallet(from.text()?),
        6 => Scope::Customer(from.text()?),
        7 => Scope::Destination(from.text()?),
        _ => return None,
    })
}
