//! The frame of a snapshot: a magic, a version, sections behind their lengths, and a SHA-256 of all that.
//!
//! A section is a list of items of one kind, in pieces of about 64 KiB, so that neither side holds more of it than a
//! piece beside what it is made from. What is read is believed for no length: nothing is reserved before the bytes for
//! it were seen.

use sha2::{Digest, Sha256};

use crate::error::LedgerError;
use crate::limits::stored::{Reader, Writer};

const MAGIC: &[u8; 16] = b"custody.snapshot";
/// The one version that is written; all that are read.
pub(crate) const VERSION: u32 = 1;
/// A piece ends with the item that makes it so long.
const PIECE: usize = 1 << 16;
const DIGEST: usize = 32;

/// What a section holds: its number, and its name for errors. They come in order of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind(pub u8, pub &'static str);

/// Writes sections.
pub(crate) struct Sections<'a> {
    out: &'a mut dyn FnMut(&[u8]),
    digest: Sha256,
    kind: Kind,
    piece: Vec<u8>,
}

impl<'a> Sections<'a> {
    /// Writes the head.
    pub fn new(out: &'a mut dyn FnMut(&[u8])) -> Self {
        let mut made = Self {
            out,
            digest: Sha256::new(),
            kind: Kind(0, ""),
            piece: Vec::new(),
        };
        made.put(MAGIC);
        made.put(&VERSION.to_be_bytes());
        made
    }

    fn put(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        (self.out)(bytes);
    }

    /// Writes one item.
    pub fn item(&mut self, kind: Kind, write: impl FnOnce(&mut Writer<'_>)) {
        self.bytes(kind, |piece| {
            let mut push = |bytes: &[u8]| piece.extend_from_slice(bytes);
            write(&mut Writer(&mut push));
        });
    }

    /// Writes one item that is put together elsewhere.
    pub fn bytes(&mut self, kind: Kind, write: impl FnOnce(&mut Vec<u8>)) {
        if self.kind != kind {
            self.flush();
            self.kind = kind;
        }
        write(&mut self.piece);
        if self.piece.len() >= PIECE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.piece.is_empty() {
            return;
        }
        let mut piece = std::mem::take(&mut self.piece);
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.put(&[self.kind.0]);
        self.put(&length.to_be_bytes());
        self.put(&piece);
        piece.clear();
        self.piece = piece;
    }

    /// Writes the checksum.
    pub fn finish(mut self) {
        self.flush();
        let digest: [u8; DIGEST] = self.digest.finalize().into();
        (self.out)(&digest);
    }
}

/// Sections to be read.
#[derive(Debug)]
pub(crate) struct Saved<'a>(&'a [u8]);

impl<'a> Saved<'a> {
    /// Checks magic, version and checksum.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn open(bytes: &'a [u8]) -> Result<Self, LedgerError> {
        let refused = |what: &str, reason: String| {
            LedgerError::malformed(&format!("snapshot.{what}"), reason)
        };
        let (magic, rest) = bytes.split_first_chunk().unwrap_or((&[0; 16], &[]));
        if magic != MAGIC {
            return Err(refused("magic", "is no snapshot".to_owned()));
        }
        let (version, rest) = rest.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let version = u32::from_be_bytes(*version);
        if version != VERSION {
            let reason = format!("is {version}, and only {VERSION} is read");
            return Err(refused("version", reason));
        }
        let (sections, checksum) = rest
            .split_last_chunk::<DIGEST>()
            .unwrap_or((&[], &[0; DIGEST]));
        let signed = bytes.len().saturating_sub(DIGEST);
        let digest: [u8; DIGEST] = Sha256::digest(bytes.get(..signed).unwrap_or_default()).into();
        if digest != *checksum {
            let reason = "is not that of the bytes: cut off or changed";
            return Err(refused("checksum", reason.to_owned()));
        }
        Ok(Self(sections))
    }

    /// How many bytes are left: a bound of all that they can hold.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// Reads every item of a kind, if any comes now.
    ///
    /// # Errors
    /// `Malformed`: an item that does not have its form.
    pub fn each(
        &mut self,
        kind: Kind,
        mut read: impl FnMut(&mut Reader<'a>) -> Option<()>,
    ) -> Result<(), LedgerError> {
        while self.0.first() == Some(&kind.0) {
            let piece = self.piece().ok_or_else(|| Self::refused(kind))?;
            let from = &mut Reader(piece);
            while !from.0.is_empty() {
                let before = from.0.len();
                read(from)
                    .filter(|()| from.0.len() < before)
                    .ok_or_else(|| Self::refused(kind))?;
            }
        }
        Ok(())
    }

    /// Reads the one item of a kind.
    ///
    /// # Errors
    /// `Malformed`: there is none, there are more, or it does not have its form.
    pub fn one<T>(
        &mut self,
        kind: Kind,
        mut read: impl FnMut(&mut Reader<'a>) -> Option<T>,
    ) -> Result<T, LedgerError> {
        let mut found = None;
        self.each(kind, |from| {
            let first = found.is_none();
            found = Some(read(from)?);
            first.then_some(())
        })?;
        found.ok_or_else(|| Self::refused(kind))
    }

    fn piece(&mut self) -> Option<&'a [u8]> {
        let mut from = Reader(self.0);
        from.byte()?;
        let length = from.length()?;
        let piece = from.bytes(length).filter(|piece| !piece.is_empty())?;
        self.0 = from.0;
        Some(piece)
    }

    /// Nothing comes any more.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn end(&self) -> Result<(), LedgerError> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(LedgerError::malformed(
                "snapshot.sections",
                "one is unknown, or comes out of order",
            )),
        }
    }

    /// The error of a section that does not hold together.
    pub fn refused(kind: Kind) -> LedgerError {
        let field = format!("snapshot.{}", kind.1);
        LedgerError::malformed(&field, "does not have its form, or contradicts the rest")
    }
}
