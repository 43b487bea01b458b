//! Drawing the weights of a reservoir.
//!
//! Places, values and each matrix have streams of their own, so changing one setting leaves the other matrices as they
//! were. Sparse matrices are drawn by jumping from entry to entry: time and numbers are proportional to the entries
//! present, not to the square of the units.

use ndarray::{Array2, s};

use super::error::check_entries;
use super::{Distribution, OneOrEach, Reservoir, ReservoirError, SpectralRadius, Topology, spectral_radius};
use crate::random::{Seed, Stream};
use crate::weights::{Csr, SPARSE_BELOW, Weights, WeightsError, dot};

/// The weights of one reservoir, in double precision.
#[derive(Clone, Debug, PartialEq)]
pub struct ReservoirWeights {
    /// Input weights, `[units, inputs]`.
    pub w_in: Weights<f64>,
    /// Recurrent weights, `[units, units]`, scaled.
    pub w_res: Weights<f64>,
    /// Feedback weights, `[units, feedback]`; absent without feedback.
    pub w_fb: Option<Weights<f64>>,
    /// Bias, one per unit.
    pub bias: Vec<f64>,
    /// Leak rate: one for all units or one per unit.
    pub leak: Vec<f64>,
    /// The recurrent matrix's spectral radius before scaling; absent if it was not scaled.
    pub spectral: Option<SpectralRadius>,
}

impl Reservoir {
    /// Draws the weights for an input of `inputs` channels and a feedback of `feedback` channels.
    ///
    /// The result depends on the recipe, the two widths and the seed only. Matrices with less than three entries in ten
    /// are stored sparse, others dense.
    ///
    /// # Errors
    /// Those of [`check_for`](Self::check_for), and [`ReservoirError::Spectral`] if the recurrent matrix has no cycle, so
    /// that nothing can scale it, or its spectral radius cannot be measured.
    pub fn generate(&self, inputs: usize, feedback: usize, seed: &Seed) -> Result<ReservoirWeights, ReservoirError> {
        self.check_for(inputs)?;
        check_entries("feedback weights", self.units as f64 * feedback as f64)?;
        let mut w_in = self.draw_input(inputs, *seed, "input")?;
        match &self.input_scaling {
            OneOrEach::One(scaling) => w_in.scale(*scaling),
            OneOrEach::Each(scalings) => w_in.scale_columns(scalings)?,
        }
        let w_fb = if feedback > 0 {
            let mut w_fb = self.draw_input(feedback, *seed, "feedback")?;
            w_fb.scale(self.feedback_scaling);
            Some(w_fb)
        } else {
            None
        };
        let mut bias = seed.stream("bias");
        let bias = (0..self.units).map(|_| bias.uniform_in(-self.bias_scaling, self.bias_scaling)).collect();
        let (w_res, spectral) = self.draw_recurrent(*seed)?;
        Ok(ReservoirWeights { w_in, w_res, w_fb, bias, leak: self.leak_rate.as_slice().to_vec(), spectral })
    }

    fn draw_input(&self, channels: usize, seed: Seed, name: &str) -> Result<Weights<f64>, WeightsError> {
        draw_random(self.units, channels, self.input_density, self.input_distribution, &mut Streams::new(seed, name))
    }

    fn draw_recurrent(&self, seed: Seed) -> Result<(Weights<f64>, Option<SpectralRadius>), ReservoirError> {
        let mut streams = Streams::new(seed, "recurrent");
        let units = self.units;
        let mut w_res = match self.topology {
            Topology::Random { density } => draw_random(units, units, density, self.weight_distribution, &mut streams)?,
            Topology::FixedDegree { per_row } => {
                draw_fixed_degree(units, per_row, self.weight_distribution, &mut streams)?
            }
            Topology::Cycle => cycle(units)?,
            Topology::Orthogonal => Weights::Dense(draw_orthogonal(units, &mut streams.values)),
        };
        let Some(target) = self.spectral_radius else { return Ok((w_res, None)) };
        let measured = match self.topology {
            Topology::Cycle | Topology::Orthogonal => SpectralRadius::EXACTLY_ONE,
            _ => spectral_radius(&w_res, &mut seed.stream("spectral radius"))
                .map_err(|source| ReservoirError::Spectral { units, source })?,
        };
        w_res.scale(target / measured.value);
        Ok((w_res, Some(measured)))
    }
}

struct Streams {
    places: Stream,
    values: Stream,
}

impl Streams {
    fn new(seed: Seed, name: &str) -> Self {
        Self { places: seed.stream(&format!("{name} places")), values: seed.stream(&format!("{name} values")) }
    }
}

impl Distribution {
    fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Self::Uniform => stream.uniform_in(-1.0, 1.0),
            Self::Normal => stream.normal(),
            Self::Bernoulli => stream.sign(),
        }
    }
}

