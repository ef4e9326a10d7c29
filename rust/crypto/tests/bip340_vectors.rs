//! BIP 340's own test vectors, verification side; they lie beside the checkout.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use custody_crypto::{Keyring, Scheme, Verdict};

#[test]
fn every_row_of_the_table() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/bip340.csv"
    );
    let Ok(table) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no shared/vectors/bip340.csv beside the checkout");
        return;
    };
    let mut rows = 0;
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.splitn(8, ',').collect();
        let (key, message, signature) = (
            hex::decode(cells[2]).unwrap(),
            hex::decode(cells[4]).unwrap(),
            hex::decode(cells[5]).unwrap(),
        );
        let expected = cells[6] == "TRUE";
        let mut ring = Keyring::new();
        let got = match ring.enrol("key", Scheme::Bip340, &key) {
            Ok(()) => ring.verify("key", &message, &signature),
            Err(_) => Verdict::Invalid,
        };
        assert_eq!(
            got == Verdict::Valid,
            expected,
            "row {}: {}",
            cells[0],
            cells[7]
        );
        rows += 1;
    }
    assert_eq!(rows, 19);
}
