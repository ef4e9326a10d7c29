//! The ledger as its users see it: one program, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    missing_docs
)]

mod common;
mod crafted_facts;
mod crowd;
mod forge;
mod ids_attacks;
mod interleavings;
mod limit_book;
mod limit_forgetting;
mod limit_properties;
mod limit_world;
mod limits;
mod pool_incidents;
mod pool_properties;
mod pool_transfers;
mod precedence;
mod properties;
mod queue;
mod queue_crowd;
mod queue_eta;
mod queue_run;
mod snapshot;
mod snapshot_attacks;
mod snapshot_forgeries;
mod snapshot_unreachable;
mod transfers;
