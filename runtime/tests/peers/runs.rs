//! What is kept from call to call.

use forebay::Error;
use forebay::reservoir::Activation;
use ndarray::{Array2, Axis, concatenate, s};

use crate::arrays::Network;
use crate::build::{Reads, single};
use crate::compare::{GIVEN, assert_close, assert_differs};

/// Where the series of `series_of_a_list` and others begin and end.
pub(crate) const UNEQUAL: [(usize, usize); 3] = [(0, 25), (25, 65), (65, 80)];

/// The state goes on from run to run, until `reset`, there and here.
#[test]
fn run_after_run() -> Result<(), Error> {
    let network = Network::of_reservoirpy("run_after_run");
    let (before, after) = network.array("u").split_at(Axis(0), 40);
    let mut session = single(&network, Activation::Tanh, Reads::State, false)?.session();
    assert_close(&network, "first", session.run(before)?.view(), network.array("first"), GIVEN);
    assert_close(&network, "second", session.run(after)?.view(), network.array("second"), GIVEN);
    session.reset();
    let from_rest = session.run(after)?;
    assert_close(&network, "after_reset", from_rest.view(), network.array("after_reset"), GIVEN);
    assert_differs(&network, "second", from_rest.view(), network.array("second"));
    Ok(())
}

/// ReservoirPy's `run` of a list begins every series with the state there was, and keeps that of the last one; here the
/// caller says so, by a snapshot.
#[test]
fn series_of_a_list() -> Result<(), Error> {
    let network = Network::of_reservoirpy("series_of_a_list");
    let u = network.array("u");
    let mut session = single(&network, Activation::Tanh, Reads::State, false)?.session();
    assert_close(&network, "lead", session.run(u.slice(s![..20, ..]))?.view(), network.array("lead"), GIVEN);
    let start = session.snapshot();
    let mut found = Array2::zeros((0, 1));
    let mut from_rest = found.clone();
    for (begin, end) in UNEQUAL {
        session.restore(&start)?;
        let part = u.slice(s![begin..end, ..]);
        found = concatenate![Axis(0), found, session.run(part)?];
        from_rest = concatenate![Axis(0), from_rest, session.model().session().run(part)?];
    }
    assert_close(&network, "y", found.view(), network.array("y"), GIVEN);
    assert_differs(&network, "y", from_rest.view(), network.array("y"));
    assert_close(&network, "after", session.run(u.slice(s![..20, ..]))?.view(), network.array("after"), GIVEN);
    Ok(())
}
