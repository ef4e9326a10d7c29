//! The form of each value: what may stand in a field, and the sentence that says so when something else does.

use crate::error::Reason;
use crate::names::{
    is_account, is_asset, is_halt_id, is_id, is_journal, is_key_id, is_line, is_network, is_scope,
    is_ulid,
};

/// 9999-12-31T23:59:59.999Z, the last moment that every language's date type can hold.
pub const MAX_UNIX_MS: u64 = 253_402_300_799_999;
/// Sequences, numbers and epochs: what a signed 64-bit integer (a database's) holds.
pub const MAX_COUNT: u64 = 0x7fff_ffff_ffff_ffff;

/// The form of one field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A name from the policy.
    Id,
    /// 1 to n bytes of printable ASCII without spaces.
    Token(usize),
    /// 1 to n bytes of printable ASCII.
    Printable(usize),
    /// 1 to n bytes of text for people, on one line.
    Text(usize),
    /// CAIP-2.
    Network,
    /// CAIP-19 without a token id.
    Asset,
    /// Base units, above zero.
    Positive,
    /// Base units, zero as `0`.
    Amount,
    /// A ledger account.
    Account,
    /// One scope of a halt, 1 to 32 of them and none twice.
    Scopes,
    /// A journal's name.
    Journal,
    /// What a RESUME ends.
    HaltId,
    /// A ULID.
    Ulid,
    /// A key's id.
    KeyId,
    /// A signature scheme's name.
    Scheme,
    /// A wallet's kind, or AUDIT.
    Use,
    /// Exactly so many bytes.
    Bytes(usize),
    /// 1 to n bytes.
    UpTo(usize),
    /// A sequence, number, epoch or attempt: from 1.
    Count,
    /// Unix milliseconds, from 1.
    Time,
    /// An enum's value other than 0.
    Choice,
    /// At most so many messages.
    Items(usize),
    /// At most so many messages, no two with the same first field.
    Distinct(usize),
}

impl Form {
    /// Whether `text` has this form.
    ///
    /// # Errors
    /// `Reason::Form` with the sentence that says what it should look like.
    pub fn check_text(self, text: &str) -> Result<(), Reason> {
        let bytes = text.as_bytes();
        let (ok, sentence) = match self {
            Self::Id => (is_id(text), "must be 1 to 64 of a-z, 0-9 and -"),
            Self::Token(most) => (
                bytes.len() <= most && bytes.iter().all(u8::is_ascii_graphic),
                "must be printable ASCII without spaces, and not too long",
            ),
            Self::Printable(most) => (
                bytes.len() <= most && bytes.iter().all(|b| matches!(b, 0x20..=0x7e)),
                "must be printable ASCII, and not too long",
            ),
            Self::Text(most) => (
                is_line(text, most),
                "must be one line of text without control characters, and not too long",
            ),
            Self::Network => (is_network(text), "must be a CAIP-2 network"),
            Self::Asset => (
                is_asset(text),
                "must be a CAIP-19 asset, an EVM contract in lower case",
            ),
            Self::Positive => (
                parse_amount(text).is_some_and(|n| n > 0),
                "must be a decimal from 1 to 2^128 - 1 without leading zeros",
            ),
            Self::Amount => (
                parse_amount(text).is_some(),
                "must be a decimal from 0 to 2^128 - 1 without leading zeros",
            ),
            Self::Account => (
                is_account(text),
                "must be pool:NAME, wallet:ID, in_flight or suspense",
            ),
            Self::Scopes => (
                is_scope(text),
                "must be all, intake, payouts, sweeps, asset:…, wallet:…, customer:… or destination:…",
            ),
            Self::Journal => (is_journal(text), "must be server/PARTITION or signer/ID"),
            Self::HaltId => (
                is_halt_id(text),
                "must be 64 lower-case hex digits, server/SEQUENCE or signer/ID/LOG_SEQUENCE",
            ),
            Self::Ulid => (is_ulid(text), "must be a ULID"),
            Self::KeyId => (
                is_key_id(text),
                "must be SHA256: and 43 base64 characters, or 64 lower-case hex digits",
            ),
            Self::Scheme => (SCHEMES.contains(&text), "must be the name of a scheme"),
            Self::Use => (
                USES.contains(&text),
                "must be HOT, WARM, COLD, GAS, DEPOSIT or AUDIT",
            ),
            _ => return Err(Reason::WrongKind),
        };
        if ok {
            Ok(())
        } else {
            Err(Reason::Form(sentence))
        }
    }

