//! NEON vectors of aarch64.

use std::{
    arch::aarch64::{
        float32x4_t, float64x2_t, uint32x4_t, uint64x2_t, vabsq_f32, vabsq_f64, vaddq_f32, vaddq_f64, vaddq_u32,
        vaddq_u64, vbslq_f32, vbslq_f64, vceqq_f32, vceqq_f64, vcltq_f32, vcltq_f64, vdivq_f32, vdivq_f64, vdupq_n_f32,
        vdupq_n_f64, vdupq_n_u32, vdupq_n_u64, vfmaq_f32, vfmaq_f64, vfmsq_f32, vfmsq_f64, vld1q_f32, vld1q_f64,
        vmulq_f32, vmulq_f64, vreinterpretq_f32_u32, vreinterpretq_f64_u64, vreinterpretq_u32_f32,
        vreinterpretq_u64_f64, vshlq_n_u32, vshlq_n_u64, vst1q_f32, vst1q_f64, vsubq_f32, vsubq_f64,
    },
    marker::PhantomData,
};

use super::{Index, Kernel, Lanes};
use crate::real::Real;

/// 128-bit vectors; the value proves NEON.
#[derive(Clone, Copy)]
pub struct Neon<T>(PhantomData<T>);

/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(crate) unsafe fn run<T: Real, K: Kernel<T>>(kernel: K) -> K::Output {
    // SAFETY: the caller's promise.
    kernel.vector(unsafe { T::Neon::assume() })
}

macro_rules! neon {
    (
        $real:ident, $vector:ident, $mask:ident, $lanes:literal, $splat:ident,
        {$($name:ident($($arg:ident),*) = $intrinsic:ident;)*},
        $fma:ident, $fnma:ident, $less:ident, $equal:ident, $bsl:ident, $sign:expr,
        $to_int:ident, $from_int:ident, $shift:ident, $shift_by:literal, $add_int:ident,
        $load:ident, $store:ident, ($($lane:literal)*)
    ) => {
        impl Lanes for Neon<$real> {
            type Real = $real;
            type Narrow = Self;
            type Vector = $vector;
            type Mask = $mask;

            const LANES: usize = $lanes;
            const TILE_VECTORS: usize = 4;

            #[inline(always)]
            unsafe fn assume() -> Self {
                Self(PhantomData)
            }

            #[inline(always)]
            fn narrow(self) -> Self {
                self
            }

            #[inline(always)]
            fn splat(self, x: $real) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $splat(x) }
            }

            $(
                #[inline(always)]
                fn $name(self, $($arg: $vector),*) -> $vector {
                    // SAFETY: `self` proves the instructions.
                    unsafe { $intrinsic($($arg),*) }
                }
            )*

            #[inline(always)]
            fn fma(self, a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $fma(c, a, b) }
            }

            #[inline(always)]
            fn fnma(self, a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $fnma(c, a, b) }
            }

            #[inline(always)]
            fn copysign(self, a: $vector, sign: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $bsl($sign, sign, a) }
            }

            #[inline(always)]
            fn less(self, a: $vector, b: $vector) -> $mask {
                // SAFETY: `self` proves the instructions.
                unsafe { $less(a, b) }
            }

            #[inline(always)]
            fn equal(self, a: $vector, b: $vector) -> $mask {
                // SAFETY: `self` proves the instructions.
                unsafe { $equal(a, b) }
            }

            #[inline(always)]
            fn select(self, mask: $mask, a: $vector, b: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $bsl(mask, a, b) }
            }

            #[inline(always)]
            fn power_of_two(self, k_plus_magic: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe {
                    let exponent = $shift::<$shift_by>($to_int(k_plus_magic));
                    $from_int($add_int(exponent, $to_int($splat(1.0))))
                }
            }

            #[inline(always)]
            unsafe fn load(self, from: *const $real) -> $vector {
                // SAFETY: `self` proves the instructions; the caller promises a vector's worth of elements.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $real, a: $vector) {
                // SAFETY: `self` proves the instructions; the caller promises a vector's worth of elements.
                unsafe { $store(to, a) }
            }

            #[inline(always)]
            unsafe fn gather<I: Index>(self, table: *const $real, indices: *const I) -> $vector {
                // SAFETY: `self` proves the instructions; the caller promises valid indices.
                unsafe {
                    let lanes = [$(*table.add((*indices.add($lane)).widen())),*];
                    $load(lanes.as_ptr())
                }
            }
        }
    };
}

neon!(
    f32, float32x4_t, uint32x4_t, 4, vdupq_n_f32,
    {
        add(a, b) = vaddq_f32;
        sub(a, b) = vsubq_f32;
        mul(a, b) = vmulq_f32;
        div(a, b) = vdivq_f32;
        abs(a) = vabsq_f32;
    },
    vfmaq_f32, vfmsq_f32, vcltq_f32, vceqq_f32, vbslq_f32, vdupq_n_u32(1 << 31),
    vreinterpretq_u32_f32, vreinterpretq_f32_u32, vshlq_n_u32, 23, vaddq_u32,
    vld1q_f32, vst1q_f32, (0 1 2 3)
);

neon!(
    f64, float64x2_t, uint64x2_t, 2, vdupq_n_f64,
    {
        add(a, b) = vaddq_f64;
        sub(a, b) = vsubq_f64;
        mul(a, b) = vmulq_f64;
        div(a, b) = vdivq_f64;
        abs(a) = vabsq_f64;
    },
    vfmaq_f64, vfmsq_f64, vcltq_f64, vceqq_f64, vbslq_f64, vdupq_n_u64(1 << 63),
    vreinterpretq_u64_f64, vreinterpretq_f64_u64, vshlq_n_u64, 52, vaddq_u64,
    vld1q_f64, vst1q_f64, (0 1)
);
