//! How many threads one batch may take: bounded, so that no caller's typo starts a thousand.

use crate::error::ThreadsError;

/// A number of threads from 1 to `Threads::MOST`, the calling one among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads(usize);

impl Threads {
    /// The calling thread alone.
    pub const ONE: Self = Self(1);
    /// More than a server's cores would only wait for each other.
    pub const MOST: usize = 64;

    /// Takes 1 to `MOST`.
    ///
    /// # Errors
    /// `ThreadsError` for every other number, zero too: nobody means a batch that nobody verifies.
    pub const fn new(number: usize) -> Result<Self, ThreadsError> {
        match number {
            1..=Self::MOST => Ok(Self(number)),
            _ => Err(ThreadsError),
        }
    }

    pub(crate) const fn get(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_absurdly_many_are_refused() {
        for number in [0, 65, 1_000_000, usize::MAX] {
            assert_eq!(Threads::new(number), Err(ThreadsError));
        }
        assert_eq!(Threads::new(1), Ok(Threads::ONE));
        assert_eq!(Threads::new(64).map(Threads::get), Ok(64));
    }
}
