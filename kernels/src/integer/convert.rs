//! Loops between floats and integers, compiled once for every instruction set.
//!
//! They are plain loops without sums, so the compiler may use as wide vectors as it likes: nothing rounds differently.

use crate::form::Form;
#[cfg(target_arch = "x86_64")]
use crate::form::Kind;
use crate::real::Real;

/// Compiles a loop for AVX-512 and AVX2 as well, and picks by form.
macro_rules! in_every_form {
    ($(#[$docs:meta])* pub fn $name:ident [$($generics:tt)*] ($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$docs])*
        pub fn $name<$($generics)*>(form: Form, $($argument: $type),*) {
            #[inline(always)]
            fn body<$($generics)*>($($argument: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512<$($generics)*>($($argument: $type),*) {
                body($($argument),*);
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2<$($generics)*>($($argument: $type),*) {
                body($($argument),*);
            }

            match form.kind() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a form of this kind exists only where the processor was found to have these instructions.
                Kind::Avx512 => unsafe { avx512($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Kind::Avx2 => unsafe { avx2($($argument),*) },
                _ => body($($argument),*),
            }
        }
    };
}

in_every_form! {
    /// `integers[i] = (x[i] - centre[i]) * gain[i]`, clipped to `low..=high` and rounded to nearest, ties to even.
    ///
    /// The difference and the product are rounded each; for a value near its centre the difference is exact. As many
    /// values are written as the shortest slice has.
    ///
    /// # Units
    /// `low` and `high`: within 2^21 of zero.
    pub fn encode [T: Real] (x: &[T], centre: &[T], gain: &[T], low: i32, high: i32, integers: &mut [i32]) {
        let (low, high) = (T::from_f64(f64::from(low)), T::from_f64(f64::from(high)));
        for (((integer, &x), &centre), &gain) in integers.iter_mut().zip(x).zip(centre).zip(gain) {
            let value = (x - centre) * gain;
            let value = if value > low { value } else { low };
            *integer = (if value < high { value } else { high }).round_to_i32();
        }
    }
}

in_every_form! {
    /// `sums[i] += offset[i] + scale[i] * integers[i]`, each operation rounded.
    ///
    /// As many values are changed as the shortest slice has.
    pub fn decode_add [T: Real] (integers: &[i64], scale: &[T], offset: &[T], sums: &mut [T]) {
        for (((sum, &integer), &scale), &offset) in sums.iter_mut().zip(integers).zip(scale).zip(offset) {
            *sum += offset + scale * T::from_i64(integer);
        }
    }
}

in_every_form! {
    /// The lowest byte of every integer.
    pub fn lowest_bytes [] (integers: &[i32], bytes: &mut [i8]) {
        for (byte, &integer) in bytes.iter_mut().zip(integers) {
            *byte = integer as i8;
        }
    }
}

in_every_form! {
    /// Digit `shift / 4` of every integer plus `offset`, in base 16.
    pub fn digits [] (integers: &[i32], offset: i32, shift: u32, digits: &mut [u8]) {
        for (digit, &integer) in digits.iter_mut().zip(integers) {
            *digit = ((integer.wrapping_add(offset) >> shift) & 15) as u8;
        }
    }
}

in_every_form! {
    /// `y[i] += factor * x[i]`.
    pub fn add_scaled [] (x: &[i32], factor: i64, y: &mut [i64]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y += factor * i64::from(x);
        }
    }
}

in_every_form! {
    /// Limits every integer to `low..=high`.
    pub fn clamp [] (low: i32, high: i32, integers: &mut [i32]) {
        for integer in integers {
            *integer = (*integer).clamp(low, high);
        }
    }
}
