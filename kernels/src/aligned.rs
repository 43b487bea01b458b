//! A slice of numbers that starts on a cache line.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    slice,
};

use crate::real::Real;

/// Bytes of a cache line, and of the widest vector.
pub(crate) const LINE_BYTES: usize = 64;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; LINE_BYTES / 8]);

/// `len` numbers, 64-byte aligned.
#[derive(Clone)]
pub(crate) struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    element: std::marker::PhantomData<T>,
}

impl<T: Real> Aligned<T> {
    pub(crate) fn zeros(len: usize) -> Self {
        let lines = len.div_ceil(LINE_BYTES / size_of::<T>());
        Self { lines: vec![Line([0; LINE_BYTES / 8]); lines], len, element: std::marker::PhantomData }
    }

    /// Makes room for `len` numbers; allocates only if it grows beyond what it once held.
    pub(crate) fn resize(&mut self, len: usize) {
        self.lines.resize(len.div_ceil(LINE_BYTES / size_of::<T>()), Line([0; LINE_BYTES / 8]));
        self.len = len;
    }
}

impl<T: Real> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `lines` holds at least `len` elements of `T`, all initialised; `T` is f32 or f64 (`Real` is sealed),
        // for which every bit pattern is a value and whose alignment divides that of a line.
        unsafe { slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Real> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `self` is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl<T: Real> fmt::Debug for Aligned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Real> PartialEq for Aligned<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
