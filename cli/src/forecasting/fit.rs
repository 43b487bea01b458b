//! One seed's network: fitted to the changes of the series, on the host or with its products on a substrate.

use std::sync::Arc;

use anyhow::{Context, Result};
use forebay::model::Model;
use forebay::train::{Series, Training};
use forebay::{Compiler, Precision, Real, Substrate};
use forebay_zoo::tasks::Settings;
use ndarray::{Array2, ArrayView2, Axis, s};

use super::beside::{Beside, nrmse};
use super::plan::{Hybrid, Plan, Stretch};

/// What one seed's hybrid network came to.
pub(super) struct HybridScores {
    /// Training, validation, test.
    pub(super) scores: [f64; 3],
    pub(super) plan: forebay::compile::Plan,
}

impl Plan {
    /// NRMSE on the validation stretch of one seed's network, fitted on the training stretch, over these columns.
    ///
    /// It is what [`run`](Self::run) tells of the same settings and seed as the network's validation score, or as the
    /// hybrid's where there is a substrate.
    pub(crate) fn validate<T: Real>(
        &self,
        scaled: Beside<'_>,
        settings: &Settings,
        seed: u64,
        columns: &[usize],
        on: Option<(&Arc<dyn Substrate>, Precision)>,
    ) -> Result<f64> {
        let inputs = scaled.filled.mapv(T::from_f64);
        let train = self.split[0];
        let known = inputs.slice(s![..train, ..]);
        let compiler =
            on.map(|(substrate, precision)| Compiler::new(Arc::clone(substrate)).precision(precision).calibrate(known));
        let model = self.fit(inputs.view(), scaled.truth, settings, seed, train, compiler.as_ref())?;
        let made = forecast(&model, inputs.slice(s![..train + self.split[1], ..]))?;
        let (truth, made) = (scaled.truth.select(Axis(1), columns), made.select(Axis(1), columns));
        self.score(truth.view(), made.view(), Stretch::Validation)
    }

    /// Scores of one seed's network with its recurrent product on a substrate: ranges and readout are fitted to the
    /// same rows as the float network's.
    pub(super) fn hybrid_scores<T: Real>(
        &self,
        truth: ArrayView2<'_, f64>,
        inputs: ArrayView2<'_, T>,
        settings: &Settings,
        seed: u64,
    ) -> Result<Option<HybridScores>> {
        let Some(Hybrid { address, precision, .. }) = &self.hybrid else { return Ok(None) };
        let [train, validation, _] = self.split;
        let substrate = crate::commands::substrates::open(address)?;
        let fit = |steps: usize| -> Result<Model<T>> {
            let known = inputs.slice(s![..steps, ..]);
            let compiler = Compiler::new(Arc::clone(&substrate)).precision(*precision).calibrate(known);
            self.fit(inputs, truth, settings, seed, steps, Some(&compiler))
        };
        let (chosen, refitted) = (fit(train)?, fit(train + validation)?);
        let (early, late) = (forecast(&chosen, inputs)?, forecast(&refitted, inputs)?);
        let scores = [
            self.score(truth, early.view(), Stretch::Train)?,
            self.score(truth, early.view(), Stretch::Validation)?,
            self.score(truth, late.view(), Stretch::Test)?,
        ];
        let plan = refitted.plan().context("a compiled model has a plan")?.clone();
        Ok(Some(HybridScores { scores, plan }))
    }

    /// Fits one reservoir on the first `steps` rows; row t of the targets is `horizon` ahead, the change from the last value that is
    /// known. Where the truth is missing there is no target.
    pub(super) fn fit<T: Real>(
        &self,
        scaled: ArrayView2<'_, T>,
        truth: ArrayView2<'_, f64>,
        settings: &Settings,
        seed: u64,
        steps: usize,
        compiler: Option<&Compiler<'_, T>>,
    ) -> Result<Model<T>> {
        let features = scaled.ncols();
        let mut model = Model::generate(settings.network(features, features)?, seed)?;
        if let Some(compiler) = compiler {
            model = compiler.compile(&model)?;
        }
        let inputs = scaled.slice(s![..steps - self.horizon, ..]);
        let ahead = truth.slice(s![self.horizon..steps, ..]).mapv(T::from_f64);
        let changes = &ahead - &inputs;
        let is_masked = changes.iter().any(|change| change.is_nan());
        let training = Training::new().washout(self.washout()).ridge(settings.ridge).masked_targets(is_masked);
        let (trained, _) = training.fit(&model, &[Series::new(inputs, changes.view())])?;
        // The input is the first feature of the readout: adding it back is adding 1 to its weight.
        let (mut weights, bias) = trained.readout("output")?;
        weights.slice_mut(s![.., ..features]).diag_mut().mapv_inplace(|w| w + T::ONE);
        Ok(trained.with_readout("output", weights.view(), bias.view())?)
    }

    /// The model with the score of what it gives, levels, in the place of that of what was learnt, changes; `made` are its forecasts from
    /// the first row on, and it was fitted on `steps` rows.
    pub(super) fn with_its_score<T: Real>(
        &self,
        model: Model<T>,
        truth: ArrayView2<'_, f64>,
        made: ArrayView2<'_, f64>,
        steps: usize,
    ) -> Model<T> {
        let mut provenance = model.provenance().clone();
        let head = provenance.training.as_mut().and_then(|training| training.heads.first_mut());
        if let Some(head) = head {
            let (from, to) = (self.washout(), steps - self.horizon);
            let score = |column: usize| {
                let truth = truth.slice(s![from + self.horizon..steps, column..=column]);
                nrmse(truth, made.slice(s![from..to, column..=column])).ok()
            };
            head.train_nrmse = (0..truth.ncols()).map(score).collect();
        }
        model.with_provenance(provenance)
    }
}

/// The outputs of a model run over a series from rest.
pub(super) fn forecast<T: Real>(model: &Model<T>, inputs: ArrayView2<'_, T>) -> Result<Array2<f64>> {
    Ok(model.session().run(inputs)?.mapv(T::to_f64))
}
