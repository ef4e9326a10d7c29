//! Batch verdicts equal those of the single verifiers, and of the libraries called directly, on every backend.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::print_stdout
)]

#[path = "../common/mod.rs"]
mod common;
mod der;
mod exceptional;
mod mutations;
mod mutators;
mod oracle;
mod rings;
mod scalars;
mod shapes;
mod torsion;
mod vectors;
mod wycheproof;
