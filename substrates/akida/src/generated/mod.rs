//! Code that flatc wrote.

#[path = "program_data_generated.rs"]
pub(crate) mod data;
#[path = "program_info_generated.rs"]
pub(crate) mod info;
