//! The SSH wire format (RFC 4251 §5) of public keys and signatures, read strictly: bounded, whole, no trailing byte.

use crate::error::KeyError;

/// The key types known here. Certificates are other types and so are refused.
pub(crate) const ED25519: &str = "ssh-ed25519";
pub(crate) const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
pub(crate) const ECDSA_P256: &str = "ecdsa-sha2-nistp256";
const NISTP256: &[u8] = b"nistp256";

/// Longest field taken: the longest lawful one is a few hundred bytes; the bound keeps lengths far from overflow.
const MAX_FIELD_LEN: usize = 4096;

/// Reads fields from the front of a blob; every failure is `None`.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(blob: &'a [u8]) -> Self {
        Self(blob)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| *byte)
    }

    pub(crate) fn uint32(&mut self) -> Option<u32> {
        self.array::<4>().map(|bytes| u32::from_be_bytes(*bytes))
    }

    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.uint32()?).ok()?;
        if length > MAX_FIELD_LEN {
            return None;
        }
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    /// Succeeds only where nothing is left.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Appends a string field. Only for fields of bounded length: longer than `u32` is cut off with its own length.
pub(crate) fn put_string(out: &mut Vec<u8>, field: &[u8]) {
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(field);
}

/// A public key blob, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blob<'a> {
    Ed25519(&'a [u8]),
    SkEd25519 {
        key: &'a [u8],
        application: &'a [u8],
    },
    EcdsaP256(&'a [u8]),
}

impl<'a> Blob<'a> {
    /// Takes a blob apart; the points inside are not checked yet.
    pub(crate) fn parse(blob: &'a [u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(blob);
        let key_type = reader
            .string()
            .ok_or(KeyError::Encoding("not an SSH public key"))?;
        let parsed = if key_type == ED25519.as_bytes() {
            reader.string().map(Self::Ed25519)
        } else if key_type == SK_ED25519.as_bytes() {
            reader
                .string()
                .zip(reader.string())
                .map(|(key, application)| Self::SkEd25519 { key, application })
        } else if key_type == ECDSA_P256.as_bytes() {
            let curve = reader.string();
            reader
                .string()
                .filter(|_| curve == Some(NISTP256))
                .map(Self::EcdsaP256)
        } else {
            return Err(KeyError::KeyType);
        };
        parsed
            .zip(reader.end())
            .map(|(parsed, ())| parsed)
            .ok_or(KeyError::Encoding("not an SSH public key"))
    }
}

/// The blob of an ssh-ed25519 key (RFC 8709 §4).
pub(crate) fn ed25519_blob(key: &[u8; 32]) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, ED25519.as_bytes());
    put_string(&mut blob, key);
    blob
}

/// The blob of an ecdsa-sha2-nistp256 key (RFC 5656 §3.1), the point uncompressed.
pub(crate) fn p256_blob(point: &[u8; 65]) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, ECDSA_P256.as_bytes());
    put_string(&mut blob, NISTP256);
    put_string(&mut blob, point);
    blob
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_field_longer_than_what_is_left_is_refused() {
        assert_eq!(Reader::new(&[0, 0, 0, 2, 1]).string(), None);
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff]).string(), None);
        assert_eq!(Reader::new(&[0, 0, 0]).string(), None);
        assert_eq!(Reader::new(&[0, 0, 0, 1, 7]).string(), Some(&[7_u8][..]));
    }

    #[test]
    fn a_blob_with_a_trailing_byte_is_refused() {
        let mut blob = ed25519_blob(&[7; 32]);
        assert_eq!(Blob::parse(&blob).unwrap(), Blob::Ed25519(&[7; 32]));
        blob.push(0);
        assert!(matches!(Blob::parse(&blob), Err(KeyError::Encoding(_))));
    }

    #[test]
    fn a_certificate_is_refused() {
        let mut blob = Vec::new();
        put_string(&mut blob, b"ssh-ed25519-cert-v01@openssh.com");
        put_string(&mut blob, &[7; 32]);
        assert_eq!(Blob::parse(&blob), Err(KeyError::KeyType));
    }
}
