//! One reservoir, one readout.

use forebay::model::Model;
use forebay::reservoir::Activation;
use forebay::weights::Csr;
use forebay::{Error, HybridEsn};
use ndarray::{Array2, ArrayView2, s};

use crate::arrays::Network;
use crate::build::{Reads, assert_runs_alike, single, walk};
use crate::compare::{GIVEN, assert_close, assert_differs};

/// As a graph, and as the facade: the same bits.
fn assert_alike(name: &str, activation: Activation) -> Result<(), Error> {
    let network = Network::of_reservoirpy(name);
    let model = single(&network, activation, Reads::State, false)?;
    assert_runs_alike(&network, &model, &["x"])?;
    let mut esn = facade(&network, network.array("W"), activation)?;
    let run = esn.run(network.array("u"))?;
    assert_eq!(run, model.session().run(network.array("u"))?, "{name}: facade and graph");
    Ok(())
}

fn facade(network: &Network, w: ArrayView2<'_, f64>, activation: Activation) -> Result<HybridEsn<f64>, Error> {
    let bias = network.values("bias");
    HybridEsn::builder()
        .w_in(network.array("Win").to_owned())
        .w_res(w.to_owned())
        .bias(if bias.len() == 1 { vec![bias[0]; w.nrows()] } else { bias })
        .leak_rates(network.values("lr"))
        .activation(activation)
        .w_out(network.array("Wout").t().to_owned())
        .output_bias(network.values("Wout_bias"))
        .build()
}

#[test]
fn leaky() -> Result<(), Error> {
    assert_alike("leaky", Activation::Tanh)
}

/// `lr` is what a unit takes of the new value, not what it keeps of the old one.
#[test]
fn leaky_taken_the_other_way_round() -> Result<(), Error> {
    let network = Network::of_reservoirpy("leaky");
    let mut esn = HybridEsn::builder()
        .w_in(network.array("Win").to_owned())
        .w_res(network.array("W").to_owned())
        .leak_rate(1.0 - network.number("lr"))
        .w_out(network.array("Wout").t().to_owned())
        .output_bias(network.values("Wout_bias"))
        .build()?;
    assert_differs(&network, "y", esn.run(network.array("u"))?.view(), network.array("y"));
    Ok(())
}

/// ReservoirPy computes `W @ x`, as here; nothing in a square matrix says so.
#[test]
fn leaky_transposed() -> Result<(), Error> {
    let network = Network::of_reservoirpy("leaky");
    let mut esn = facade(&network, network.array("W").t(), Activation::Tanh)?;
    assert_differs(&network, "y", esn.run(network.array("u"))?.view(), network.array("y"));
    Ok(())
}

#[test]
fn leaky_per_unit() -> Result<(), Error> {
    assert_alike("leaky_per_unit", Activation::Tanh)
}

#[test]
fn no_leak() -> Result<(), Error> {
    assert_alike("no_leak", Activation::Tanh)
}

#[test]
fn bias() -> Result<(), Error> {
    assert_alike("bias", Activation::Tanh)
}

#[test]
fn bias_scalar() -> Result<(), Error> {
    assert_alike("bias_scalar", Activation::Tanh)
}

#[test]
fn many_inputs_and_outputs() -> Result<(), Error> {
    assert_alike("many_inputs_and_outputs", Activation::Tanh)
}

#[test]
fn identity() -> Result<(), Error> {
    assert_alike("identity", Activation::Identity)
}

#[test]
fn relu() -> Result<(), Error> {
    assert_alike("relu", Activation::Relu)
}

#[test]
fn sigmoid() -> Result<(), Error> {
    assert_alike("sigmoid", Activation::Sigmoid)
}

#[test]
fn softplus() -> Result<(), Error> {
    assert_alike("softplus", Activation::Softplus)
}

/// Weights drawn by ReservoirPy, as dense and as sparse matrices.
#[test]
fn drawn_by_recipe() -> Result<(), Error> {
    assert_alike("drawn_by_recipe", Activation::Tanh)?;
    let network = Network::of_reservoirpy("drawn_by_recipe");
    let w = Csr::from_dense(&network.array("W").to_owned()).expect("a small matrix");
    assert!(w.density() < 0.25, "{}: W has density {}", network.name, w.density());
    let mut sparse = HybridEsn::builder()
        .w_in(network.array("Win").to_owned())
        .w_res(w)
        .leak_rates(network.values("lr"))
        .w_out(network.array("Wout").t().to_owned())
        .output_bias(network.values("Wout_bias"))
        .build()?;
    let dense = facade(&network, network.array("W"), Activation::Tanh)?.run(network.array("u"))?;
    assert_eq!(sparse.run(network.array("u"))?, dense, "{}: sparse and dense", network.name);
    Ok(())
}

