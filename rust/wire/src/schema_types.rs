//! The shape of a signed body's schema, as `schema.rs` (generated from the protos) fills it in.
//!
//! Only what the restricted kind of message may contain has a place here: a proto with anything else cannot be
//! generated.

/// A message: its fields ascend by number.
#[derive(Debug)]
pub struct Message {
    /// Short name, e.g. `WithdrawalIntent`.
    pub name: &'static str,
    /// In ascending order of number, which is the order of declaration.
    pub fields: &'static [Field],
}

/// One field of a message.
#[derive(Debug)]
pub struct Field {
    /// The field's number.
    pub number: u32,
    /// The proto name.
    pub name: &'static str,
    /// Only strings and messages repeat.
    pub repeated: bool,
    /// What it holds.
    pub kind: Kind,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A varint below 2^32.
    Uint32,
    /// A varint below 2^64.
    Uint64,
    /// UTF-8.
    String,
    /// Any bytes.
    Bytes,
    /// A varint that names one of the enum's values.
    Enum(&'static Enum),
    /// A message, never (directly or not) the one it is in.
    Message(&'static Message),
}

/// An enum; value 0 is the refused `…_UNSPECIFIED`.
#[derive(Debug)]
pub struct Enum {
    /// Short name, e.g. `FeeMode`.
    pub name: &'static str,
    /// In ascending order of number, 0 included.
    pub values: &'static [EnumValue],
}

/// One value of an enum.
#[derive(Debug)]
pub struct EnumValue {
    /// The number on the wire.
    pub number: u32,
    /// The proto name, e.g. `FEE_MODE_HOUSE`.
    pub name: &'static str,
}

impl Enum {
    /// Whether `number` names a value, 0 included.
    #[must_use]
    pub fn has(&self, number: u64) -> bool {
        self.values
            .iter()
            .any(|value| u64::from(value.number) == number)
    }
}

impl PartialEq for Message {
    /// Names are unique in the package.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
