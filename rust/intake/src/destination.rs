//! Where a withdrawal may not go: an address without its checksum, our own wallets, places whence nothing returns.

use custody_chain::evm;
use custody_ledger::tags;

use crate::refusal::Refusal;
use crate::rules::{AssetRule, Rules};

/// Checks the address in its chain's own form, and that it may be paid.
pub(crate) fn check(rules: &Rules, asset: &AssetRule, text: &str) -> Result<(), Refusal> {
    let address = evm::parse_address(text)
        .map_err(|error| Refusal::fix(tags::DESTINATION_MALFORMED, error.to_string()))?;
    let forbidden = |reason: String| Refusal::fix(tags::DESTINATION_FORBIDDEN, reason);
    evm::check_destination(&asset.asset, &address).map_err(|error| forbidden(error.to_string()))?;
    if let Some(wallet) = rules.own.get(&address) {
        return Err(forbidden(format!("address: is our own wallet {wallet}")));
    }
    match rules.forbidden.contains(&(asset.network.clone(), address)) {
        true => Err(forbidden(
            "address: is a token's contract or forbidden by policy".to_owned(),
        )),
        false => Ok(()),
    }
}
