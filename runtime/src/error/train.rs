//! What can be wrong with training.

/// Why no weights can be found.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Too little data.
    #[error("training needs at least {needed} steps after the washout, found {steps}")]
    TooShort {
        /// Steps there are.
        steps: usize,
        /// Steps needed.
        needed: usize,
    },
    /// A series without a step after the washout.
    #[error(
        "series {series} has {steps} steps, all of them in the washout of {washout}: shorten the washout, leave the series \
         out, or let Training::skip_short_series do so"
    )]
    ShortSeries {
        /// Index of the series.
        series: usize,
        /// Its steps.
        steps: usize,
        /// Steps dropped at the start of every series.
        washout: usize,
    },
    /// A penalty out of range.
    #[error("ridge must be finite and at least 0, found {ridge}")]
    Ridge {
        /// The penalty given.
        ridge: f64,
    },
    /// No penalty to choose from.
    #[error("the ridge grid is empty: give at least one penalty")]
    EmptyGrid,
    /// No penalty of the grid has a score that is a number: rounding, or an error beyond all numbers, hides it.
    #[error("no ridge of the grid can be judged, rounding is all that is left: add larger ones than {largest:e}")]
    NoCandidate {
        /// The largest penalty tried.
        largest: f64,
    },
    /// Penalties of outputs, one each, of which there are too few or too many.
    #[error("{outputs} outputs need a ridge each, found {penalties}")]
    Penalties {
        /// Penalties given.
        penalties: usize,
        /// Outputs of the model.
        outputs: usize,
    },
    /// A weight of a step that sums cannot have.
    #[error("a step's weight must be 0 or from 1e-100 to 1e100, found {weight}")]
    Weight {
        /// The weight of the step times that of its series.
        weight: f64,
    },
    /// Weights so small that no penalty can be judged.
    #[error(
        "all weights of steps together are {total:e}, and generalised cross-validation takes a weight for as many steps: scale \
         the weights up, so that they add up to the number of steps"
    )]
    LightWeights {
        /// Sum of the weights.
        total: f64,
    },
    /// An output without enough targets.
    #[error(
        "output {output} has targets at {labelled} steps after the washout that have weight: training needs at least {needed}"
    )]
    Unlabelled {
        /// Column of the targets.
        output: usize,
        /// Steps at which it has one.
        labelled: usize,
        /// Steps needed.
        needed: usize,
    },
    /// An unlabelled output that the next step would see.
    #[error(
        "output {output} is fed back and has no target at step {step} of series {series}: give it the value that feedback shall \
         see, and if that is not to be learnt, give the step weight 0 (Series::weights)"
    )]
    UnlabelledFeedback {
        /// Index of the series.
        series: usize,
        /// Its step.
        step: usize,
        /// Column of the targets.
        output: usize,
    },
    /// Cross-validation needs data in every fold.
    #[error("{steps} steps cannot be cut into {folds} folds: it takes 2 folds or more, with at least 2 steps in each")]
    Folds {
        /// Folds asked for.
        folds: usize,
        /// Steps after the washout.
        steps: usize,
    },
    /// Sums of squares or weights beyond the range of `f64`.
    #[error("features or targets are so large that sums of their squares or the weights overflow: scale them down")]
    TooLarge,
    /// A class number that does not exist.
    #[error("sequence {sequence} has class {class}, but there are {classes} classes, numbered from 0")]
    Class {
        /// Index of the sequence.
        sequence: usize,
        /// Its class.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
}
