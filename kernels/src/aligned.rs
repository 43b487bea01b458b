//! A slice of numbers that starts on a cache line.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    slice,
};

/// Bytes of a cache line, and of the widest vector.
pub(crate) const LINE_BYTES: usize = 64;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; LINE_BYTES / 8]);

/// Numbers without padding for which every bit pattern is a value.
///
/// # Safety
/// The alignment must divide that of a line, and the size that of a line.
pub unsafe trait Plain: Copy + fmt::Debug + PartialEq {}

// SAFETY: 4, 8 and 1 bytes, all bit patterns valid.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for f64 {}
// SAFETY: as above.
unsafe impl Plain for u8 {}

/// `len` numbers, 64-byte aligned.
#[derive(Clone)]
pub(crate) struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    element: std::marker::PhantomData<T>,
}

impl<T: Plain> Aligned<T> {
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

impl<T: Plain> Default for Aligned<T> {
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl<T: Plain> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `lines` holds at least `len` elements of `T`, all initialised; `Plain` says that every
        // bit pattern is a value of `T` and that its alignment divides that of a line.
        unsafe { slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `self` is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl<T: Plain> fmt::Debug for Aligned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Plain> PartialEq for Aligned<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
