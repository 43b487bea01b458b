//! .
pub mod random;
pub mod reservoir;
pub mod weights;
