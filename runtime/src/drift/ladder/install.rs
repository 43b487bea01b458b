//! Another model under a running network.

use forebay_kernels::Real;

use crate::error::Error;
use crate::esn::HybridEsn;
use crate::model::Model;
use crate::train::{Series, run_taught};

/// The network with another model. Where only readouts differ, its state stays; otherwise that would be none of the new model's, and
/// the network begins at rest and is taught the gathered steps, the last of which it has just made.
pub(super) fn installed<T: Real>(
    model: Model<T>,
    esn: &HybridEsn<T>,
    gathered: &Series<'_, T>,
) -> Result<HybridEsn<T>, Error> {
    let mut new = esn.clone();
    new.set_model(model)?;
    if !differs_in_readouts_only(new.model(), esn.model())? {
        new.reset();
        run_taught(new.session(), gathered)?;
    }
    Ok(new)
}

/// Of models of one graph.
fn differs_in_readouts_only<T: Real>(new: &Model<T>, old: &Model<T>) -> Result<bool, Error> {
    let mut with_old_readouts = new.clone();
    for head in old.graph().heads() {
        let (weights, bias) = old.readout(head.name)?;
        with_old_readouts = with_old_readouts.with_readout(head.name, weights.view(), bias.view())?;
    }
    Ok(with_old_readouts.fingerprint() == old.fingerprint())
}
