//! Headers of `.npy` arrays: what the values are, and in which order.

use crate::error::{FileError, shortened_name};

const MAGIC: &[u8] = b"\x93NUMPY";

pub(super) struct Header<'a> {
    pub(super) descr: &'a str,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

impl<'a> Header<'a> {
    /// The header and the bytes behind it.
    pub(super) fn parse(name: &str, bytes: &'a [u8]) -> Result<(Self, &'a [u8]), FileError> {
        let fail = |why: &str| FileError::format(".npy array", &format!("{name}: {why}"));
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| fail("it does not start with \\x93NUMPY"))?;
        let (length, rest) = match rest {
            [1, 0, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
            [2 | 3, 0, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
            [major, minor, ..] if !matches!((major, minor), (1..=3, 0)) => {
                return Err(fail(&format!("its version is {major}.{minor}, this program reads 1.0, 2.0 and 3.0")));
            }
            _ => return Err(fail("it ends inside the header")),
        };
        let (text, data) = rest.split_at_checked(length).ok_or_else(|| fail("it ends inside the header"))?;
        let text = str::from_utf8(text).map_err(|_| fail("its header is no text"))?;
        let malformed = "its header is no dict of 'descr', 'fortran_order' and 'shape'";
        let entries = Dict { rest: text }.parse().ok_or_else(|| fail(malformed))?;
        let (Some(descr), Some(fortran_order), Some(shape)) = entries else {
            return Err(fail(malformed));
        };
        Ok((Self { descr, fortran_order, shape }, data))
    }

    /// The type of its values, a number.
    pub(super) fn element(&self, name: &str) -> Result<Element, FileError> {
        Element::parse(self.descr).ok_or_else(|| match self.descr {
            "|O" => FileError::array(name, DTYPES, "Python objects: if it is a sparse matrix, store its .toarray()"),
            other => FileError::array(name, DTYPES, shortened_name(other)),
        })
    }
}

/// Magic, version 1.0 and a header, padded so that the values start at a multiple of 64; the header ends in a line break.
pub(super) fn with_header(header: &str) -> Vec<u8> {
    let before = MAGIC.len() + 4;
    let padded = (before + header.len() + 1).next_multiple_of(64) - before - 1;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&((padded + 1) as u16).to_le_bytes());
    bytes.extend_from_slice(format!("{header:padded$}\n").as_bytes());
    bytes
}

const DTYPES: &str = "floats or integers, such as <f8";

/// How a value is stored.
#[derive(Clone, Copy)]
pub(super) struct Element {
    kind: Kind,
    pub(super) width: usize,
    big_endian: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Float,
    Signed,
    Unsigned,
}

impl Element {
    /// Reads a type such as `<f8`, `>i4` or `|u1`.
    fn parse(descr: &str) -> Option<Self> {
        let (order, rest) = descr.split_at_checked(1)?;
        let (kind, width) = match rest {
            "f4" => (Kind::Float, 4),
            "f8" => (Kind::Float, 8),
            "i1" => (Kind::Signed, 1),
            "i2" => (Kind::Signed, 2),
            "i4" => (Kind::Signed, 4),
            "i8" => (Kind::Signed, 8),
            "u1" => (Kind::Unsigned, 1),
            "u2" => (Kind::Unsigned, 2),
            "u4" => (Kind::Unsigned, 4),
            "u8" => (Kind::Unsigned, 8),
            _ => return None,
        };
        let big_endian = match order {
            ">" => true,
            "<" => false,
            "|" if width == 1 => false,
            _ => return None,
        };
        Some(Self { kind, width, big_endian })
    }

    /// The value of `width` bytes; integers beyond 2^53 are rounded.
    pub(super) fn widen(self, bytes: &[u8]) -> f64 {
        let mut padded = [0; 8];
        padded[..self.width].copy_from_slice(bytes);
        if self.big_endian {
            padded[..self.width].reverse();
        }
        let bits = u64::from_le_bytes(padded);
        let unused = 64 - 8 * self.width as u32;
        match self.kind {
            Kind::Float if self.width == 4 => f64::from(f32::from_bits(bits as u32)),
            Kind::Float => f64::from_bits(bits),
            Kind::Signed => (((bits << unused) as i64) >> unused) as f64,
            Kind::Unsigned => bits as f64,
        }
    }
}

/// The little Python that a header may hold; `None` for anything else.
struct Dict<'a> {
    rest: &'a str,
}

type Entries<'a> = (Option<&'a str>, Option<bool>, Option<Vec<usize>>);

impl<'a> Dict<'a> {
    fn parse(mut self) -> Option<Entries<'a>> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.expect("{")?;
        while self.expect("}").is_none() {
            let key = self.string()?;
            self.expect(":")?;
            match key {
                // Records have a list here: they are no numbers, so the name of the type does not matter.
                "descr" if self.rest.trim_start().starts_with('[') => {
                    return Some((Some("[..]"), Some(false), Some(vec![])));
                }
                "descr" => descr = Some(self.string()?),
                "fortran_order" => fortran_order = Some(self.boolean()?),
                "shape" => shape = Some(self.tuple()?),
                _ => return None,
            }
            if self.expect(",").is_none() {
                self.expect("}")?;
                break;
            }
        }
        self.rest.trim().is_empty().then_some((descr, fortran_order, shape))
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (text, rest) = rest[1..].split_once(quote)?;
        self.rest = rest;
        Some(text)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.expect("True").map(|()| true).or_else(|| self.expect("False").map(|()| false))
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut values = Vec::new();
        self.expect("(")?;
        while self.expect(")").is_none() {
            let rest = self.rest.trim_start();
            let (digits, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
            values.push(digits.parse().ok()?);
            self.rest = rest;
            if self.expect(",").is_none() {
                self.expect(")")?;
                break;
            }
        }
        Some(values)
    }
}
