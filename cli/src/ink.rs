//! Colours and the font of all pictures.

use std::sync::OnceLock;

use anyhow::{Result, ensure};
use plotters::style::{FontStyle, RGBColor, register_font};

/// The name under which the font inside the binary is known to the plots, and which browsers know.
pub(crate) const FONT: &str = "sans-serif";
pub(crate) const TEXT: RGBColor = RGBColor(40, 40, 40);
pub(crate) const FAINT: RGBColor = RGBColor(110, 110, 110);
pub(crate) const GRID: RGBColor = RGBColor(228, 228, 228);
/// Colours that stay apart for colour-blind readers (Okabe, Ito).
pub(crate) const TRUTH: RGBColor = RGBColor(30, 30, 30);
pub(crate) const FORECAST: RGBColor = RGBColor(0, 114, 178);
pub(crate) const BASELINE: RGBColor = RGBColor(230, 159, 0);
/// Of the same colours those with a contrast of 3 to white, as pages need it: what is not known yet, and what is compared with.
pub(crate) const FUTURE: RGBColor = RGBColor(0, 158, 115);
pub(crate) const RIVAL: RGBColor = RGBColor(213, 94, 0);

/// Makes the font known to the plots.
pub(crate) fn load_font() -> Result<()> {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let loaded =
        LOADED.get_or_init(|| register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok());
    ensure!(*loaded, "the plots' font cannot be read");
    Ok(())
}
