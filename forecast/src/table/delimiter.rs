//! What stands between the cells of a line.

use super::error::{FormatError, TableError, shown};
use super::number;
use super::options::{Decimal, Delimiter};
use super::time;

/// Lines that are looked at: the first ones, and as many from all over the file.
const SAMPLE: usize = 100;

/// Bytes of lines that are looked at; three lines at least.
const SAMPLE_BYTES: usize = 1 << 18;

impl Delimiter {
    /// The byte, where it is one.
    pub(super) fn byte(self) -> Option<u8> {
        match self {
            Self::Comma => Some(b','),
            Self::Semicolon => Some(b';'),
            Self::Tab => Some(b'\t'),
            Self::Pipe => Some(b'|'),
            Self::Blanks | Self::Nothing => None,
        }
    }

    /// The name of the option.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
            Self::Pipe => "pipe",
            Self::Blanks => "blanks",
            Self::Nothing => "none",
        }
    }
}

/// The cells of one line, without blanks around them and quotes.
pub(super) fn cut(line: &str, delimiter: Delimiter) -> Vec<String> {
    match delimiter {
        Delimiter::Nothing => vec![unquoted(line.trim()).replace("\"\"", "\"")],
        Delimiter::Blanks => words(line),
        other => {
            let byte = other.byte().expect("what is not blank is a byte");
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(byte)
                .trim(csv::Trim::All)
                .from_reader(line.as_bytes());
            let mut record = csv::StringRecord::new();
            match reader.read_record(&mut record) {
                Ok(_) => record.iter().map(|cell| unquoted(cell).to_owned()).collect(),
                Err(_) => vec![line.to_owned()],
            }
        }
    }
}

/// A cell without quotes that stood behind a blank, where they are part of the cell for others.
pub(super) fn unquoted(cell: &str) -> &str {
    cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell)
}

/// Words between blanks; quoted ones may hold blanks.
fn words(line: &str) -> Vec<String> {
    if !line.contains('"') {
        return line.split_whitespace().map(str::to_owned).collect();
    }
    let (mut words, mut word, mut is_quoted, mut is_word) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '"' => (is_quoted, is_word) = (!is_quoted, true),
            c if c.is_whitespace() && !is_quoted => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            c => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// Tells the delimiter from the first lines: on all of them it stands equally often outside of quotes, and what is between is
/// numbers and times as far as possible. `lines` are those that are neither blank nor comments, each with its number.
pub(super) fn tell(lines: &[(usize, &str)], decimal: Option<Decimal>) -> Result<Delimiter, TableError> {
    let lines = &sample(lines);
    let candidates = [Delimiter::Tab, Delimiter::Semicolon, Delimiter::Pipe, Delimiter::Comma, Delimiter::Blanks];
    let mut best = (0.0, Delimiter::Nothing);
    for delimiter in candidates {
        let cells: Vec<Vec<String>> = lines.iter().map(|(_, line)| cut(line, delimiter)).collect();
        let usual = usual(&cells);
        if usual < 2 {
            continue;
        }
        let agree = cells.iter().filter(|cells| cells.len() == usual).count() as f64 / cells.len() as f64;
        // Words between blanks are no cells where lines differ in their number: a title, a name of two words.
        if delimiter == Delimiter::Blanks && agree < 0.5 {
            continue;
        }
        let score = agree + known(&cells, usual);
        if score > best.0 + 1e-9 {
            best = (score, delimiter);
        }
    }
    let whole: Vec<Vec<String>> = lines.iter().map(|(_, line)| cut(line, Delimiter::Nothing)).collect();
    one_or_two(lines, best.1, decimal)?;
    // A name, or a missing value, that stands alone on its line tells that every line is one cell, if all others can be.
    let is_alone = |(place, (_, line)): (usize, &(usize, &str))| {
        cut(line, best.1).len() == 1 && (place == 0 || number::is_missing(line.trim()))
    };
    let is_one = lines.len() > 1 && known(&whole, 1) == 1.0 && lines.iter().enumerate().any(is_alone);
    // `--decimal comma` says what an unquoted comma is.
    let is_decimal = decimal == Some(Decimal::Comma) && best.1 == Delimiter::Comma && known(&whole, 1) == 1.0;
    Ok(if is_one || is_decimal { Delimiter::Nothing } else { best.1 })
}

fn sample<'t>(lines: &[(usize, &'t str)]) -> Vec<(usize, &'t str)> {
    let (first, rest) = lines.split_at(lines.len().min(SAMPLE));
    let spread = rest.iter().step_by((rest.len() / SAMPLE).max(1));
    let (mut bytes, mut chosen) = (0, Vec::new());
    for line in first.iter().chain(spread).take(2 * SAMPLE) {
        bytes += line.1.len();
        if bytes > SAMPLE_BYTES && chosen.len() >= 3 {
            break;
        }
        chosen.push(*line);
    }
    chosen
}

/// The most frequent number of cells.
fn usual(cells: &[Vec<String>]) -> usize {
    let count = |n: usize| cells.iter().filter(|cells| cells.len() == n).count();
    cells.iter().map(Vec::len).max_by_key(|&n| (count(n), n)).unwrap_or(0)
}

/// Share of the cells below the first line that are numbers, times or missing.
fn known(cells: &[Vec<String>], usual: usize) -> f64 {
    let below = || cells.iter().skip(1).filter(|cells| cells.len() == usual).flatten();
    let good = below().filter(|cell| number::is_missing(cell) || number::shape(cell).is_some() || time::is_time(cell));
    let (good, all) = (good.count(), below().count());
    if all == 0 { 0.0 } else { good as f64 / all as f64 }
}

/// Refuses lines of digits, one mark and digits, which are one number or two, where no line and no header tells.
fn one_or_two(lines: &[(usize, &str)], delimiter: Delimiter, decimal: Option<Decimal>) -> Result<(), TableError> {
    let mark = match delimiter {
        Delimiter::Comma if decimal != Some(Decimal::Comma) => ',',
        Delimiter::Blanks => ' ',
        _ => return Ok(()),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut pairs = Vec::new();
    for (_, line) in lines {
        let halves = line.trim().split_once(mark);
        match halves.filter(|(a, b)| is_digits(a.trim_start_matches(['-', '+'])) && is_digits(b)) {
            Some(halves) => pairs.push(halves),
            None => return Ok(()),
        }
    }
    let widths = |width: usize| pairs.iter().all(|(_, b)| b.len() == width);
    let is_grouped = |(a, _): &(&str, &str)| a.trim_start_matches(['-', '+']).len() <= 3;
    let numbers: Vec<i64> = pairs.iter().filter_map(|(a, _)| a.parse().ok()).collect();
    let counts = numbers.len() == pairs.len() && numbers.len() > 2 && numbers.windows(2).all(|w| w[1] - w[0] == 1);
    let is_open = if mark == ' ' {
        widths(3) && pairs.iter().all(is_grouped)
    } else {
        // Integers have no zeros in front, shortest decimals none at the end, and numbers of one format are equally long.
        let has_end = pairs.iter().any(|(_, b)| b.len() > 1 && b.ends_with('0'));
        pairs.len() > 1 && (widths(pairs[0].1.len()) || !has_end)
    };
    if is_open && !counts {
        let (line, text) = lines[0];
        return Err(TableError::Format(FormatError::NumberOrTwo {
            line,
            text: shown(text.trim()),
            delimiter: delimiter.name(),
        }));
    }
    Ok(())
}
