//! The features of a readout: values of several nodes, one after the other.

use super::plan::Block;

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

/// Every row of `to` becomes `row`.
pub(super) fn fill_rows<T: Copy>(to: &mut [T], row: &[T]) {
    for out in to.chunks_exact_mut(row.len()) {
        out.copy_from_slice(row);
    }
}

/// `to[s, :] = from[s, first..first + width]` for rows of `from_width` and `width`.
pub(super) fn copy_columns<T: Copy>(from: &[T], from_width: usize, first: usize, to: &mut [T], width: usize) {
    for (row, out) in from.chunks_exact(from_width).zip(to.chunks_exact_mut(width)) {
        out.copy_from_slice(&row[first..first + width]);
    }
}

/// `to[s, first..first + width] = from[s, :]` for rows of `width` and `to_width`.
pub(super) fn paste_columns<T: Copy>(from: &[T], width: usize, to: &mut [T], to_width: usize, first: usize) {
    for (row, out) in from.chunks_exact(width).zip(to.chunks_exact_mut(to_width)) {
        out[first..first + width].copy_from_slice(row);
    }
}
