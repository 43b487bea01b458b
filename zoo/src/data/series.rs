//! The shipped series by name.

use ndarray::Array2;

use super::DataError;

/// A real series and what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Name for [`load`].
    pub name: &'static str,
    /// What it is, in one line.
    pub title: &'static str,
    /// Licence as the source states it.
    pub licence: &'static str,
    /// Who published the numbers.
    pub source: &'static str,
    /// Column names, one per feature.
    pub columns: Vec<String>,
    /// `[steps, features]`, every value finite.
    pub values: Array2<f64>,
    /// Steps of the strongest regular cycle, if there is one.
    pub season: Option<usize>,
    /// Year of the first step.
    pub start: f64,
    /// Years between two steps.
    pub years_per_step: f64,
    /// Missing values, filled by linear interpolation: the number of [`gaps`](Self::gaps).
    pub missing: usize,
    /// Rows without a measurement, ascending.
    pub gaps: Vec<usize>,
    /// Steps for training, validation and test that the literature or this project uses.
    pub split: [usize; 3],
}

impl Dataset {
    /// The series as it was measured, `[steps, features]`: the rows of [`gaps`](Self::gaps) are NaN.
    ///
    /// ```
    /// let co2 = forebay_zoo::data::load("co2")?;
    /// assert!(co2.with_gaps()[[co2.gaps[0], 0]].is_nan());
    /// # Ok::<(), forebay_zoo::data::DataError>(())
    /// ```
    pub fn with_gaps(&self) -> Array2<f64> {
        let mut measured = self.values.clone();
        for &step in &self.gaps {
            measured.row_mut(step).fill(f64::NAN);
        }
        measured
    }
}

struct Entry {
    name: &'static str,
    title: &'static str,
    licence: &'static str,
    source: &'static str,
    column: &'static str,
    csv: &'static str,
    season: Option<usize>,
    start: f64,
    years_per_step: f64,
    split: [usize; 3],
}

const PUBLIC_DOMAIN: &str = "public domain";

const ENTRIES: [Entry; 4] = [
    Entry {
        name: "sunspots",
        title: "monthly mean sunspot numbers, 1749-2008",
        licence: PUBLIC_DOMAIN,
        source: "NOAA National Geophysical Data Center, via statsmodels 0.15.0",
        column: "sunspots",
        csv: include_str!("../../data/sunspots.csv"),
        season: Some(132),
        start: 1749.0,
        years_per_step: 1.0 / 12.0,
        split: [1600, 500, 1000],
    },
    Entry {
        name: "elnino",
        title: "monthly sea surface temperature of the eastern Pacific (Nino 1+2), 1950-2010",
        licence: PUBLIC_DOMAIN,
        source: "NOAA National Weather Service, ERSST.V3B, via statsmodels 0.15.0",
        column: "temperature",
        csv: include_str!("../../data/elnino.csv"),
        season: Some(12),
        start: 1950.0,
        years_per_step: 1.0 / 12.0,
        split: [432, 144, 156],
    },
    Entry {
        name: "nile",
        title: "annual flow of the Nile at Aswan, 1871-1970",
        licence: PUBLIC_DOMAIN,
        source: "Cobb, Biometrika 65, 243 (1978), via statsmodels 0.15.0",
        column: "volume",
        csv: include_str!("../../data/nile.csv"),
        season: None,
        start: 1871.0,
        years_per_step: 1.0,
        split: [60, 20, 20],
    },
    Entry {
        name: "co2",
        title: "weekly atmospheric carbon dioxide at Mauna Loa, 1958-2001",
        licence: PUBLIC_DOMAIN,
        source: "Keeling, Whorf (2004), Carbon Dioxide Information Analysis Center, via statsmodels 0.15.0",
        column: "co2",
        csv: include_str!("../../data/co2.csv"),
        season: Some(52),
        start: 1958.241,
        years_per_step: 7.0 / 365.25,
        split: [1370, 457, 457],
    },
];

/// The names [`load`] knows.
pub fn names() -> Vec<&'static str> {
    ENTRIES.iter().map(|entry| entry.name).collect()
}

