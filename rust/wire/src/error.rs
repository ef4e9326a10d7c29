//! Why a body is refused: the field's dotted path, the byte offset in the outermost body, and the reason.

use std::fmt;

/// A body that is not canonical, or breaks a rule of form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireError {
    /// Dotted path of the field, e.g. `body.legs[2].amount`; empty for the body itself.
    pub path: String,
    /// Offset in the outermost body: of the tag where the structure is wrong, of the value where the value is, of the
    /// message's end where something is missing.
    pub offset: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong; each variant's `Display` is the sentence that users see and `signed.json` pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The bytes end inside a tag, a varint or a value.
    Truncated,
    /// A varint longer than its value needs, or than 64 bits.
    OverlongVarint,
    /// A tag whose number is 0 or above 2^29 - 1.
    BadTag,
    /// No field of this number.
    UnknownField(u32),
    /// A lower number after a higher one.
    FieldOrder,
    /// A singular field twice.
    FieldRepeated,
    /// Not the wire type of the field.
    WireType,
    /// A uint32 or enum above its range.
    OutOfRange,
    /// A zero or empty singular value, which is never written.
    ExplicitDefault,
    /// Not UTF-8.
    BadUtf8,
    /// No value of this number in the enum.
    UnknownEnumValue,
    /// A required field is absent or, for numbers and enums, zero.
    Missing,
    /// A field that must be absent here.
    MustBeAbsent,
    /// More items than the field takes.
    TooManyItems,
    /// The body is larger than its kind may be.
    TooLarge,
    /// A message without rules: none of the package's.
    NoRules,
    /// Not a type of signed message, or not a scheme.
    UnknownName,
    /// A value of another kind than the schema's (encoding alone).
    WrongKind,
    /// The value's form, said as a sentence.
    Form(&'static str),
}

impl Reason {
    /// The reason at a place; `offset` counts from the outermost body's start.
    #[must_use]
    pub fn at(self, path: &str, offset: usize) -> WireError {
        WireError {
            path: path.to_owned(),
            offset,
            reason: self,
        }
    }
}

impl WireError {
    /// The same error, seen from the message that holds this one at `prefix`.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.path = match self.path.is_empty() {
            true => prefix.to_owned(),
            false => format!("{prefix}.{}", self.path),
        };
        self
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::Truncated => "the bytes end inside a value",
            Self::OverlongVarint => "a varint is longer than its value needs",
            Self::BadTag => "a tag names no field number",
            Self::UnknownField(number) => return write!(f, "field {number} is unknown"),
            Self::FieldOrder => "fields do not ascend by number",
            Self::FieldRepeated => "the field occurs twice",
            Self::WireType => "the wire type is not the field's",
            Self::OutOfRange => "the number is above the field's range",
            Self::ExplicitDefault => "a default value is written out",
            Self::BadUtf8 => "the text is not UTF-8",
            Self::UnknownEnumValue => "the enum has no such value",
            Self::Missing => "the field is required",
            Self::MustBeAbsent => "the field must be absent here",
            Self::TooManyItems => "there are too many items",
            Self::TooLarge => "the body is too large",
            Self::NoRules => "the message is not a signed body",
            Self::UnknownName => "the name is unknown",
            Self::WrongKind => "the value is not of the field's kind",
            Self::Form(sentence) => sentence,
        };
        f.write_str(sentence)
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => write!(f, "{} (byte {})", self.reason, self.offset),
            false => write!(f, "{}: {} (byte {})", self.path, self.reason, self.offset),
        }
    }
}

impl std::error::Error for WireError {}
