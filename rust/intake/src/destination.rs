//! Where a withdrawal may not go: an address without its checksum, our own wallets, places whence nothing returns.

use alloy_primitives::Address;
use custody_chain::evm;

use crate::rules::{AssetRule, Rules};

/// Reads the address in its chain's own form; the error says why it is none.
pub(crate) fn parse(text: &str) -> Result<Address, String> {
    evm::parse_address(text).map_err(|error| error.to_string())
}

/// Checks that the address may be paid; the error says why not.
pub(crate) fn may_be_paid(
    rules: &Rules,
    asset: &AssetRule,
    address: &Address,
) -> Result<(), String> {
    evm::check_destination(&asset.asset, address).map_err(|error| error.to_string())?;
    if let Some(wallet) = rules.own.get(address) {
        return Err(format!("address: is our own wallet {wallet}"));
    }
    match rules.forbidden.contains(&(asset.network.clone(), *address)) {
        true => Err("address: is a token's contract or forbidden by policy".to_owned()),
        false => Ok(()),
    }
}
