//! The examples are in the folder above; run one with `cargo run --release -p forebay-examples --example NAME`.
