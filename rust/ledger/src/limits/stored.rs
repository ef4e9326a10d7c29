//! The bytes of a stored book: integers big-endian, lengths before parts, nothing optional without its flag.

/// Writes into what takes bytes: a hash, a file.
pub(crate) struct Writer<'a>(pub &'a mut dyn FnMut(&[u8]));

impl Writer<'_> {
    pub fn flag(&mut self, value: bool) {
        (self.0)(&[u8::from(value)]);
    }

    pub fn byte(&mut self, value: u8) {
        (self.0)(&[value]);
    }

    pub fn word(&mut self, value: u32) {
        (self.0)(&value.to_be_bytes());
    }

    pub fn number(&mut self, value: u64) {
        (self.0)(&value.to_be_bytes());
    }

    pub fn amount(&mut self, value: u128) {
        (self.0)(&value.to_be_bytes());
    }

    pub fn length(&mut self, value: usize) {
        self.number(u64::try_from(value).unwrap_or(u64::MAX));
    }

    pub fn text(&mut self, value: &str) {
        self.length(value.len());
        (self.0)(value.as_bytes());
    }

    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Reads what the writer wrote; `None` where it ends early or does not have its form.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub fn word(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn amount(&mut self) -> Option<u128> {
        self.array().map(u128::from_be_bytes)
    }

    pub fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        String::from_utf8(self.bytes(length)?.to_vec()).ok()
    }

    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.flag()? {
            true => Some(Some(read(self)?)),
            false => Some(None),
        }
    }

    /// So many of them, at most `most`.
    pub fn list_of<T>(
        &mut self,
        most: usize,
        read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut ahead = Reader(self.0);
        (ahead.length()? <= most).then_some(())?;
        self.list(read)
    }

    /// So many of them. Nothing is reserved for what the length only claims.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length()?;
        let mut made = Vec::new();
        for _ in 0..length {
            made.push(read(self)?);
        }
        Some(made)
    }
}
