//! Fingerprints of models.

use forebay_kernels::Real;

use super::{Matrix, Model, Parameters};
use crate::graph::{Graph, Op};
use crate::hash::{Fingerprint, Hasher};
use crate::weights::Weights;

const WEIGHTS_CONTEXT: &str = "forebay weights fingerprint v1";
const MODEL_CONTEXT: &str = "forebay model fingerprint v1";

/// Stands where an entry's index could be, after the last one.
const END: u64 = u64::MAX;

impl Fingerprint {
    /// Hashes a model's weights and nothing else.
    ///
    /// Hashed are the float type, then for every tensor in the order of names: its name `node/tensor`, rows and
    /// columns, and each entry that is not zero as its row-major index and its little-endian value. So the file, the
    /// order of nodes, dense or sparse storage, the kernel form, the seed, notes and a compilation do not matter.
    pub fn of_weights<T: Real>(model: &Model<T>) -> Self {
        let graph = model.graph();
        let mut hasher = Hasher::new(WEIGHTS_CONTEXT);
        hasher.text(T::NAME);
        let mut order: Vec<usize> = (0..graph.nodes().len()).collect();
        order.sort_by_key(|&node| graph.nodes()[node].name());
        for node in order {
            let mut tensor = Tensors { node: graph.nodes()[node].name(), hasher: &mut hasher };
            match model.parameters(node) {
                Parameters::None => {}
                Parameters::Reservoir(reservoir) => {
                    tensor.vector("bias", &reservoir.bias);
                    tensor.vector("leak", reservoir.leak.rates());
                    if let Some(w) = &reservoir.w_feedback {
                        tensor.matrix("w_feedback", w);
                    }
                    tensor.matrix("w_in", &reservoir.w_in);
                    tensor.matrix("w_res", &reservoir.w_res);
                }
                Parameters::Linear(linear) => {
                    tensor.vector("bias", &linear.bias);
                    let weights = linear.to_dense();
                    tensor.begin("weights", weights.dim());
                    tensor.entries(weights.iter().copied().enumerate());
                }
            }
        }
        hasher.finish()
    }

    /// Hashes all that a model's results depend on: weights, the graph in its order, and for a compiled model which
    /// nodes are on a processor, in which digits and ranges.
    ///
    /// Equal fingerprints continue a state with the same bits. Which substrate and which device form the products does
    /// not matter, as all give the same integers; nor do recipes that weights were drawn from.
    /// Weights patched in a loaded program are not seen: they are the program's, not the model's.
    pub fn of_model<T: Real>(model: &Model<T>) -> Self {
        let mut hasher = Hasher::new(MODEL_CONTEXT);
        hasher.bytes(Self::of_weights(model).as_bytes());
        for node in model.graph().nodes() {
            hasher.text(node.name());
            hasher.number(node.width() as u64);
            hasher.text(&computation(model.graph(), node.op()));
        }
        if let Some(placement) = model.placement() {
            hasher.text(&placement.arithmetic(model.graph()));
        }
        hasher.finish()
    }
}

/// What a node computes as JSON, without what its weights were drawn from.
fn computation(graph: &Graph, op: &Op) -> String {
    let sources: Vec<&str> = op.sources().iter().map(|id| graph.nodes()[id.0].name()).collect();
    // Straight to text: the order of keys is then the declaration's, whatever features of serde_json are on.
    let json = match op {
        Op::Input { .. } => serde_json::to_string("input"),
        Op::Reservoir { weights, feedback, .. } => {
            serde_json::to_string(&("reservoir", sources, weights.activation(), feedback))
        }
        Op::Dense { .. } => serde_json::to_string(&("dense", sources)),
        Op::Activation { function, .. } => serde_json::to_string(&("activation", sources, function)),
        Op::Softmax { .. } => serde_json::to_string(&("softmax", sources)),
        Op::Concat { .. } => serde_json::to_string(&("concat", sources)),
        Op::Delay { steps, .. } => serde_json::to_string(&("delay", sources, steps)),
        Op::Products { products, .. } => serde_json::to_string(&("products", sources, products)),
        Op::Custom { function, .. } => {
            serde_json::to_string(&("custom", sources, function.name(), function.parameters()))
        }
        Op::Readout { .. } => serde_json::to_string(&("readout", sources)),
    };
    json.expect("names and numbers are JSON")
}

/// The tensors of one node.
struct Tensors<'a> {
    node: &'a str,
    hasher: &'a mut Hasher,
}

impl Tensors<'_> {
    fn begin(&mut self, name: &str, (rows, cols): (usize, usize)) {
        self.hasher.text(&format!("{}/{name}", self.node));
        self.hasher.number(rows as u64);
        self.hasher.number(cols as u64);
    }

    fn entries<T: Real>(&mut self, entries: impl Iterator<Item = (usize, T)>) {
        // Gathered, as the hash is fast on long pieces only.
        let mut bytes = Vec::with_capacity(PIECE + 16);
        for (index, value) in entries.filter(|(_, value)| *value != T::ZERO) {
            bytes.extend_from_slice(&(index as u64).to_le_bytes());
            // `bits` zero-extends an f32, so its low bytes are the number's.
            bytes.extend_from_slice(&value.bits().to_le_bytes()[..size_of::<T>()]);
            if bytes.len() >= PIECE {
                self.hasher.bytes(&bytes);
                bytes.clear();
            }
        }
        bytes.extend_from_slice(&END.to_le_bytes());
        self.hasher.bytes(&bytes);
    }

    fn vector<T: Real>(&mut self, name: &str, values: &[T]) {
        self.begin(name, (values.len(), 1));
        self.entries(values.iter().copied().enumerate());
    }

    fn matrix<T: Real>(&mut self, name: &str, matrix: &Matrix<T>) {
        self.begin(name, (matrix.rows(), matrix.cols()));
        match matrix.to_weights() {
            Weights::Dense(dense) => self.entries(dense.iter().copied().enumerate()),
            Weights::Sparse(sparse) => {
                let rows = sparse.row_starts().windows(2).enumerate();
                let places = rows.flat_map(|(row, ends)| (ends[0]..ends[1]).map(move |entry| (row, entry)));
                let index = |row: usize, entry: usize| row * sparse.cols() + sparse.columns()[entry] as usize;
                self.entries(places.map(|(row, entry)| (index(row, entry), sparse.values()[entry])));
            }
        }
    }
}

const PIECE: usize = 1 << 16;
