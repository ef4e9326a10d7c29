//! The one serialisation of a state, straight into SHA-256: lengths before parts, integers big-endian, no hash maps.

use sha2::{Digest, Sha256};

pub(crate) struct Canonical(Sha256);

impl Canonical {
    pub fn new(name: &str) -> Self {
        let mut made = Self(Sha256::new());
        made.text(name);
        made
    }

    pub fn number(&mut self, value: u64) -> &mut Self {
        self.0.update(value.to_be_bytes());
        self
    }

    pub fn amount(&mut self, value: u128) -> &mut Self {
        self.0.update(value.to_be_bytes());
        self
    }

    pub fn flag(&mut self, value: bool) -> &mut Self {
        self.number(u64::from(value))
    }

    pub fn length(&mut self, value: usize) -> &mut Self {
        self.number(u64::try_from(value).unwrap_or(u64::MAX))
    }

    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.length(value.len());
        self.0.update(value);
        self
    }

    /// Bytes that are a serialisation of their own.
    pub fn raw(&mut self, value: &[u8]) {
        self.0.update(value);
    }

    pub fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
