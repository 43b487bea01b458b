//! Substrates by address, with a word on what `auto` came to.

use std::sync::Arc;

use anyhow::Result;
use forebay::Substrate;

/// Opens a substrate; tells on standard error which one `auto` is, and why it is no other.
pub(crate) fn open(address: &str) -> Result<Arc<dyn Substrate>> {
    Ok(forebay::open(&chosen(address))?)
}

/// The address itself, or what `auto` comes to, which is told on standard error.
pub(crate) fn chosen(address: &str) -> String {
    if address != "auto" {
        return address.to_owned();
    }
    let choice = forebay::choose();
    for (skipped, why) in &choice.skipped {
        eprintln!("auto: not {skipped}: {why}");
    }
    eprintln!("auto: {}", choice.address);
    choice.address
}
