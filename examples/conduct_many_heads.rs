//! Eleven heads of three kinds on one reservoir: each earns its trust, and one whose world breaks loses it alone.

use anyhow::Result;
use forebay::conductor::{Conductor, ConductorSettings, HeadKind, Layout};
use forebay::graph::Graph;
use forebay::model::Model;
use forebay::random::Seed;
use forebay::reservoir::Reservoir;
use forebay::train::Series;
use forebay_zoo::systems::Lorenz63;
use ndarray::{Array2, s};

fn main() -> Result<()> {
    let orbit = Lorenz63::default().generate(4011, Seed(2))?.mapv(|v| v / 10.0);
    // Heads are data; their names mean nothing to the library.
    let mut heads = Vec::new();
    for i in 1..=11 {
        let kind =
            ["{\"regression\": {\"outputs\": 1}}", "{\"classification\": {\"classes\": 2}}", "\"probability\""][i % 3];
        heads.push(format!("{{\"name\": \"head {i:02}\", \"kind\": {kind}}}"));
    }
    let layout: Layout = serde_json::from_str(&format!("{{\"heads\": [{}]}}", heads.join(", ")))?;
    // Head i looks i rows ahead: the value of x, or whether it will be positive.
    let truth = |t: usize, i: usize| match layout.heads[i].kind {
        HeadKind::Regression { .. } => orbit[[t + i, 0]],
        _ => f64::from(u8::from(orbit[[t + i, 0]] > 0.0)),
    };
    let targets = Array2::from_shape_fn((4000, 11), |(t, i)| truth(t, i));

    let mut g = Graph::builder();
    let u = g.input("x", 1);
    let r = g.reservoir("reservoir", u, Reservoir::new(128).leak_rate(0.6).spectral_radius(0.9));
    g.readout("none", [r], 1);
    let model = Model::<f64>::generate(g.build()?, 1)?;
    let series = Series::new(orbit.slice(s![..2000, ..1]), targets.slice(s![..2000, ..]));
    let (mut conductor, _) =
        Conductor::fit(&model, &["x", "reservoir"], &layout, &series, &ConductorSettings::default())?;

    for t in 0..4000 {
        conductor.step(&[orbit[[t, 0]]])?;
        // A truth is known when its row has come. From row 3,000 on that of the fourth head is nonsense.
        for (i, head) in layout.heads.iter().enumerate().filter(|(i, _)| t >= 100 + i) {
            let truth = if i == 3 && t >= 3000 { truth((7 * t) % 3000, i) } else { truth(t - i, i) };
            conductor.observe_at(&head.name, (t - i) as u64, &[truth])?;
        }
        if t == 2999 || t == 3999 {
            println!("after row {}:", t + 1);
            for head in &layout.heads {
                let trust = conductor.trust(&head.name)?;
                let (skill, lower) = (trust.skill.unwrap_or(f64::NAN), trust.lower.unwrap_or(f64::NAN));
                println!("  {}: skill {skill:6.3}, at least {lower:6.3}: trusted {}", head.name, trust.is_trusted);
            }
        }
    }
    Ok(())
}
