//! The engine against libsecp256k1, and its arithmetic against a big-integer model.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "tests"
)]

mod arithmetic;
mod attacks;
mod model;
mod ranges;
mod signatures;
mod tables;