/// ReservoirPy's `ESN(input_to_readout=True)` reads `[x; u]`. With the columns taken as `[u; x]` the shapes fit as well.
#[test]
fn input_to_readout() -> Result<(), Error> {
    let network = Network::of_reservoirpy("input_to_readout");
    let model = single(&network, Activation::Tanh, Reads::StateInput, false)?;
    assert_runs_alike(&network, &model, &["x"])?;
    let wrong = single(&network, Activation::Tanh, Reads::InputState, false)?.session().run(network.array("u"))?;
    assert_differs(&network, "y", wrong.view(), network.array("y"));
    // Reordered by hand, it is a readout of [u; x].
    let units = network.array("W").nrows();
    let w_out = network.array("Wout");
    let reordered = ndarray::concatenate![ndarray::Axis(0), w_out.slice(s![units.., ..]), w_out.slice(s![..units, ..])];
    let bias = ndarray::Array1::from(network.values("Wout_bias"));
    let moved = single(&network, Activation::Tanh, Reads::InputState, false)?;
    let moved = moved.with_readout("y", reordered.t(), bias.view())?.session().run(network.array("u"))?;
    assert_close(&network, "y", moved.view(), network.array("y"), GIVEN);
    Ok(())
}

/// `[input, input >> reservoir] >> readout` reads `[u; x]`: ReservoirPy's order is that in which the edges were made.
#[test]
fn input_before_reservoir() -> Result<(), Error> {
    let network = Network::of_reservoirpy("input_before_reservoir");
    assert_runs_alike(&network, &single(&network, Activation::Tanh, Reads::InputState, false)?, &["x"])?;
    let wrong = single(&network, Activation::Tanh, Reads::StateInput, false)?.session().run(network.array("u"))?;
    assert_differs(&network, "y", wrong.view(), network.array("y"));
    Ok(())
}

/// ReservoirPy's weights saved by `numpy.savez(W=.., Win=.., Wout=.., Wout_bias=.., bias=.., lr=..)` are read as they are.
#[test]
fn weights_by_npz() -> Result<(), Error> {
    let network = Network::of_reservoirpy("bias");
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["W", "Win", "Wout", "Wout_bias", "bias", "lr"] {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{name}.npy"), options).expect("in memory");
        let array: Array2<f64> = network.array(name).to_owned();
        let bytes = forebay::model::import::npy_to_bytes(array.view());
        std::io::Write::write_all(&mut archive, &bytes).expect("in memory");
    }
    let bytes = archive.finish().expect("in memory").into_inner();
    #[expect(clippy::default_trait_access, reason = "what the defaults are of does not matter here")]
    let model = Model::<f64>::from_npz(&bytes, &Default::default())?;
    assert_close(&network, "y", model.session().run(network.array("u"))?.view(), network.array("y"), GIVEN);
    Ok(())
}

/// Reservoirs with plasticity: their rules are not here, but what they learned runs.
mod plasticity {
    use super::{Error, GIVEN, HybridEsn, Network, assert_close, walk};
    use ndarray::Array2;

    /// `tanh(a (W x + Win u + b) + c)`: rows of the weights times a.
    #[test]
    fn intrinsic_plasticity() -> Result<(), Error> {
        let network = Network::of_reservoirpy("intrinsic_plasticity");
        let gain = network.array("gain");
        let bias = &network.array("bias") * &gain + network.array("offset");
        let mut esn = HybridEsn::builder()
            .w_in(&network.array("Win") * &gain)
            .w_res(&network.array("W") * &gain)
            .bias(bias.iter().copied().collect())
            .w_out(Array2::zeros((1, gain.len())))
            .build()?;
        let found = walk(esn.session(), network.array("u"), &["reservoir"])?;
        assert_close(&network, "x", found["reservoir"].view(), network.array("x"), GIVEN);
        Ok(())
    }

    /// `tanh((1 - lr) x + lr (W x + Win u + b))`: a reservoir without leak whose W has the leak on its diagonal.
    #[test]
    fn local_plasticity() -> Result<(), Error> {
        let network = Network::of_reservoirpy("local_plasticity");
        let (lr, w) = (network.number("lr"), network.array("W"));
        let mut esn = HybridEsn::builder()
            .w_in(network.array("Win").mapv(|weight| lr * weight))
            .w_res(w.mapv(|weight| lr * weight) + Array2::<f64>::eye(w.nrows()) * (1.0 - lr))
            .bias(network.values("bias").iter().map(|b| lr * b).collect())
            .w_out(Array2::zeros((1, w.nrows())))
            .build()?;
        let found = walk(esn.session(), network.array("u"), &["reservoir"])?;
        assert_close(&network, "x", found["reservoir"].view(), network.array("x"), GIVEN);
        Ok(())
    }
}
