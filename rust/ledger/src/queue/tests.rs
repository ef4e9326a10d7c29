//! The queue against plain second writings of it.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod model;
mod plain;
mod service;
mod trees;