/// A shipped series by name.
///
/// # Errors
/// [`DataError::Unknown`] lists the names and suggests the nearest.
pub fn load(name: &str) -> Result<Dataset, DataError> {
    let Some(entry) = ENTRIES.iter().find(|entry| entry.name == name) else {
        let nearest = names().into_iter().map(|known| (distance(name, known), known)).min();
        return Err(DataError::Unknown {
            name: name.to_owned(),
            available: names().join(", "),
            nearest: nearest.filter(|(edits, _)| *edits <= 3).map(|(_, known)| known),
        });
    };
    let (values, gaps) = last_column(entry.csv)?;
    let steps = values.len();
    Ok(Dataset {
        name: entry.name,
        title: entry.title,
        licence: entry.licence,
        source: entry.source,
        columns: vec![entry.column.to_owned()],
        values: Array2::from_shape_fn((steps, 1), |(t, _)| values[t]),
        season: entry.season,
        start: entry.start,
        years_per_step: entry.years_per_step,
        missing: gaps.len(),
        gaps,
        split: entry.split,
    })
}

/// The last field of every line below the header; empty ones filled, and which those were.
fn last_column(csv: &str) -> Result<(Vec<f64>, Vec<usize>), DataError> {
    let mut fields = Vec::new();
    for (index, line) in csv.lines().enumerate().skip(1) {
        let field = line.rsplit(',').next().unwrap_or_default();
        let value = if field.is_empty() {
            None
        } else {
            Some(field.parse().map_err(|_| DataError::line(index + 1, "a number or nothing", field))?)
        };
        fields.push(value);
    }
    let gaps = fields.iter().enumerate().filter(|(_, field)| field.is_none()).map(|(step, _)| step).collect();
    Ok((interpolate(&fields).ok_or(DataError::Empty)?, gaps))
}

/// Fills gaps linearly between their neighbours, at the ends with the nearest value; `None` without any value.
fn interpolate(fields: &[Option<f64>]) -> Option<Vec<f64>> {
    let known: Vec<(usize, f64)> = fields.iter().enumerate().filter_map(|(t, f)| Some((t, (*f)?))).collect();
    let (&first, &last) = (known.first()?, known.last()?);
    let mut values = vec![first.1; first.0];
    for pair in known.windows(2) {
        let [(from, a), (to, b)] = [pair[0], pair[1]];
        values.extend((from..to).map(|t| a + (b - a) * (t - from) as f64 / (to - from) as f64));
    }
    values.resize(fields.len(), last.1);
    Some(values)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, interpolate, load, names};

    #[test]
    fn shipped_series_have_their_published_sizes_and_values() -> Result<(), super::DataError> {
        let column = |name| load(name).map(|set| (set.values.column(0).to_vec(), set.missing));
        let (nile, _) = column("nile")?;
        assert_eq!((nile.len(), nile.iter().sum::<f64>() / 100.0), (100, 919.35));
        let (sunspots, _) = column("sunspots")?;
        assert_eq!((sunspots.len(), sunspots[0], sunspots[3119]), (3120, 58.0, 0.8));
        let (elnino, _) = column("elnino")?;
        assert_eq!((elnino.len(), elnino[0], elnino[731]), (732, 23.11, 22.07));
        let (co2, missing) = column("co2")?;
        assert_eq!((co2.len(), missing, co2[0], co2[2283]), (2284, 59, 316.1, 371.5));
        assert!((co2[6] - 317.2).abs() < 1e-12, "between 316.9 and 317.5: {}", co2[6]);
        for name in names() {
            let set = load(name)?;
            assert!(set.values.iter().all(|v| v.is_finite()) && set.split.iter().sum::<usize>() <= set.values.nrows());
        }
        Ok(())
    }

    /// Line 8 of the file, the seventh week, is its first empty one.
    #[test]
    fn gaps_are_where_the_file_is_empty() -> Result<(), super::DataError> {
        let set = load("co2")?;
        assert_eq!((set.gaps.len(), set.gaps[0]), (59, 6));
        let measured = set.with_gaps();
        for (step, (raw, filled)) in measured.iter().zip(&set.values).enumerate() {
            assert!(if set.gaps.contains(&step) { raw.is_nan() } else { raw == filled }, "week {step}");
        }
        assert!(load("nile")?.gaps.is_empty());
        Ok(())
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let message = load("sunspot").expect_err("no such set").to_string();
        assert!(message.contains("did you mean sunspots?"), "{message}");
        let message = load("temperatures").expect_err("no such set").to_string();
        assert!(!message.contains("did you mean") && message.contains("elnino"), "{message}");
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn gaps_are_filled_linearly() {
        let filled = interpolate(&[None, Some(1.0), None, None, Some(4.0), None]);
        assert_eq!(filled, Some(vec![1.0, 1.0, 2.0, 3.0, 4.0, 4.0]));
        assert_eq!(interpolate(&[None, None]), None);
    }
}
