//! Building graphs: what is refused and how it is said, and what a graph prints.

use forebay::graph::{Graph, GraphBuilder, GraphError, Products, ReservoirSource};
use forebay::reservoir::{Activation, Reservoir};
use forebay::{Error, graph::Op};

fn refusal(build: impl FnOnce(&mut GraphBuilder)) -> Error {
    let mut g = Graph::builder();
    build(&mut g);
    let error = g.build().expect_err("the graph does not fit together");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[test]
fn a_graph_needs_an_input_and_a_readout() {
    let error = refusal(|_| {});
    assert!(matches!(error, Error::Graph(GraphError::Missing { what: "input" })), "{error}");
    let error = refusal(|g| {
        g.input("u", 1);
    });
    assert!(matches!(error, Error::Graph(GraphError::Missing { what: "readout" })), "{error}");
}

#[test]
fn names_are_unique_and_not_empty() {
    for (first, second) in [("u", "u"), ("u", "")] {
        let error = refusal(|g| {
            let u = g.input(first, 1);
            g.readout(second, [u], 1);
        });
        assert!(matches!(error, Error::Graph(GraphError::Name { .. })), "{error}");
    }
}

#[test]
fn ranges_name_the_node_what_it_needs_and_what_it_has() {
    type Case = (&'static str, fn(&mut GraphBuilder));
    let cases: &[Case] = &[
        ("features", |g| {
            g.input("bad", 0);
        }),
        ("features", |g| {
            g.input("bad", usize::MAX);
        }),
        ("outputs", |g| {
            let u = g.input("u", 1);
            g.readout("bad", [u], 0);
        }),
        ("scaling", |g| {
            let u = g.input("u", 1);
            g.dense("bad", u, 3, f64::NAN);
        }),
        ("units", |g| {
            let u = g.input("u", 1);
            g.reservoir("bad", u, ReservoirSource::Given { units: 0, activation: Activation::Tanh });
        }),
        ("steps", |g| {
            let u = g.input("u", 1);
            g.delay("bad", u, 0);
        }),
        ("steps", |g| {
            let u = g.input("u", 1);
            g.delay("bad", u, usize::MAX);
        }),
        ("degree", |g| {
            let u = g.input("u", 4);
            g.products("bad", u, Products::Unique { degree: 7 });
        }),
        ("products", |g| {
            let u = g.input("u", 4000);
            g.products("bad", u, Products::Unique { degree: 3 });
        }),
        ("max of bounded_relu", |g| {
            let u = g.input("u", 1);
            g.activation("bad", u, Activation::BoundedRelu { max: -1.0 });
        }),
        ("slope of leaky_relu", |g| {
            let u = g.input("u", 1);
            g.activation("bad", u, Activation::LeakyRelu { slope: -0.1 });
        }),
        ("slope of leaky_relu", |g| {
            let u = g.input("u", 1);
            g.reservoir(
                "bad",
                u,
                ReservoirSource::Given { units: 3, activation: Activation::LeakyRelu { slope: 2.0 } },
            );
        }),
        ("number of nodes", |g| {
            for index in 0..5000 {
                g.input(if index == 4096 { "bad" } else { Box::leak(format!("u{index}").into_boxed_str()) }, 1);
            }
        }),
        ("width", |g| {
            for index in 0..5 {
                g.input(if index == 4 { "bad" } else { Box::leak(format!("u{index}").into_boxed_str()) }, 1 << 20);
            }
        }),
    ];
    for (name, build) in cases {
        match refusal(build) {
            Error::Graph(GraphError::Range { node, field, .. }) => assert_eq!((node.as_str(), field), ("bad", *name)),
            other => panic!("{name}: {other}"),
        }
    }
    for recipe in [Reservoir::new(10).leak_rate(1.5), Reservoir::new(10).input_scalings(vec![1.0; 3])] {
        let error = refusal(|g| {
            let u = g.input("u", 2);
            g.reservoir("bad", u, recipe);
        });
        assert!(matches!(&error, Error::Reservoir { node, .. } if node == "bad"), "{error}");
    }
}

#[test]
fn sources_come_first_and_are_not_readouts() {
    let error = refusal(|g| {
        let u = g.input("u", 1);
        g.readout("y", [], 1);
        g.readout("z", [u], 1);
    });
    assert!(matches!(error, Error::Graph(GraphError::Source { .. })), "{error}");
    let error = refusal(|g| {
        let u = g.input("u", 1);
        let y = g.readout("y", [u], 1);
        g.readout("z", [y], 1);
    });
    assert!(error.to_string().contains("feedback"), "{error}");
    let mut other = Graph::builder();
    other.input("a", 1);
    let foreign = other.input("b", 1);
    let error = refusal(|g| {
        g.readout("y", [foreign], 1);
    });
    assert!(matches!(error, Error::Graph(GraphError::Source { .. })), "{error}");
}

#[test]
fn feedback_names_a_readout() {
    let error = refusal(|g| {
        let u = g.input("u", 1);
        let x = g.reservoir_with_feedback("x", u, Reservoir::new(10), "z");
        g.readout("y", [x], 1);
    });
    match error {
        Error::Graph(GraphError::Feedback { node, expected, found }) => {
            assert_eq!((node.as_str(), expected.as_str(), found.as_str()), ("x", "y", "z"));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn text_and_graphviz_show_every_node_and_edge() -> Result<(), Error> {
    let mut g = Graph::builder();
    let u = g.input("u \"quoted\"", 2);
    let past = g.delay("past", u, 3);
    let both = g.concat("both", [u, past]);
    let x = g.reservoir_with_feedback("x", both, Reservoir::new(20), "y");
    let f = g.products("f", x, Products::AlternateSquares);
    g.readout("y", [f], 2);
    let graph = g.build()?;
    let text = graph.to_string();
    assert_eq!(text.lines().count(), 6);
    assert!(text.contains("delay 3 <- u \"quoted\" -> 2"), "{text}");
    let dot = graph.to_graphviz();
    assert_eq!(dot.matches(" -> ").count(), 6 + 2, "six forward edges, the recurrence and the feedback:\n{dot}");
    assert!(dot.contains("u \\\"quoted\\\""), "{dot}");
    assert!(graph.nodes().iter().all(|n| text.contains(n.name())));
    assert!(matches!(graph.nodes()[1].op(), Op::Delay { steps: 3, .. }));
    Ok(())
}

#[test]
fn a_definition_survives_json() -> Result<(), Box<dyn std::error::Error>> {
    let mut g = Graph::builder();
    let u = g.input("u", 2);
    let h = g.dense("h", u, 5, 0.5);
    let a = g.activation("a", h, Activation::BoundedRelu { max: 2.0 });
    let x = g.reservoir("x", a, Reservoir::new(20).density(0.3).leak_rates(vec![0.5; 20]));
    g.readout("y", [u, x], 2);
    let graph = g.build()?;
    let json = serde_json::to_string(&graph.to_builder())?;
    let back: GraphBuilder = serde_json::from_str(&json)?;
    assert_eq!(back.build()?, graph);
    Ok(())
}
