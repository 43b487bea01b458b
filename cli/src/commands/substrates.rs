//! Substrates by address, with a word on what `auto` came to.

use std::sync::Arc;

use anyhow::Result;
use forebay::Substrate;

/// Opens a substrate; tells on standard error which one `auto` is, and why it is no other.
pub(crate) fn open(address: &str) -> Result<Arc<dyn Substrate>> {
    if address != "auto" {
        return Ok(forebay::open(address)?);
    }
    let choice = forebay::choose();
    for (skipped, why) in &choice.skipped {
        eprintln!("auto: not {skipped}: {why}");
    }
    eprintln!("auto: {}", choice.address);
    Ok(forebay::open(&choice.address)?)
}
