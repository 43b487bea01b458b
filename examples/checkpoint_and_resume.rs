//! A run is interrupted and goes on in another process with the same bits; a checkpoint of another model is refused.

use anyhow::{Context, Result};
use forebay::checkpoint::Checkpoint;
use forebay::execute::Session;
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::reservoir::Reservoir;
use forebay::{Compiler, Error, Precision};

fn hybrid(seed: u64) -> Result<Model<f32>> {
    let mut g = Graph::builder();
    let u = g.input("u", 1);
    let x = g.reservoir("x", u, Reservoir::new(100).spectral_radius(0.9));
    g.readout("y", [x], 1);
    let model = Model::<f32>::generate(g.build()?, seed)?;
    let precision = Precision::new(2, 2).context("digits")?;
    Ok(Compiler::new(forebay::open("software:akd1000")?).precision(precision).compile(&model)?)
}

/// Runs up to this step and gives the sum over the reservoir's state.
fn run(session: &mut Session<f32>, until: u64) -> Result<f32, Error> {
    while session.steps() < until {
        let u = (0.1 * session.steps() as f32).sin();
        session.step(&[u])?;
    }
    Ok(session.node("x")?.iter().sum())
}

fn main() -> Result<()> {
    let path = std::env::temp_dir().join(format!("forebay-example-{}.state", std::process::id()));
    let mut session = hybrid(7)?.session();
    run(&mut session, 500)?;
    // What belongs to the run and is not the session's goes into sections.
    let alarms = 3_u64;
    session.checkpoint().with_section("alarms", alarms.to_le_bytes()).save(&path)?;
    println!("step  1000, never interrupted  {:+.7}", run(&mut session, 1000)?);

    // As another process would: the model again, then its state.
    let kept = Checkpoint::read(&path)?;
    std::fs::remove_file(&path)?;
    let mut resumed = hybrid(7)?.session();
    resumed.resume(&kept)?;
    let alarms = u64::from_le_bytes(kept.section("alarms").context("it was written")?.try_into()?);
    println!("step {:5}, resumed, {alarms} alarms so far", resumed.steps());
    println!("step  1000, resumed            {:+.7}", run(&mut resumed, 1000)?);
    assert_eq!(resumed.snapshot(), session.snapshot());

    match hybrid(8)?.session().resume(&kept) {
        Err(error) => println!("refused: {error}"),
        Ok(()) => unreachable!("another model's state is never taken up"),
    }
    Ok(())
}