    /// Whether `bytes` have this form.
    ///
    /// # Errors
    /// As `check_text`.
    pub fn check_bytes(self, bytes: &[u8]) -> Result<(), Reason> {
        match self {
            Self::Bytes(16) if bytes.len() != 16 => Err(Reason::Form("must be 16 bytes")),
            Self::Bytes(32) if bytes.len() != 32 => Err(Reason::Form("must be 32 bytes")),
            Self::Bytes(exactly) if bytes.len() != exactly => {
                Err(Reason::Form("must have its exact length"))
            }
            Self::UpTo(most) if bytes.len() > most => Err(Reason::Form("has too many bytes")),
            Self::Bytes(_) | Self::UpTo(_) => Ok(()),
            _ => Err(Reason::WrongKind),
        }
    }

    /// How many items a repeated field of this form takes.
    #[must_use]
    pub fn most_items(self) -> usize {
        match self {
            Self::Scopes => 32,
            Self::Items(most) | Self::Distinct(most) => most,
            _ => 1,
        }
    }

    /// Whether `number` has this form; zero never gets here.
    ///
    /// # Errors
    /// As `check_text`.
    pub fn check_number(self, number: u64) -> Result<(), Reason> {
        match self {
            Self::Count if number > MAX_COUNT => Err(Reason::Form("must be at most 2^63 - 1")),
            Self::Time if number > MAX_UNIX_MS => {
                Err(Reason::Form("must be a time before the year 10000"))
            }
            Self::Count | Self::Time | Self::Choice => Ok(()),
            _ => Err(Reason::WrongKind),
        }
    }
}

/// The schemes, in the order of the documents.
pub const SCHEMES: [&str; 6] = [
    "ed25519",
    "ecdsa-secp256k1-sha256",
    "ecdsa-p256-sha256",
    "bip340",
    "ethereum",
    "sshsig",
];
const USES: [&str; 6] = ["HOT", "WARM", "COLD", "GAS", "DEPOSIT", "AUDIT"];

/// `0` or `[1-9][0-9]{0,38}`, at most 2^128 - 1.
#[must_use]
pub fn parse_amount(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    if bytes.len() > 39 || (bytes.first() == Some(&b'0') && bytes.len() > 1) || bytes.is_empty() {
        return None;
    }
    let (high, low) = bytes.split_at(bytes.len().saturating_sub(19));
    let low = digits(low)?;
    if high.is_empty() {
        return Some(u128::from(low));
    }
    let (top, high) = high.split_at(high.len().saturating_sub(19));
    let high = u128::from(digits(top)?)
        .checked_mul(10_000_000_000_000_000_000)?
        .checked_add(u128::from(digits(high)?))?;
    high.checked_mul(10_000_000_000_000_000_000)?
        .checked_add(u128::from(low))
}

