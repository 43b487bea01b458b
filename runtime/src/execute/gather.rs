//! The features of a readout: values of several nodes, one after the other.

use super::executor::{Block, paste_columns};

/// Whether the values of the sources lie one after the other as a product reads them.
fn are_adjacent(streams: usize, sources: &[Block]) -> bool {
    sources.len() == 1
        || streams == 1 && sources.windows(2).all(|pair| pair[0].offset + pair[0].width == pair[1].offset)
}

/// Features per stream that have to be copied together.
pub(super) fn gathered_width(streams: usize, sources: &[Block]) -> usize {
    if are_adjacent(streams, sources) { 0 } else { sources.iter().map(|source| source.width).sum() }
}

/// The values of the sources, `[streams, features]`: where they lie, or else copied to `together`.
pub(super) fn gather<'a, T: Copy>(
    values: &'a [T],
    streams: usize,
    sources: &[Block],
    together: &'a mut [T],
) -> &'a [T] {
    let features = sources.iter().map(|source| source.width).sum::<usize>();
    if are_adjacent(streams, sources) {
        return &values[sources[0].offset * streams..][..features * streams];
    }
    let together = &mut together[..features * streams];
    let mut column = 0;
    for source in sources {
        let values = &values[source.offset * streams..(source.offset + source.width) * streams];
        paste_columns(values, source.width, together, features, column);
        column += source.width;
    }
    together
}
