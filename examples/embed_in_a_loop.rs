//! A simulation code with weights of its own steps an echo state network inside its loop.

use forebay::{Error, HybridEsn};

fn main() -> Result<(), Error> {
    // Weights as another program would hand them over: flat, row-major, f32.
    let (units, inputs) = (64, 2);
    let mut noise = forebay::random::Seed(1).stream("weights");
    let mut draw =
        |count: usize, bound: f64| -> Vec<f32> { (0..count).map(|_| noise.uniform_in(-bound, bound) as f32).collect() };
    let (w_in, w_res, w_out) = (draw(units * inputs, 0.5), draw(units * units, 0.15), draw(units, 0.2));

    let mut esn = HybridEsn::from_weights(&w_in, &w_res, &w_out, 0.3)?;
    let (mut position, mut velocity) = (1.0_f32, 0.0_f32);
    for step in 0..1000 {
        // The host code's own physics.
        velocity -= 0.01 * position;
        position += 0.01 * velocity;
        // Allocates nothing; a refused step leaves the state as it was.
        let correction = esn.step(&[position, velocity])?[0];
        if step % 250 == 0 {
            println!("step {step:4}  position {position:+.4}  network {correction:+.6}");
        }
    }
    match esn.step(&[f32::NAN, 0.0]) {
        Err(error) => println!("refused: {error}"),
        Ok(_) => unreachable!("NaN is never accepted"),
    }
    Ok(())
}