/// At most 19 decimal digits, which a u64 holds: the wrapping operations never wrap.
fn digits(bytes: &[u8]) -> Option<u64> {
    let (mut sum, mut good) = (0_u64, bytes.len() <= 19);
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        good &= digit <= 9;
        sum = sum.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    good.then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_plain_decimals_of_at_most_128_bits() {
        for (text, value) in [
            ("0", Some(0)),
            ("1", Some(1)),
            ("9999999999999999999", Some(9_999_999_999_999_999_999)),
            ("10000000000000000000", Some(10_000_000_000_000_000_000)),
            ("340282366920938463463374607431768211455", Some(u128::MAX)),
            ("340282366920938463463374607431768211456", None),
            ("999999999999999999999999999999999999999", None),
            ("3402823669209384634633746074317682114550", None),
            ("", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            ("1e3", None),
            ("1.0", None),
            (" 1", None),
            ("1_000", None),
            ("１", None),
        ] {
            assert_eq!(parse_amount(text), value, "{text}");
        }
    }

    fn takes(form: Form, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(form.check_text(text), Ok(()), "{form:?} {text}");
        }
        for text in bad {
            assert!(form.check_text(text).is_err(), "{form:?} {text}");
        }
    }

    #[test]
    fn names_and_texts() {
        takes(
            Form::Id,
            &["a", "hot-eth-1", &"x".repeat(64)],
            &["", "A", "a_b", "a b", "é", &"x".repeat(65)],
        );
        takes(
            Form::Token(8),
            &["x~!", "12345678"],
            &["a b", "é", "123456789", "\u{7f}"],
        );
        takes(Form::Printable(8), &["a b"], &["a\tb", "é"]);
        takes(
            Form::Text(16),
            &["Zürich, a b"],
            &[
                "a\nb",
                "\u{1b}[2J",
                "a\u{202e}b",
                "\u{200b}",
                // What two memos may differ in without anybody seeing it.
                "1234\u{ad}",
                "12\u{34f}34",
                "1234\u{3164}",
                "1234\u{ffa0}",
                "1234\u{fe0f}",
                "1234\u{e0100}",
                "1234\u{180e}",
                "1234\u{2800}",
                &"x".repeat(17),
            ],
        );
    }

    #[test]
    fn networks_and_assets() {
        takes(
            Form::Network,
            &[
                "eip155:1",
                "bip122:000000000019d6689c085ae165831e93",
                "cosmos:Hub_1",
            ],
            &[
                "eip155",
                "eip155:01",
                "eip155:0",
                "eip155:0x1",
                "bip122:00",
                "EIP155:1",
                "ab:1",
                "eip155:1/slip44:60",
            ],
        );
        let token = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
        takes(
            Form::Asset,
            &["eip155:1/slip44:60", token],
            &[
                "eip155:1",
                "eip155:1/slip44:060",
                "eip155:1/erc20:0xA0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
                "eip155:1/erc20:a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
                "eip155:1/erc20:0xa0b8",
                "eip155:1/erc721:0x1/2",
            ],
        );
    }

    #[test]
    fn ids_of_other_things() {
        takes(
            Form::Account,
            &["pool:house", "wallet:hot-1", "in_flight", "suspense"],
            &["pool:", "pool", "house"],
        );
        takes(
            Form::Scopes,
            &[
                "all",
                "asset:eip155:1/slip44:60",
                "wallet:w",
                "customer:c:1",
                "destination:0xAB",
            ],
            &[
                "",
                "everything",
                "asset:eth",
                "wallet:",
                "customer:",
                "all:",
            ],
        );
        takes(
            Form::Journal,
            &["server/main", "signer/hot-1"],
            &["server", "other/x", "server/"],
        );
        takes(
            Form::HaltId,
            &[&"a".repeat(64), "signer/hot-1/7", "server/12"],
            &[
                &"A".repeat(64),
                "signer/hot-1/07",
                "signer/x",
                "server/0",
                "server/012",
                "server/main/1",
                "server/",
            ],
        );
        takes(
            Form::Ulid,
            &["01ARZ3NDEKTSV4RRFFQ69G5FAV"],
            &[
                "81ARZ3NDEKTSV4RRFFQ69G5FAV",
                "01arz3ndektsv4rrffq69g5fav",
                "01ARZ3NDEKTSV4RRFFQ69G5FAI",
            ],
        );
        takes(
            Form::KeyId,
            &[&"0".repeat(64), &format!("SHA256:{}", "x".repeat(43))],
            &["SHA256:", "sha256:x"],
        );
    }
}