fn draw_random(
    rows: usize,
    columns: usize,
    density: f64,
    distribution: Distribution,
    streams: &mut Streams,
) -> Result<Weights<f64>, WeightsError> {
    if density >= SPARSE_BELOW {
        let mut entry = || {
            let present = density >= 1.0 || streams.places.uniform() < density;
            if present { distribution.draw(&mut streams.values) } else { 0.0 }
        };
        return Ok(Weights::Dense(Array2::from_shape_simple_fn((rows, columns), &mut entry)));
    }
    let mut builder = CsrBuilder::default();
    let mut place = gap(density, &mut streams.places);
    for row in 0..rows {
        // Places count through the whole matrix in row-major order.
        let row_end = (row as u64 + 1) * columns as u64;
        while place < row_end {
            let column = place - row as u64 * columns as u64;
            builder.push(column as u32, distribution.draw(&mut streams.values));
            place = place.saturating_add(1).saturating_add(gap(density, &mut streams.places));
        }
        builder.end_row();
    }
    builder.build(columns).map(Weights::Sparse)
}

/// The number of absent entries before the next present one: geometric, by inversion.
fn gap(density: f64, stream: &mut Stream) -> u64 {
    // The conversion saturates, so a tiny density gives a huge gap and not a wrong one.
    (libm::log(1.0 - stream.uniform()) / libm::log1p(-density)) as u64
}

fn draw_fixed_degree(
    units: usize,
    per_row: usize,
    distribution: Distribution,
    streams: &mut Streams,
) -> Result<Weights<f64>, WeightsError> {
    let mut builder = CsrBuilder::default();
    let mut chosen = vec![false; units];
    let mut columns = Vec::with_capacity(per_row);
    for _ in 0..units {
        choose_distinct(&mut chosen, &mut columns, per_row, &mut streams.places);
        for &column in &columns {
            builder.push(column, distribution.draw(&mut streams.values));
        }
        builder.end_row();
    }
    Ok(Weights::Sparse(builder.build(units)?).by_density())
}

fn choose_distinct(chosen: &mut [bool], columns: &mut Vec<u32>, count: usize, stream: &mut Stream) {
    // R. W. Floyd's sampling: `count` draws, all sets equally likely.
    columns.clear();
    for newest in chosen.len() - count..chosen.len() {
        let drawn = stream.below(newest as u64 + 1) as usize;
        let column = if chosen[drawn] { newest } else { drawn };
        chosen[column] = true;
        columns.push(column as u32);
    }
    columns.sort_unstable();
    for &column in &*columns {
        chosen[column as usize] = false;
    }
}

fn cycle(units: usize) -> Result<Weights<f64>, WeightsError> {
    let mut builder = CsrBuilder::default();
    for unit in 0..units {
        builder.push(unit.checked_sub(1).unwrap_or(units - 1) as u32, 1.0);
        builder.end_row();
    }
    builder.build(units).map(Weights::Sparse)
}

/// A product of reflections whose directions are uniform on spheres of growing dimension.
///
/// # Source
/// G. W. Stewart, "The efficient generation of random orthogonal matrices", 1980.
fn draw_orthogonal(units: usize, stream: &mut Stream) -> Array2<f64> {
    let mut matrix = Array2::zeros((units, units));
    let mut direction = vec![0.0; units];
    let mut projection = vec![0.0; units];
    for first in (0..units).rev() {
        let direction = &mut direction[first..];
        direction.fill_with(|| stream.normal());
        let norm = dot(direction, direction).sqrt();
        // The reflection maps the first axis to the drawn direction, up to this sign, which the diagonal repairs.
        let sign = if direction[0] < 0.0 { -1.0 } else { 1.0 };
        matrix[[first, first]] = -sign;
        direction[0] += sign * norm;
        let factor = 2.0 / dot(direction, direction);
        let projection = &mut projection[first..];
        projection.fill(0.0);
        let mut block = matrix.slice_mut(s![first.., first..]);
        for (row, &weight) in block.rows().into_iter().zip(&*direction) {
            row.iter().zip(&mut *projection).for_each(|(&entry, sum)| *sum += weight * entry);
        }
        for (mut row, &weight) in block.rows_mut().into_iter().zip(&*direction) {
            let weight = factor * weight;
            row.iter_mut().zip(&*projection).for_each(|(entry, &sum)| *entry -= weight * sum);
        }
    }
    matrix
}

/// A sparse matrix that is written entry by entry.
struct CsrBuilder {
    row_starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

impl Default for CsrBuilder {
    fn default() -> Self {
        Self { row_starts: vec![0], columns: Vec::new(), values: Vec::new() }
    }
}

impl CsrBuilder {
    fn push(&mut self, column: u32, value: f64) {
        self.columns.push(column);
        self.values.push(value);
    }

    fn end_row(&mut self) {
        self.row_starts.push(self.columns.len());
    }

    fn build(self, columns_count: usize) -> Result<Csr<f64>, WeightsError> {
        Csr::new(self.row_starts.len() - 1, columns_count, self.row_starts, self.columns, self.values)
    }
}
