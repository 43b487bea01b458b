//! What a head would learn from, for a readout of one's own.

use forebay_kernels::Real;
use ndarray::Array2;

use super::Training;
use super::data::{Data, Series, check};
use super::replay::{Feedback, Stretches, replay};
use crate::error::Error;
use crate::graph::Op;
use crate::model::Model;

/// The features that a head reads and its targets, a row for every step that counts: series after series, each after its
/// washout, without steps of weight 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    /// `[rows, features]`, the head's sources one after the other; without a column of ones.
    pub features: Array2<f64>,
    /// `[rows, outputs of the head]`; NaN where there is none, see [`Training::masked_targets`].
    pub targets: Array2<f64>,
    /// Weight of each row; 1 unless [weights](Series::weights) were given.
    pub weights: Vec<f64>,
}

impl Training {
    /// Runs a model over series as [`fit`](Self::fit) does, and gives what one of its heads would learn from: for any
    /// regression of one's own, whose weights [`Model::with_readout`] takes. All rows are in memory at once; to add them up
    /// instead, push those of a session into a [`Gram`](super::Gram).
    ///
    /// ```
    /// use forebay::{graph::Graph, model::Model, reservoir::Reservoir, train::{Series, Training}};
    /// use ndarray::Array2;
    ///
    /// let mut g = Graph::builder();
    /// let u = g.input("u", 1);
    /// let x = g.reservoir("x", u, Reservoir::new(20));
    /// g.readout("y", [x], 1);
    /// let model = Model::<f64>::generate(g.build()?, 1)?;
    /// let u = Array2::from_shape_fn((500, 1), |(t, _)| (0.3 * t as f64).sin());
    /// let rows = Training::new().collect(&model, &[Series::new(u.view(), u.view())], "y")?;
    /// assert_eq!((rows.features.dim(), rows.targets.dim()), ((400, 20), (400, 1)));
    ///
    /// // A readout that takes each unit's correlation with the target.
    /// let weights = rows.targets.t().dot(&rows.features) / 400.0;
    /// let model = model.with_readout("y", weights.view(), ndarray::array![0.0].view())?;
    /// # Ok::<(), forebay::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] for the head; [`Error::Misuse`] if there is [noise](Self::noise), which rows would show once only;
    /// otherwise as [`fit`](Self::fit).
    pub fn collect<T: Real>(&self, model: &Model<T>, series: &[Series<'_, T>], head: &str) -> Result<Collected, Error> {
        if self.has_noise() {
            return Err(Error::Misuse {
                what: "rows are collected of a run without noise",
                instead: "collect with a Training that has none, and add noise to the rows".to_owned(),
            });
        }
        let head = model.head(head)?;
        let Op::Readout { sources, .. } = model.graph().nodes()[head.node.0].op() else {
            unreachable!("a head is a readout");
        };
        for (index, series) in series.iter().enumerate() {
            check(model, index, series, self.is_masked())?;
        }
        let (data, _) = self.data(series)?;
        let rows = Places::of(&data);
        let width = sources.iter().map(|id| model.graph().nodes()[id.0].width()).sum();
        let mut features = Array2::zeros((rows.count, width));
        let mut targets = Array2::from_elem((rows.count, head.width), f64::NAN);
        let mut weights = vec![0.0; rows.count];
        let whole = Stretches::whole(&data.lengths());
        replay(model, &data.inputs(), &Feedback::TargetsAlone(data.targets()), &whole, |moment| {
            let (series, step) = (moment.series, moment.step);
            let (Some(weight), Some(row)) = (data.counts(series, step), rows.place(series, step)) else {
                return Ok(());
            };
            let values = sources.iter().flat_map(|id| moment.values(id.0));
            features.row_mut(row).iter_mut().zip(values).for_each(|(to, from)| *to = from.to_f64());
            for output in 0..head.width {
                if let Some(target) = data.target(series, step, head.offset + output) {
                    targets[[row, output]] = target;
                }
            }
            weights[row] = weight;
            Ok(())
        })?;
        Ok(Collected { features, targets, weights })
    }
}

/// Where the steps that count lie among the rows.
struct Places {
    count: usize,
    /// By series and step.
    rows: Vec<Vec<Option<usize>>>,
}

impl Places {
    fn of<T: Real>(data: &Data<'_, T>) -> Self {
        let mut rows: Vec<Vec<Option<usize>>> = data.lengths().iter().map(|&steps| vec![None; steps]).collect();
        let mut count = 0;
        for (series, step, _) in data.rows() {
            rows[series][step] = Some(count);
            count += 1;
        }
        Self { count, rows }
    }

    fn place(&self, series: usize, step: usize) -> Option<usize> {
        self.rows[series][step]
    }
}
