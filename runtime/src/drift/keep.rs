//! `DriftSettings` and their enums, kept.

use super::{DetectorKind, DriftSettings, Source, View, Whitening};
use crate::keep::{KeepError, Reader, Writer};

impl DetectorKind {
    pub(super) fn write(self, to: &mut Writer) {
        to.tag(match self {
            Self::Cusum => 0,
            Self::PageHinkley => 1,
            Self::Adwin => 2,
            Self::Kswin => 3,
        });
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, KeepError> {
        const ALL: [DetectorKind; 4] =
            [DetectorKind::Cusum, DetectorKind::PageHinkley, DetectorKind::Adwin, DetectorKind::Kswin];
        Ok(ALL[usize::from(from.tag("kind of a detector", ALL.len() as u8)?)])
    }
}

impl Source {
    fn write(self, to: &mut Writer) {
        to.tag(match self {
            Self::Input => 0,
            Self::State => 1,
            Self::Residual => 2,
        });
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, KeepError> {
        const ALL: [Source; 3] = [Source::Input, Source::State, Source::Residual];
        Ok(ALL[usize::from(from.tag("source of a channel", ALL.len() as u8)?)])
    }
}

impl Whitening {
    fn write(self, to: &mut Writer) {
        match self {
            Self::None => to.tag(0),
            Self::Autoregression(order) => {
                to.tag(1);
                to.count(order);
            }
            Self::Blocks => to.tag(2),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, KeepError> {
        Ok(match from.tag("whitening", 3)? {
            0 => Self::None,
            1 => Self::Autoregression(from.count("order of the whitening", 0, usize::MAX)?),
            _ => Self::Blocks,
        })
    }
}

impl DriftSettings {
    pub(super) fn write(&self, to: &mut Writer) {
        to.float(self.rate);
        self.detector.write(to);
        to.flag(self.second.is_some());
        if let Some(second) = self.second {
            second.write(to);
        }
        to.flag(self.view == View::Magnitude);
        self.whitening.write(to);
        to.number(self.warm_up);
        to.number(self.cool_down);
        to.flag(self.relearn.is_some());
        if let Some(steps) = self.relearn {
            to.count(steps);
        }
        to.floats(&[self.warn_at, self.clear_at]);
        to.number(self.seed);
        to.count(self.watch.len());
        for &(source, count) in &self.watch {
            source.write(to);
            to.count(count);
        }
    }

    /// Not checked but for what the types allow: that needs the number of channels.
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, KeepError> {
        let rate = from.float("rate of false alarms")?;
        let detector = DetectorKind::read(from)?;
        let second = if from.flag("mark of a second opinion")? { Some(DetectorKind::read(from)?) } else { None };
        let view = if from.flag("view")? { View::Magnitude } else { View::Value };
        let whitening = Whitening::read(from)?;
        let warm_up = from.number("warm-up", u64::MAX)?;
        let cool_down = from.number("cool-down", u64::MAX)?;
        let relearn = if from.flag("mark of relearning")? { Some(from.count("relearn", 0, usize::MAX)?) } else { None };
        let (warn_at, clear_at) = (from.float("warn_at")?, from.float("clear_at")?);
        let seed = from.number("seed", u64::MAX)?;
        let entries = from.count("number of sources", 0, usize::MAX)?;
        from.must_have("sources", entries, 9)?;
        let watch = (0..entries).map(|_| Ok((Source::read(from)?, from.count("channels of a source", 0, usize::MAX)?)));
        let watch = watch.collect::<Result<_, KeepError>>()?;
        Ok(Self {
            rate,
            detector,
            second,
            view,
            whitening,
            warm_up,
            cool_down,
            relearn,
            warn_at,
            clear_at,
            watch,
            seed,
        })
    }
}
