//! Tables of many kinds: what the room says of them, or why it refuses.

mod cells;
mod clocks;
mod formats;
mod layouts;
mod made;
mod missing;
mod names;
mod order;
mod rules;
mod support;
