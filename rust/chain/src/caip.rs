//! CAIP-2 networks and CAIP-19 assets, in the one spelling that is accepted of each.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::Address;

use crate::error::ChainError;
use crate::evm::is_reserved;

/// A network, by its CAIP-2 name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// `eip155:N`: an EVM chain by its chain id, which is never zero.
    Eip155(u64),
}

impl Network {
    /// The EVM chain id.
    #[must_use]
    pub fn chain_id(self) -> u64 {
        match self {
            Self::Eip155(chain_id) => chain_id,
        }
    }
}

impl FromStr for Network {
    type Err = ChainError;

    fn from_str(text: &str) -> Result<Self, ChainError> {
        let refuse = |reason: &str| ChainError::malformed("network", reason);
        let digits = text
            .strip_prefix("eip155:")
            .ok_or_else(|| refuse("must be eip155:N, the CAIP-2 name of an EVM chain"))?;
        if digits.is_empty()
            || digits.starts_with('0')
            || !digits.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(refuse(
                "the chain id must be a decimal number without leading zeros, not 0",
            ));
        }
        let chain_id = digits
            .parse()
            .map_err(|_| refuse("the chain id must be below 2^64"))?;
        Ok(Self::Eip155(chain_id))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eip155(chain_id) => write!(f, "eip155:{chain_id}"),
        }
    }
}

/// An asset, by its CAIP-19 name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {
    /// `eip155:N/slip44:60`: the chain's own coin.
    Native {
        /// The EVM chain id.
        chain_id: u64,
    },
    /// `eip155:N/erc20:0x…`, the contract in lower case.
    Erc20 {
        /// The EVM chain id.
        chain_id: u64,
        /// The token's contract.
        contract: Address,
    },
}

impl Asset {
    /// The network that the asset lives on.
    #[must_use]
    pub fn network(&self) -> Network {
        match self {
            Self::Native { chain_id } | Self::Erc20 { chain_id, .. } => Network::Eip155(*chain_id),
        }
    }

    /// The CAIP-19 namespace: `slip44` or `erc20`.
    #[must_use]
    pub fn namespace(&self) -> &'static str {
        match self {
            Self::Native { .. } => "slip44",
            Self::Erc20 { .. } => "erc20",
        }
    }

    /// The CAIP-19 reference: `60`, or the contract in lower case.
    #[must_use]
    pub fn reference(&self) -> String {
        match self {
            Self::Native { .. } => "60".to_owned(),
            Self::Erc20 { contract, .. } => format!("{contract:#x}"),
        }
    }
}

impl FromStr for Asset {
    type Err = ChainError;

    fn from_str(text: &str) -> Result<Self, ChainError> {
        let refuse = |reason: &str| ChainError::malformed("asset", reason);
        let (network, rest) = text
            .split_once('/')
            .ok_or_else(|| refuse("must be a CAIP-19 name, such as eip155:1/slip44:60"))?;
        let chain_id = network.parse::<Network>()?.chain_id();
        if rest == "slip44:60" {
            return Ok(Self::Native { chain_id });
        }
        let hex = rest
            .strip_prefix("erc20:0x")
            .ok_or_else(|| refuse("must be …/slip44:60 or …/erc20:0x and the contract"))?;
        let lower = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex.len() != 40 || !lower {
            return Err(refuse(
                "the contract must be 0x and 40 lower-case hex digits",
            ));
        }
        let contract = hex
            .parse::<Address>()
            .map_err(|_| refuse("the contract must be 0x and 40 lower-case hex digits"))?;
        if is_reserved(&contract) {
            return Err(refuse("the contract is the zero address or a precompile"));
        }
        Ok(Self::Erc20 { chain_id, contract })
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}:{}",
            self.network(),
            self.namespace(),
            self.reference()
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_each_is_accepted_and_printed_back() {
        for text in [
            "eip155:1/slip44:60",
            "eip155:31337/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            "eip155:18446744073709551615/slip44:60",
        ] {
            assert_eq!(text.parse::<Asset>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for text in [
            "",
            "eip155:1",
            "eip155:1/",
            "eip155:0/slip44:60",
            "eip155:01/slip44:60",
            "eip155:+1/slip44:60",
            "eip155:1 /slip44:60",
            "eip155:18446744073709551616/slip44:60",
            "eip155:\u{0661}/slip44:60",
            "EIP155:1/slip44:60",
            "bip122:000000000019d6689c085ae165831e93/slip44:0",
            "eip155:1/slip44:0",
            "eip155:1/slip44:60/1",
            "eip155:1/slip44:060",
            "eip155:1/erc721:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            "eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
            "eip155:1/erc20:a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            "eip155:1/erc20:0x0xb86991c6218b36c1d19d4a2e9eb0ce3606eb48",
            "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb4",
            "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb488",
            "eip155:1/erc20:0x0000000000000000000000000000000000000000",
            "eip155:1/erc20:0x0000000000000000000000000000000000000001",
        ] {
            assert!(text.parse::<Asset>().is_err(), "{text}");
        }
    }
}
