//! Training readouts: ridge regression over whole series, online learners, classification of sequences.
//!
//! ```
//! use forebay::{graph::Graph, model::Model, reservoir::Reservoir, train::{Series, Training}};
//! use ndarray::Array2;
//!
//! let mut g = Graph::builder();
//! let u = g.input("u", 1);
//! let x = g.reservoir("x", u, Reservoir::new(100));
//! g.readout("next", [u, x], 1);
//! let model = Model::<f64>::generate(g.build()?, 1)?;
//!
//! // Predict a sine one step ahead.
//! let wave = Array2::from_shape_fn((1001, 1), |(t, _)| (0.2 * t as f64).sin());
//! let series = Series::new(wave.slice(ndarray::s![..1000, ..]), wave.slice(ndarray::s![1.., ..]));
//! let (trained, report) = Training::new().washout(100).ridge(1e-8).fit(&model, &[series])?;
//! assert!(report.heads[0].train_nrmse[0] < Some(1e-3));
//! let mut session = trained.session();
//! session.run(wave.view())?;
//! let forecast = session.predict_free(10)?;
//! // The last output of the run was for step 1001; these are for 1002 to 1011.
//! assert!((forecast[[9, 0]] - (0.2 * 1011.0_f64).sin()).abs() < 0.05);
//! # Ok::<(), forebay::Error>(())
//! ```

pub mod classify;
mod collect;
mod data;
mod fit;
mod folds;
mod gram;
mod group;
mod noise;
pub mod online;
pub(crate) mod replay;
pub mod ridge;
pub(crate) mod score;
pub(crate) mod select;
pub mod sequence;
mod spread;

pub use crate::error::TrainError;
pub use crate::report::{HeadReport, Noise, TrainingReport};
pub use collect::Collected;
pub use data::Series;
pub(crate) use data::run_taught;
pub use fit::Training;
pub use gram::Gram;
pub use select::{Ridge, Selection};
