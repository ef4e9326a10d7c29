//! What most withdrawals share (asset, initiator, class, wallet, pool, routing), as one number.

use hashbrown::HashMap;

use crate::candidate::Names;
use crate::symbols::{Symbol, Symbols};

/// One combination that occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub asset: Symbol,
    pub initiator: Symbol,
    pub class: Symbol,
    pub wallet: Symbol,
    pub pool: Symbol,
    pub routing_sequence: u64,
}

impl Route {
    /// The names as the table knows them; UNKNOWN for what no fact used yet.
    pub fn find(names: &Names, symbols: &Symbols) -> Self {
        Self {
            asset: symbols.find(&names.asset),
            initiator: symbols.find(&names.initiator),
            class: symbols.find(&names.class),
            wallet: symbols.find(&names.wallet),
            pool: symbols.find(&names.pool),
            routing_sequence: names.routing_sequence,
        }
    }

    /// The names, each in the table from now on.
    pub fn intern(names: &Names, symbols: &mut Symbols) -> Self {
        Self {
            asset: symbols.intern(&names.asset),
            initiator: symbols.intern(&names.initiator),
            class: symbols.intern(&names.class),
            wallet: symbols.intern(&names.wallet),
            pool: symbols.intern(&names.pool),
            routing_sequence: names.routing_sequence,
        }
    }
}

/// A route's number in one ledger's table; written into snapshots alone, beside the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteId(u32);

impl RouteId {
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    pub fn number(self) -> u32 {
        self.0
    }
}

/// The table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    numbers: HashMap<Route, RouteId>,
}

impl Routes {
    pub fn get(&self, id: RouteId) -> Option<&Route> {
        self.routes.get(usize::try_from(id.0).ok()?)
    }

    /// Every route, in order of number.
    pub fn all(&self) -> &[Route] {
        &self.routes
    }

    /// The route's number, new if need be; `None` when there are 2^32 already.
    pub fn intern(&mut self, route: Route) -> Option<RouteId> {
        if let Some(known) = self.numbers.get(&route) {
            return Some(*known);
        }
        let id = RouteId(u32::try_from(self.routes.len()).ok()?);
        self.routes.push(route);
        self.numbers.insert(route, id);
        Some(id)
    }
}
