//! SSHSIG, OpenSSH's PROTOCOL.sshsig, narrowed: one namespace, one hash, the enrolled key alone, and a touched key.
//!
//! The signature is the raw blob (what stands between the armour lines, decoded):
//!
//! ```text
//! byte[6] "SSHSIG"   uint32 version = 1   string publickey   string namespace = "custody/v1"
//! string reserved = ""   string hash_algorithm = "sha512"   string signature
//! ```
//!
//! and what the key signs is `"SSHSIG" ‖ string namespace ‖ string reserved ‖ string hash_algorithm ‖ string H(message)`.
//! A security key (PROTOCOL.u2f) signs `SHA256(application) ‖ byte flags ‖ uint32 counter ‖ SHA256(that)` and its
//! signature is `string type ‖ string signature ‖ byte flags ‖ uint32 counter`. `ssh-keygen -Y verify` accepts one made
//! without touch; this reader does not.

use std::sync::Arc;

use sha2::{Digest as _, Sha256, Sha512};

use super::ed25519;
use crate::error::KeyError;
use crate::fixed_base::curve25519::Table;
use crate::ssh::{self, Blob, Reader};
use crate::task::{Made, Signed, Task};
use crate::verdict::Verdict;

const MAGIC: &[u8; 6] = b"SSHSIG";
const VERSION: u32 = 1;
const NAMESPACE: &[u8] = b"custody/v1";
const HASH: &[u8] = b"sha512";
/// FIDO's "user present" bit: someone touched the key for this signature.
const USER_PRESENT: u8 = 0x01;
/// OpenSSH gives its security keys applications that begin so; any other may belong to a web site.
const APPLICATION_PREFIX: &[u8] = b"ssh:";

/// A checked SSH key: its blob, its point, and for a security key the hash of its application.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    blob: Vec<u8>,
    key: ed25519::Key,
    application_sha256: Option<[u8; 32]>,
}

impl Key {
    /// Reads the SSH wire blob of an ssh-ed25519 or sk-ssh-ed25519@openssh.com key.
    pub(crate) fn parse(blob: &[u8]) -> Result<Self, KeyError> {
        let (key, application_sha256) = match Blob::parse(blob)? {
            Blob::Ed25519(key) => (key, None),
            Blob::SkEd25519 { key, application } => {
                if !application.starts_with(APPLICATION_PREFIX) {
                    return Err(KeyError::Encoding(
                        "the application does not begin with ssh:",
                    ));
                }
                (key, Some(Sha256::digest(application).into()))
            }
            Blob::EcdsaP256(_) => return Err(KeyError::KeyType),
        };
        Ok(Self {
            blob: blob.to_vec(),
            key: ed25519::Key::parse(key)?,
            application_sha256,
        })
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Verdict {
        match self.open(message, signature) {
            Ok((signed, signature)) => self.key.verify(signed.bytes(), signature),
            Err(verdict) => verdict,
        }
    }

    /// The engine's check of one item, over what the key signs.
    pub(crate) fn task<'a>(
        &'a self,
        table: &'a Arc<Table>,
        message: &[u8],
        signature: &'a [u8],
    ) -> Task<'a> {
        let (signed, signature) = match self.open(message, signature) {
            Ok(opened) => opened,
            Err(verdict) => return Task::Done(verdict),
        };
        let Ok(signature) = signature.try_into() else {
            return Task::Done(Verdict::Malformed);
        };
        Task::Made(Made {
            table,
            public_key: self.key.as_bytes(),
            signature,
            signed,
        })
    }

    /// Takes a signature apart and holds it to every rule but the last: what the key signed, and its raw signature.
    fn open<'a>(&self, message: &[u8], signature: &'a [u8]) -> Result<(Signed, &'a [u8]), Verdict> {
        let envelope = Envelope::parse(signature).ok_or(Verdict::Malformed)?;
        if envelope.version != VERSION
            || envelope.public_key != self.blob
            || envelope.namespace != NAMESPACE
            || !envelope.reserved.is_empty()
            || envelope.hash != HASH
        {
            return Err(Verdict::Invalid);
        }
        match &self.application_sha256 {
            None => open_plain(message, envelope.signature),
            Some(application) => open_touched(application, message, envelope.signature),
        }
    }

    pub(crate) const fn ed25519(&self) -> &ed25519::Key {
        &self.key
    }

    pub(crate) fn blob(&self) -> &[u8] {
        &self.blob
    }
}

fn open_plain<'a>(message: &[u8], blob: &'a [u8]) -> Result<(Signed, &'a [u8]), Verdict> {
    let mut reader = Reader::new(blob);
    let (Some(kind), Some(signature), Some(())) = (reader.string(), reader.string(), reader.end())
    else {
        return Err(Verdict::Malformed);
    };
    if kind != ssh::ED25519.as_bytes() {
        return Err(Verdict::Invalid);
    }
    let signed = signed_data(message).ok_or(Verdict::Malformed)?;
    Ok((signed, signature))
}

fn open_touched<'a>(
    application: &[u8; 32],
    message: &[u8],
    blob: &'a [u8],
) -> Result<(Signed, &'a [u8]), Verdict> {
    let mut reader = Reader::new(blob);
    let (Some(kind), Some(signature), Some(flags), Some(counter), Some(())) = (
        reader.string(),
        reader.string(),
        reader.byte(),
        reader.uint32(),
        reader.end(),
    ) else {
        return Err(Verdict::Malformed);
    };
    if kind != ssh::SK_ED25519.as_bytes() || flags & USER_PRESENT == 0 {
        return Err(Verdict::Invalid);
    }
    let signed = signed_data(message).ok_or(Verdict::Malformed)?;
    let counter = counter.to_be_bytes();
    let hash = Sha256::digest(signed.bytes());
    let data = Signed::of(&[application, &[flags], &counter, &hash]).ok_or(Verdict::Malformed)?;
    Ok((data, signature))
}

/// The outer fields, read to the last byte and not yet judged.
struct Envelope<'a> {
    version: u32,
    public_key: &'a [u8],
    namespace: &'a [u8],
    reserved: &'a [u8],
    hash: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn parse(blob: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(blob);
        if reader.array::<6>()? != MAGIC {
            return None;
        }
        let envelope = Self {
            version: reader.uint32()?,
            public_key: reader.string()?,
            namespace: reader.string()?,
            reserved: reader.string()?,
            hash: reader.string()?,
            signature: reader.string()?,
        };
        reader.end()?;
        Some(envelope)
    }
}

/// What an SSH key signs for a message, by PROTOCOL.sshsig.
fn signed_data(message: &[u8]) -> Option<Signed> {
    const HEAD: &[u8] = b"SSHSIG\0\0\0\x0acustody/v1\0\0\0\0\0\0\0\x06sha512\0\0\0\x40";
    Signed::of(&[HEAD, &Sha512::digest(message)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_the_fields_one_after_another() {
        let mut fields = Vec::from(*MAGIC);
        for field in [NAMESPACE, b"", HASH, &Sha512::digest(b"message")] {
            ssh::put_string(&mut fields, field);
        }
        assert_eq!(fields.len(), 102);
        assert_eq!(
            signed_data(b"message").as_ref().map(Signed::bytes),
            Some(&fields[..])
        );
    }
}
