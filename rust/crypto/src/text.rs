//! Public keys as a policy file writes them: hex, an address, or an OpenSSH line; one text form, checked whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::KeyError;
use crate::key::Key;
use crate::scheme::{Scheme, ethereum};
use crate::ssh::{self, Blob};

/// Longest text taken: an OpenSSH line with a long comment; hex forms are far shorter.
const MAX_TEXT_LEN: usize = 2048;

/// Reads a policy's text form into the bytes that `Keyring::enrol` takes, and checks the key.
///
/// Hex: 32 bytes for ed25519 and bip340, a compressed point for ECDSA, `0x` and 20 bytes for ethereum (with its EIP-55
/// checksum if of mixed case). An OpenSSH line `TYPE BASE64 [comment]` for sshsig (giving the wire blob), and also for
/// ed25519 (32 bytes) and P-256 (compressed).
///
/// # Errors
/// `KeyError` where the text has another form, or its key would not be enrolled.
pub fn parse_public_key(scheme: Scheme, text: &str) -> Result<Vec<u8>, KeyError> {
    if text.len() > MAX_TEXT_LEN {
        return Err(KeyError::Length);
    }
    let bytes = match scheme {
        Scheme::Bip340 => from_hex::<32>(text)?,
        Scheme::EcdsaSecp256k1Sha256 => from_hex::<33>(text)?,
        Scheme::Ethereum => from_address(text)?,
        Scheme::Sshsig => from_openssh(text)?,
        Scheme::Ed25519 if is_openssh(text) => match Blob::parse(&from_openssh(text)?)? {
            Blob::Ed25519(key) => key.to_vec(),
            Blob::SkEd25519 { .. } | Blob::EcdsaP256(_) => return Err(KeyError::KeyType),
        },
        Scheme::Ed25519 => from_hex::<32>(text)?,
        Scheme::EcdsaP256Sha256 if is_openssh(text) => match Blob::parse(&from_openssh(text)?)? {
            Blob::EcdsaP256(point) => point.to_vec(),
            Blob::Ed25519(_) | Blob::SkEd25519 { .. } => return Err(KeyError::KeyType),
        },
        Scheme::EcdsaP256Sha256 => from_hex::<33>(text)?,
    };
    Ok(Key::parse(scheme, &bytes)?.to_bytes())
}

fn from_hex<const N: usize>(text: &str) -> Result<Vec<u8>, KeyError> {
    let bytes = hex::decode(text).map_err(|_| KeyError::Encoding("not hex"))?;
    if bytes.len() == N {
        Ok(bytes)
    } else {
        Err(KeyError::Length)
    }
}

fn from_address(text: &str) -> Result<Vec<u8>, KeyError> {
    let digits = text
        .strip_prefix("0x")
        .ok_or(KeyError::Encoding("an address begins with 0x"))?;
    let bytes = from_hex::<20>(digits)?;
    if !ethereum::checksum_holds(digits) {
        return Err(KeyError::Encoding("the address's checksum does not hold"));
    }
    Ok(bytes)
}

fn is_openssh(text: &str) -> bool {
    text.contains(' ')
}

/// The wire blob of `TYPE BASE64 [comment]`; the type must be the one that the blob names.
fn from_openssh(text: &str) -> Result<Vec<u8>, KeyError> {
    const REFUSED: KeyError = KeyError::Encoding("not an OpenSSH public-key line");
    let line = text.trim_end();
    if line.chars().any(char::is_control) {
        return Err(REFUSED);
    }
    let mut words = line.splitn(3, ' ');
    let (Some(key_type), Some(encoded)) = (words.next(), words.next()) else {
        return Err(REFUSED);
    };
    let blob = STANDARD.decode(encoded).map_err(|_| REFUSED)?;
    let named = ssh::Reader::new(&blob).string();
    if named == Some(key_type.as_bytes()) {
        Ok(blob)
    } else {
        Err(REFUSED)
    }
}
