//! What names, networks, assets, scopes and ids look like; structure alone, no checksum of a chain.

use crate::form::MAX_COUNT;

pub(crate) fn is_id(text: &str) -> bool {
    matches!(text.len(), 1..=64)
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// No control character, line separator, mark that changes the order in which text is shown, or character that shows as
/// nothing: what a person reads is what is signed.
pub(crate) fn is_line(text: &str, most: usize) -> bool {
    text.len() <= most && !text.chars().any(|c| c.is_control() || hides(c))
}

/// Unicode's Default_Ignorable_Code_Point, the two separators, the bidirectional embeddings, interlinear annotation, and
/// the braille blank.
fn hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn all(text: &str, from: usize, to: usize, ok: impl Fn(u8) -> bool) -> bool {
    text.len() >= from && text.len() <= to && text.bytes().all(ok)
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    all(text, length, length, |b| {
        b.is_ascii_digit() || matches!(b, b'a'..=b'f')
    })
}

/// A decimal without leading zeros, of at most 32 digits.
fn is_decimal(text: &str) -> bool {
    all(text, 1, 32, |b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'))
}

fn is_namespace(text: &str) -> bool {
    all(text, 3, 8, |b| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
    })
}

/// CAIP-2.
pub(crate) fn is_network(text: &str) -> bool {
    let Some((namespace, reference)) = text.split_once(':') else {
        return false;
    };
    is_namespace(namespace)
        && match namespace {
            "eip155" => is_decimal(reference) && reference != "0",
            "bip122" => is_lower_hex(reference, 32),
            _ => all(reference, 1, 32, |b| {
                b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')
            }),
        }
}

/// CAIP-19 without a token id.
pub(crate) fn is_asset(text: &str) -> bool {
    let Some((network, asset)) = text.split_once('/') else {
        return false;
    };
    let Some((namespace, reference)) = asset.split_once(':') else {
        return false;
    };
    is_network(network)
        && is_namespace(namespace)
        && match namespace {
            "slip44" => is_decimal(reference),
            "erc20" => reference
                .strip_prefix("0x")
                .is_some_and(|hex| is_lower_hex(hex, 40)),
            _ => all(reference, 1, 128, |b| {
                b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'%')
            }),
        }
}

pub(crate) fn is_account(text: &str) -> bool {
    matches!(text, "in_flight" | "suspense")
        || text
            .strip_prefix("pool:")
            .or_else(|| text.strip_prefix("wallet:"))
            .is_some_and(is_id)
}

pub(crate) fn is_scope(text: &str) -> bool {
    match text.split_once(':') {
        None => matches!(text, "all" | "intake" | "payouts" | "sweeps"),
        Some(("asset", asset)) => is_asset(asset),
        Some(("wallet", wallet)) => is_id(wallet),
        Some(("customer", customer)) => all(customer, 1, 64, |b| matches!(b, 0x20..=0x7e)),
        Some(("destination", address)) => all(address, 1, 128, |b| b.is_ascii_graphic()),
        Some(_) => false,
    }
}

pub(crate) fn is_journal(text: &str) -> bool {
    text.strip_prefix("server/")
        .or_else(|| text.strip_prefix("signer/"))
        .is_some_and(is_id)
}

pub(crate) fn is_halt_id(text: &str) -> bool {
    let is_row =
        |row: &str| is_decimal(row) && row.parse::<u64>().is_ok_and(|n| n > 0 && n <= MAX_COUNT);
    let of_signer = |rest: &str| {
        rest.split_once('/')
            .is_some_and(|(id, row)| is_id(id) && is_row(row))
    };
    is_lower_hex(text, 64)
        || text.strip_prefix("server/").is_some_and(is_row)
        || text.strip_prefix("signer/").is_some_and(of_signer)
}

pub(crate) fn is_ulid(text: &str) -> bool {
    let crockford = |b: u8| {
        b.is_ascii_digit() || (b.is_ascii_uppercase() && !matches!(b, b'I' | b'L' | b'O' | b'U'))
    };
    all(text, 26, 26, crockford) && matches!(text.as_bytes().first(), Some(b'0'..=b'7'))
}

pub(crate) fn is_key_id(text: &str) -> bool {
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    is_lower_hex(text, 64)
        || text
            .strip_prefix("SHA256:")
            .is_some_and(|rest| all(rest, 43, 43, base64))
}
