//! Numbers as people and programs write them.

use super::options::Decimal;

/// What the marks in a number say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// Digits alone.
    None,
    /// A decimal point for certain, as in `12.5` or `1,234.5`.
    Point,
    /// A decimal comma for certain, as in `12,5` or `1.234,5`.
    Comma,
    /// `12.345`: a decimal point where nothing else says that it stands between groups of digits.
    PointOrGroups,
    /// `12,345`: a decimal comma, or groups of digits.
    CommaOrGroups,
}

/// How a cell writes its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) marks: Marks,
    /// Whether digits stand in groups of three.
    pub(super) grouped: bool,
    /// Whether the exponent is written with D, as by Fortran.
    pub(super) fortran: bool,
    pub(super) percent: bool,
    pub(super) currency: Option<char>,
}

/// Whether a cell means that there is no value, for any file. A point alone is that of SAS, and R writes `NA`.
pub(super) fn is_missing(cell: &str) -> bool {
    const WORDS: [&str; 10] = ["na", "n/a", "#n/a", "#na", "nan", "-nan", "null", "none", "nil", "<na>"];
    matches!(cell, "" | "-" | ".") || (cell.len() <= 4 && WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word)))
}

/// Whether a cell is this one, as text or as a number.
pub(super) fn is_same(cell: &str, other: &str) -> bool {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    cell == other || number(cell).is_some_and(|value| number(other) == Some(value))
}

/// How a cell writes a number, if it does.
pub(super) fn shape(cell: &str) -> Option<Shape> {
    let mut shape = Shape { marks: Marks::None, grouped: false, fortran: false, percent: false, currency: None };
    let bytes = cell.as_bytes();
    if bytes.iter().all(u8::is_ascii_digit) {
        return (!bytes.is_empty()).then_some(shape);
    }
    let mut rest = cell;
    let mut signed = false;
    loop {
        let first = rest.chars().next()?;
        if is_sign(first) && !signed {
            signed = true;
        } else if is_currency(first) && shape.currency.is_none() {
            shape.currency = Some(first);
        } else {
            break;
        }
        rest = rest[first.len_utf8()..].trim_start();
    }
    while let Some(last) = rest.chars().next_back() {
        if last == '%' && !shape.percent {
            shape.percent = true;
        } else if is_currency(last) && shape.currency.is_none() {
            shape.currency = Some(last);
        } else {
            break;
        }
        rest = rest[..rest.len() - last.len_utf8()].trim_end();
    }
    let (mantissa, exponent) = match rest.find(['e', 'E', 'd', 'D']) {
        Some(place) => (&rest[..place], Some(&rest[place + 1..])),
        None => (rest, None),
    };
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        shape.fortran = rest.contains(['d', 'D']);
    }
    (shape.marks, shape.grouped) = marks(mantissa, exponent.is_some())?;
    Some(shape)
}

fn is_sign(c: char) -> bool {
    matches!(c, '+' | '-' | '\u{2212}')
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '€' | '£' | '¥' | '₹' | '₽' | '₩' | '₺' | '₴' | '฿')
}

/// Blanks and apostrophes between groups of digits.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’')
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether digits stand in groups of three behind a first one of one to three that does not begin with 0.
fn is_grouped(text: &str, between: impl Fn(char) -> bool) -> bool {
    let mut groups = text.split(between);
    let first = groups.next().unwrap_or_default();
    let is_first = is_digits(first) && first.len() <= 3 && !first.starts_with('0');
    let mut more = groups.peekable();
    is_first && more.peek().is_some() && more.all(|group| is_digits(group) && group.len() == 3)
}

