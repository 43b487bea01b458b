//! Japanese vowels: short multivariate sequences to classify.

use ndarray::Array2;

use super::DataError;

/// One utterance.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// `[steps, 12]`, 7 to 29 steps.
    pub values: Array2<f64>,
    /// The speaker, 0 to 8.
    pub class: usize,
}

/// The official split.
#[derive(Clone, Debug, PartialEq)]
pub struct Vowels {
    /// 270 sequences, 30 per speaker.
    pub train: Vec<Sequence>,
    /// 370 sequences.
    pub test: Vec<Sequence>,
}

const CHANNELS: usize = 12;

/// The shipped Japanese vowels (Kudo, Toyama, Shimbo 1999; CC BY 4.0).
///
/// # Errors
/// [`DataError`] if the shipped file is damaged.
pub fn japanese_vowels() -> Result<Vowels, DataError> {
    parse_vowels(include_str!("../../data/japanese_vowels.csv"))
}

/// Reads the layout of `zoo/data/japanese_vowels.csv`: `set,sequence,speaker,c1,..,c12`, one line per step.
///
/// # Errors
/// [`DataError::Line`] with the line's number; [`DataError::Empty`] if a set has no sequence.
pub fn parse_vowels(csv: &str) -> Result<Vowels, DataError> {
    let mut vowels = Vowels { train: Vec::new(), test: Vec::new() };
    let mut open: Option<(&str, &str, Vec<f64>, usize)> = None;
    for (index, line) in csv.lines().enumerate().skip(1) {
        let bad = |expected| DataError::line(index + 1, expected, line);
        let fields: Vec<&str> = line.split(',').collect();
        let [set, sequence, speaker, channels @ ..] = &fields[..] else {
            return Err(bad("set,sequence,speaker and 12 channels"));
        };
        if channels.len() != CHANNELS {
            return Err(bad("set,sequence,speaker and 12 channels"));
        }
        let class = match speaker.parse::<usize>() {
            Ok(speaker @ 1..=9) => speaker - 1,
            _ => return Err(bad("a speaker from 1 to 9")),
        };
        match &open {
            Some((s, n, _, same)) if s == set && n == sequence && *same == class => {}
            Some((s, n, ..)) if s == set && n == sequence => {
                return Err(bad("the speaker of the sequence's first line"));
            }
            _ => {
                close(open.take(), &mut vowels).map_err(|()| bad("train or test"))?;
                open = Some((set, sequence, Vec::new(), class));
            }
        }
        let Some((_, _, values, _)) = &mut open else { continue };
        for channel in channels {
            let value: f64 = channel.parse().map_err(|_| bad("numbers"))?;
            if !value.is_finite() {
                return Err(bad("finite numbers"));
            }
            values.push(value);
        }
    }
    let last = csv.lines().count();
    close(open, &mut vowels).map_err(|()| DataError::line(last, "train or test", ""))?;
    if vowels.train.is_empty() || vowels.test.is_empty() { Err(DataError::Empty) } else { Ok(vowels) }
}

/// Files a finished sequence under its set.
fn close(open: Option<(&str, &str, Vec<f64>, usize)>, vowels: &mut Vowels) -> Result<(), ()> {
    let Some((set, _, values, class)) = open else { return Ok(()) };
    let steps = values.len() / CHANNELS;
    let values = Array2::from_shape_vec((steps, CHANNELS), values).map_err(|_| ())?;
    match set {
        "train" => vowels.train.push(Sequence { values, class }),
        "test" => vowels.test.push(Sequence { values, class }),
        _ => return Err(()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{japanese_vowels, parse_vowels};

    #[test]
    fn the_official_split_has_its_published_sizes() -> Result<(), super::DataError> {
        let vowels = japanese_vowels()?;
        assert_eq!((vowels.train.len(), vowels.test.len()), (270, 370));
        let per_speaker = |class| vowels.train.iter().filter(|s| s.class == class).count();
        assert!((0..9).all(|class| per_speaker(class) == 30));
        let lengths = vowels.train.iter().chain(&vowels.test).map(|s| s.values.nrows());
        assert_eq!((lengths.clone().min(), lengths.max()), (Some(7), Some(29)));
        assert_eq!(vowels.train[0].values[[0, 0]], 1.860_936);
        assert_eq!(vowels.train[0].values[[0, 1]], -0.207_383);
        Ok(())
    }

    #[test]
    fn a_sequence_has_one_speaker() {
        let text = "set,sequence,speaker\n\
                    train,0,1,1,2,3,4,5,6,7,8,9,10,11,12\n\
                    test,0,2,1,2,3,4,5,6,7,8,9,10,11,12\n\
                    test,0,3,1,2,3,4,5,6,7,8,9,10,11,12";
        assert!(matches!(parse_vowels(text), Err(super::DataError::Line { line: 4, .. })));
        assert!(parse_vowels(&text.replace("test,0,3", "test,0,2")).is_ok());
    }

    #[test]
    fn bad_lines_are_named() {
        let head = "set,sequence,speaker,c1,c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12\n";
        for bad in [
            "train,0",
            "train,0,10,1,2,3,4,5,6,7,8,9,10,11,12",
            "train,0,1,1,2,3,4,5,6,7,8,9,10,11,x",
            "train,0,1,1,2,3,4,5,6,7,8,9,10,11,inf",
            "other,0,1,1,2,3,4,5,6,7,8,9,10,11,12",
            "train,0,1,1,2,3,4,5,6,7,8,9,10,11,12",
            "",
        ] {
            assert!(parse_vowels(&format!("{head}{bad}")).is_err(), "{bad}");
        }
    }
}
