//! How registers are declared.

use std::fmt::Write as _;

/// A run of bits in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Highest bit.
    pub high: u8,
    /// Lowest bit.
    pub low: u8,
}

impl Field {
    /// Bits `high..=low`.
    pub const fn new(high: u8, low: u8) -> Self {
        assert!(high < 32 && low <= high);
        Self { high, low }
    }

    /// Ones where the field is.
    pub const fn mask(self) -> u32 {
        (u32::MAX >> (31 - self.high + self.low)) << self.low
    }

    /// Largest value.
    pub const fn max(self) -> u32 {
        self.mask() >> self.low
    }

    /// The field's value in a word.
    pub const fn get(self, word: u32) -> u32 {
        (word & self.mask()) >> self.low
    }

    /// Whether any bit is set.
    pub const fn is_set(self, word: u32) -> bool {
        word & self.mask() != 0
    }

    /// The word with the field replaced; bits of `value` beyond the field are dropped.
    pub const fn with(self, word: u32, value: u32) -> u32 {
        word & !self.mask() | (value << self.low) & self.mask()
    }

    /// The value in its place, zero elsewhere.
    pub const fn of(self, value: u32) -> u32 {
        self.with(0, value)
    }
}

/// Who may change a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The host reads; writes have no effect.
    ReadOnly,
    /// The host reads and writes.
    ReadWrite,
}

/// One 32-bit register of a block.
#[derive(Debug, PartialEq, Eq)]
pub struct Register {
    /// Its name in the sources.
    pub name: &'static str,
    /// Bytes from the block's base.
    pub offset: u32,
    /// Who may change it.
    pub access: Access,
    /// Where what is known of it comes from.
    pub source: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Named fields.
    pub fields: &'static [(&'static str, Field)],
}

impl Register {
    /// `NAME = 0x.. (FIELD 1, FIELD 3)`: fields that are not zero, and bits that belong to none.
    pub fn describe(&self, word: u32) -> String {
        let mut text = format!("{} = {word:#010x}", self.name);
        let mut told = Vec::new();
        let mut rest = word;
        for (name, field) in self.fields {
            rest &= !field.mask();
            match (field.get(word), field.high == field.low) {
                (0, _) => {}
                (_, true) => told.push((*name).to_owned()),
                (value, false) => told.push(format!("{name} {value:#x}")),
            }
        }
        if rest != 0 && !self.fields.is_empty() {
            told.push(format!("unnamed {rest:#x}"));
        }
        if !told.is_empty() {
            let _ = write!(text, " ({})", told.join(", "));
        }
        text
    }
}

/// Registers at a place.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name.
    pub name: &'static str,
    /// Device address of its first register.
    pub base: u32,
    /// What is known in it.
    pub registers: &'static [Register],
}

/// Declares the registers of a block: for each a module with its offset and fields, and all of them in one table.
macro_rules! registers {
    ($table:ident: $($module:ident $name:literal at $offset:literal, $access:ident, $source:literal, $about:literal
        { $($field:ident [$high:literal : $low:literal]),* $(,)? })*) => {
        $(
            #[doc = concat!($about, " \\[", $source, "\\]")]
            pub mod $module {
                #[allow(unused_imports)]
                use crate::chip::Field;
                #[doc = concat!("Offset of ", $name, ".")]
                pub const OFFSET: u32 = $offset;
                $(
                    #[doc = concat!("Bits ", stringify!($high), ":", stringify!($low), ".")]
                    pub const $field: Field = Field::new($high, $low);
                )*
            }
        )*
        /// All registers of the block, by offset.
        pub const $table: &[crate::chip::Register] = &[
            $(crate::chip::Register {
                name: $name,
                offset: $offset,
                access: crate::chip::Access::$access,
                source: $source,
                about: $about,
                fields: &[$((stringify!($field), $module::$field)),*],
            }),*
        ];
    };
}
pub(crate) use registers;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_to_themselves() {
        let field = Field::new(25, 16);
        assert_eq!((field.mask(), field.max()), (0x03FF_0000, 0x3FF));
        assert_eq!(field.with(0xFFFF_FFFF, 0), 0xFC00_FFFF);
        assert_eq!(field.of(0x7FF), 0x03FF_0000);
        assert_eq!(Field::new(31, 0).mask(), u32::MAX);
        assert!(Field::new(31, 31).is_set(0x8000_0000));
    }

    #[test]
    fn words_are_told_by_their_fields() {
        const FIELDS: &[(&str, Field)] = &[("RUN", Field::new(8, 8)), ("SIZE", Field::new(31, 26))];
        let register =
            Register { name: "CTRL", offset: 0, access: Access::ReadWrite, source: "E", about: "", fields: FIELDS };
        assert_eq!(register.describe(0x8000_0102), "CTRL = 0x80000102 (RUN, SIZE 0x20, unnamed 0x2)");
        assert_eq!(register.describe(0), "CTRL = 0x00000000");
    }
}