fn marks(text: &str, has_exponent: bool) -> Option<(Marks, bool)> {
    let count = |mark: char| text.matches(mark).count();
    let (points, commas) = (count('.'), count(','));
    let is_fraction = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if text.contains(is_blank) {
        let (whole, fraction, marks) = match (points, commas) {
            (0, 0) => (text, "", Marks::None),
            (1, 0) => text.split_once('.').map(|(a, b)| (a, b, Marks::Point))?,
            (0, 1) => text.split_once(',').map(|(a, b)| (a, b, Marks::Comma))?,
            _ => return None,
        };
        return (is_grouped(whole, is_blank) && is_fraction(fraction)).then_some((marks, true));
    }
    match (points, commas) {
        (0, 0) => is_digits(text).then_some((Marks::None, false)),
        (1, 0) | (0, 1) => {
            let (mark, certain, open) = match points {
                1 => ('.', Marks::Point, Marks::PointOrGroups),
                _ => (',', Marks::Comma, Marks::CommaOrGroups),
            };
            let (whole, fraction) = text.split_once(mark)?;
            let one = is_digits(whole) || is_digits(fraction);
            if !one || !is_fraction(whole) || !is_fraction(fraction) || (mark == ',' && fraction.is_empty()) {
                return None;
            }
            let is_open = !has_exponent && is_grouped(text, |c| c == mark);
            Some((if is_open { open } else { certain }, false))
        }
        (0, _) => is_grouped(text, |c| c == ',').then_some((Marks::Point, true)),
        (_, 0) => is_grouped(text, |c| c == '.').then_some((Marks::Comma, true)),
        // The last mark is that before decimals, and stands once.
        _ => {
            let (mark, group, marks) =
                if text.rfind('.') > text.rfind(',') { ('.', ',', Marks::Point) } else { (',', '.', Marks::Comma) };
            let (whole, fraction) = text.split_once(mark)?;
            (is_grouped(whole, |c| c == group) && is_fraction(fraction)).then_some((marks, true))
        }
    }
}

/// The number of a cell, if it is one with these decimals; percent and currency signs do not change it. It may be infinite.
pub(super) fn value(cell: &str, decimal: Decimal) -> Option<f64> {
    let shape = shape(cell)?;
    match (shape.marks, decimal) {
        (Marks::Point, Decimal::Comma) | (Marks::Comma, Decimal::Point) => return None,
        _ => {}
    }
    let (mark, group) = if decimal == Decimal::Point { ('.', ',') } else { (',', '.') };
    let plain = |c: char| match c {
        c if c == mark => Some('.'),
        '\u{2212}' => Some('-'),
        'd' | 'D' => Some('e'),
        c if c == group || c == '%' || is_blank(c) || is_currency(c) => None,
        c => Some(c),
    };
    cell.chars().filter_map(plain).collect::<String>().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Decimal, Marks, shape, value};

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (cell, decimal, expected) in [
            ("12", Decimal::Point, 12.0),
            ("-0.5", Decimal::Point, -0.5),
            (".5", Decimal::Point, 0.5),
            ("5.", Decimal::Point, 5.0),
            ("1.0D+03", Decimal::Point, 1000.0),
            ("1,5d-1", Decimal::Comma, 0.15),
            ("12%", Decimal::Point, 12.0),
            ("12,5 %", Decimal::Comma, 12.5),
            ("$1,234.50", Decimal::Point, 1234.5),
            ("-$5", Decimal::Point, -5.0),
            ("1.234,50 €", Decimal::Comma, 1234.5),
            ("12,345", Decimal::Point, 12_345.0),
            ("12,345", Decimal::Comma, 12.345),
            ("12.345", Decimal::Comma, 12_345.0),
            ("12.345", Decimal::Point, 12.345),
            ("12 345,6", Decimal::Comma, 12_345.6),
            ("12\u{a0}345", Decimal::Point, 12_345.0),
            ("1'234'567.5", Decimal::Point, 1_234_567.5),
            ("\u{2212}3", Decimal::Point, -3.0),
            ("1,234,567", Decimal::Point, 1_234_567.0),
        ] {
            assert_eq!(value(cell, decimal), Some(expected), "{cell}");
        }
        for cell in [
            "",
            "-",
            "1,2,3",
            "12.34.5",
            "1e",
            "e5",
            "--1",
            "5 kW",
            "0x1f",
            "inf",
            "nan",
            "1,",
            "1 2",
            "$",
            "01.01.2024",
        ] {
            assert_eq!(shape(cell), None, "{cell}");
        }
        assert_eq!((value("1.5", Decimal::Comma), value("1,5", Decimal::Point)), (None, None));
        let marks = |cell| shape(cell).expect(cell).marks;
        assert_eq!((marks("12,345"), marks("0,345")), (Marks::CommaOrGroups, Marks::Comma));
        assert_eq!((marks("1234,567"), marks("12,34")), (Marks::Comma, Marks::Comma));
        assert_eq!((marks("12.345"), marks("12.345e3")), (Marks::PointOrGroups, Marks::Point));
    }
}
