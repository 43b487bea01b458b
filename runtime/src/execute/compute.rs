//! What every kind of node computes in a step, for any number of streams.

use forebay_kernels::{self as kernels, Form, Leak, Real, leaky_update, softmax};

use super::executor::Executor;
use super::gather::{copy_columns, fill_rows, gather, paste_columns};
use super::plan::{Block, Part, PlacedProduct, Step, StepKind};
use crate::error::Error;
use crate::model::{LinearParameters, Parameters, ReservoirParameters};
use crate::reservoir::Activation;

impl<T: Real> Executor<T> {
    /// The nodes of a part of the graph, into `next`; `disturb` is shown the new state of every reservoir.
    pub(super) fn compute(
        &mut self,
        features: &[T],
        part: Part<'_>,
        disturb: &mut dyn FnMut(usize, &mut [T]),
    ) -> Result<(), Error> {
        let Self {
            model,
            streams,
            plan,
            current,
            next,
            feedback,
            delays,
            customs,
            sums,
            fed_back: gathered,
            together,
            scratch,
            runners,
            ..
        } = self;
        let (streams, form) = (*streams, model.form());
        let (inputs, outputs) = (model.graph().inputs(), model.graph().outputs());
        for Step { node, out, kind } in plan.iter() {
            // Sources come before the node in the buffer, so one split gives both.
            let (before, rest) = next.split_at_mut(out.offset * streams);
            let result = &mut rest[..out.width * streams];
            let values = |block: &Block| &before[block.offset * streams..(block.offset + block.width) * streams];
            if !part.takes(*node, kind) {
                part.leave_out(result);
                continue;
            }
            match kind {
                StepKind::Input { first } => copy_columns(features, inputs, *first, result, out.width),
                StepKind::Reservoir { source, activation, feedback: fed_back, product } => {
                    let Parameters::Reservoir(weights) = model.parameters(*node) else {
                        unreachable!("the model holds a reservoir's weights for a reservoir node");
                    };
                    let old = &current[out.offset * streams..(out.offset + out.width) * streams];
                    let sums = &mut sums[..out.width * streams];
                    fill_rows(sums, &weights.bias);
                    if !product.is_some_and(|product| product.with_input) {
                        weights.w_in.accumulate(form, streams, values(source), sums, scratch);
                    }
                    match product {
                        None => weights.w_res.accumulate(form, streams, old, sums, scratch),
                        Some(PlacedProduct { runner, with_input: false }) => {
                            runners.products[*runner].accumulate(form, streams, &[old], sums)?;
                        }
                        Some(PlacedProduct { runner, with_input: true }) => {
                            runners.products[*runner].accumulate(form, streams, &[values(source), old], sums)?;
                        }
                    }
                    if let (Some(block), Some(w)) = (fed_back, &weights.w_feedback) {
                        let gathered = &mut gathered[..block.width * streams];
                        copy_columns(feedback, outputs, block.offset, gathered, block.width);
                        w.accumulate(form, streams, gathered, sums, scratch);
                    }
                    leak(form, *activation, weights, sums, old, result);
                    disturb(*node, result);
                }
                StepKind::Linear { sources, product, .. } => {
                    let Parameters::Linear(LinearParameters { weights, bias }) = model.parameters(*node) else {
                        unreachable!("the model holds linear weights for a linear node");
                    };
                    fill_rows(result, bias);
                    if let Some(runner) = product {
                        runners.products[*runner].accumulate(form, streams, &[values(&sources[0])], result)?;
                        continue;
                    }
                    weights.accumulate(form, streams, gather(before, streams, sources, together), result, scratch);
                }
                StepKind::Chain { source, runner } => runners.chains[*runner].run(values(source), result)?,
                StepKind::Inside => {}
                StepKind::Activation { source, function } => {
                    // Nothing leaks: the whole result is the new activation.
                    let source = values(source);
                    leaky_update(form, of_kernel(*function), source, Leak::uniform(T::ONE), source, result);
                }
                StepKind::Softmax { source } => {
                    let rows = values(source).chunks_exact(source.width).zip(result.chunks_exact_mut(out.width));
                    rows.for_each(|(row, shares)| softmax(form, row, shares));
                }
                StepKind::Concat { sources } => {
                    let mut column = 0;
                    for source in sources {
                        paste_columns(values(source), source.width, result, out.width, column);
                        column += source.width;
                    }
                }
                StepKind::Delay { line } => result.copy_from_slice(delays[*line].oldest(streams)),
                StepKind::Custom { custom } => customs[*custom].compute(streams, before, result),
                StepKind::Products { source, factors, ends } => {
                    let rows = values(source).chunks_exact(source.width).zip(result.chunks_exact_mut(out.width));
                    for (row, products) in rows {
                        let mut start = 0;
                        for (product, &end) in products.iter_mut().zip(ends) {
                            let terms = &factors[start..end as usize];
                            *product = terms[1..].iter().fold(row[terms[0] as usize], |p, &i| p * row[i as usize]);
                            start = end as usize;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// `new = (1-a) old + a f(sums)` for each stream.
fn leak<T: Real>(
    form: Form,
    activation: Activation,
    weights: &ReservoirParameters<T>,
    sums: &[T],
    old: &[T],
    new: &mut [T],
) {
    let units = weights.bias.len();
    let rows = sums.chunks_exact(units).zip(old.chunks_exact(units)).zip(new.chunks_exact_mut(units));
    for ((sums, old), new) in rows {
        leaky_update(form, of_kernel(activation), sums, weights.leak.of_kernel(), old, new);
    }
}

fn of_kernel<T: Real>(activation: Activation) -> kernels::Activation<T> {
    match activation {
        Activation::Tanh => kernels::Activation::Tanh,
        Activation::Identity => kernels::Activation::Identity,
        Activation::BoundedRelu { max } => kernels::Activation::BoundedRelu { max: T::from_f64(max) },
        Activation::Sigmoid => kernels::Activation::Sigmoid,
        Activation::Relu => kernels::Activation::Relu,
        Activation::LeakyRelu { slope } => kernels::Activation::LeakyRelu { slope: T::from_f64(slope) },
        Activation::Softplus => kernels::Activation::Softplus,
    }
}
