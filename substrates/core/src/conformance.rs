//! Cases that every substrate must pass, written once.
