//! The singular values of one message while it is checked: on the stack, borrowed from the body.

/// The most fields that a message has; a test holds the schema to it.
pub(crate) const MAX_FIELDS: usize = 16;

/// One field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Absent,
    Number(u64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A repeated field with so many items.
    Items(usize),
}

/// Values and their offsets, by field number from 1.
pub(crate) struct Values<'a> {
    slots: [(Value<'a>, usize); MAX_FIELDS],
}

impl<'a> Values<'a> {
    pub(crate) fn new() -> Self {
        Self {
            slots: [(Value::Absent, 0); MAX_FIELDS],
        }
    }

    fn slot(&self, number: u32) -> (Value<'a>, usize) {
        let index = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
        self.slots.get(index).copied().unwrap_or((Value::Absent, 0))
    }

    pub(crate) fn set(&mut self, index: usize, value: Value<'a>, offset: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = (value, offset);
        }
    }

    /// How many items the repeated field at `index` has so far.
    pub(crate) fn items(&self, index: usize) -> usize {
        match self.slots.get(index) {
            Some((Value::Items(count), _)) => *count,
            _ => 0,
        }
    }

    pub(crate) fn has(&self, number: u32) -> bool {
        self.slot(number).0 != Value::Absent
    }

    /// The number of the field, 0 if it is absent.
    pub(crate) fn number(&self, number: u32) -> u64 {
        match self.slot(number).0 {
            Value::Number(value) => value,
            _ => 0,
        }
    }

    /// The text of the field, empty if it is absent.
    pub(crate) fn text(&self, number: u32) -> &'a str {
        match self.slot(number).0 {
            Value::Text(value) => value,
            _ => "",
        }
    }

    /// The bytes of the field, empty if it is absent.
    pub(crate) fn bytes(&self, number: u32) -> &'a [u8] {
        match self.slot(number).0 {
            Value::Bytes(value) => value,
            _ => &[],
        }
    }

    /// Where the value starts; `None` if it is absent.
    pub(crate) fn offset(&self, number: u32) -> Option<usize> {
        match self.slot(number) {
            (Value::Absent, _) => None,
            (_, offset) => Some(offset),
        }
    }
}
