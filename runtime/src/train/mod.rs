//! Training.
#[derive(Debug, thiserror::Error)] #[error("train")] pub struct TrainError;
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)] pub struct TrainingReport;
