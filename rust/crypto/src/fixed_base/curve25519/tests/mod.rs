//! The engine against ed25519-dalek, curve25519-dalek and a big-integer model, on every backend.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

mod attacks;
mod field;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod model;
mod scalar;
mod table;
mod verdicts;
