//! AVX2 + FMA and AVX-512 vectors.

use std::{
    arch::x86_64::{
        __m256, __m256d, __m512, __m512d, __mmask8, __mmask16, _CMP_EQ_OQ, _CMP_LT_OQ, _mm256_add_epi32,
        _mm256_add_epi64, _mm256_add_pd, _mm256_add_ps, _mm256_and_pd, _mm256_and_ps, _mm256_andnot_pd,
        _mm256_andnot_ps, _mm256_blendv_pd, _mm256_blendv_ps, _mm256_castpd_si256, _mm256_castps_si256,
        _mm256_castsi256_pd, _mm256_castsi256_ps, _mm256_cmp_pd, _mm256_cmp_ps, _mm256_div_pd, _mm256_div_ps,
        _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_fnmadd_pd, _mm256_fnmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps,
        _mm256_mul_pd, _mm256_mul_ps, _mm256_or_pd, _mm256_or_ps, _mm256_set1_pd, _mm256_set1_ps, _mm256_setr_pd,
        _mm256_setr_ps, _mm256_slli_epi32, _mm256_slli_epi64, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_sub_pd,
        _mm256_sub_ps, _mm512_add_epi32, _mm512_add_epi64, _mm512_add_pd, _mm512_add_ps, _mm512_and_pd, _mm512_and_ps,
        _mm512_andnot_pd, _mm512_andnot_ps, _mm512_castpd_si512, _mm512_castps_si512, _mm512_castsi512_pd,
        _mm512_castsi512_ps, _mm512_cmp_pd_mask, _mm512_cmp_ps_mask, _mm512_div_pd, _mm512_div_ps, _mm512_fmadd_pd,
        _mm512_fmadd_ps, _mm512_fnmadd_pd, _mm512_fnmadd_ps, _mm512_loadu_pd, _mm512_loadu_ps, _mm512_mask_blend_pd,
        _mm512_mask_blend_ps, _mm512_mul_pd, _mm512_mul_ps, _mm512_or_pd, _mm512_or_ps, _mm512_set1_pd, _mm512_set1_ps,
        _mm512_setr_pd, _mm512_setr_ps, _mm512_slli_epi32, _mm512_slli_epi64, _mm512_storeu_pd, _mm512_storeu_ps,
        _mm512_sub_pd, _mm512_sub_ps,
    },
    marker::PhantomData,
};

use super::{Index, Kernel, Lanes};
use crate::real::Real;

/// 256-bit vectors; the value proves AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx2<T>(PhantomData<T>);

/// 512-bit vectors; the value proves AVX-512 F, VL, BW and DQ.
#[derive(Clone, Copy)]
pub struct Avx512<T>(PhantomData<T>);

/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn run_avx2<T: Real, K: Kernel<T>>(kernel: K) -> K::Output {
    // SAFETY: the caller's promise.
    kernel.vector(unsafe { T::Avx2::assume() })
}

/// # Safety
/// The processor has AVX2, FMA and AVX-512 F, VL, BW and DQ.
#[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
pub(crate) unsafe fn run_avx512<T: Real, K: Kernel<T>>(kernel: K) -> K::Output {
    // SAFETY: the caller's promise.
    kernel.vector(unsafe { T::Avx512::assume() })
}

/// Writes the operations whose bodies differ in the intrinsic's name only. Each of them is safe to call because
/// `self` proves the instructions.
macro_rules! operations {
    ($vector:ty, $splat:ident, $real:ty, $narrow:ident, {$($name:ident($($arg:ident),*) = $intrinsic:ident;)*}) => {
        #[inline(always)]
        unsafe fn assume() -> Self {
            Self(PhantomData)
        }

        #[inline(always)]
        fn narrow(self) -> Self::Narrow {
            $narrow(PhantomData)
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
    };
}

macro_rules! avx2 {
    (
        $real:ident, $vector:ident, $lanes:literal, $splat:ident, {$($simple:tt)*},
        $and:ident, $andnot:ident, $or:ident, $cmp:ident, $blend:ident,
        $to_int:ident, $from_int:ident, $shift:ident, $shift_by:literal, $add_int:ident,
        $load:ident, $store:ident, $set:ident($($lane:literal)*)
    ) => {
        impl Lanes for Avx2<$real> {
            type Real = $real;
            type Narrow = Self;
            type Vector = $vector;
            type Mask = $vector;

            const LANES: usize = $lanes;
            const TILE_VECTORS: usize = 2;

            operations!($vector, $splat, $real, Avx2, {$($simple)*});

            #[inline(always)]
            fn abs(self, a: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $andnot($splat(-0.0), a) }
            }

            #[inline(always)]
            fn copysign(self, a: $vector, sign: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $or($andnot($splat(-0.0), a), $and($splat(-0.0), sign)) }
            }

            #[inline(always)]
            fn less(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $cmp::<_CMP_LT_OQ>(a, b) }
            }

            #[inline(always)]
            fn equal(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $cmp::<_CMP_EQ_OQ>(a, b) }
            }

            #[inline(always)]
            fn select(self, mask: $vector, a: $vector, b: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $blend(b, a, mask) }
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
                unsafe { $set($(*table.add((*indices.add($lane)).widen())),*) }
            }
        }
    };
}

macro_rules! avx512 {
    (
        $real:ident, $narrow:ident, $vector:ident, $mask:ident, $lanes:literal, $splat:ident, {$($simple:tt)*},
        $and:ident, $andnot:ident, $or:ident, $cmp:ident, $blend:ident,
        $to_int:ident, $from_int:ident, $shift:ident, $shift_by:literal, $add_int:ident,
        $load:ident, $store:ident, $set:ident($($lane:literal)*)
    ) => {
        impl Lanes for Avx512<$real> {
            type Real = $real;
            // The instructions include those of AVX2.
            type Narrow = $narrow<$real>;
            type Vector = $vector;
            type Mask = $mask;

            const LANES: usize = $lanes;
            const TILE_VECTORS: usize = 4;

            operations!($vector, $splat, $real, $narrow, {$($simple)*});

            #[inline(always)]
            fn abs(self, a: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $andnot($splat(-0.0), a) }
            }

            #[inline(always)]
            fn copysign(self, a: $vector, sign: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $or($andnot($splat(-0.0), a), $and($splat(-0.0), sign)) }
            }

            #[inline(always)]
            fn less(self, a: $vector, b: $vector) -> $mask {
                // SAFETY: `self` proves the instructions.
                unsafe { $cmp::<_CMP_LT_OQ>(a, b) }
            }

            #[inline(always)]
            fn equal(self, a: $vector, b: $vector) -> $mask {
                // SAFETY: `self` proves the instructions.
                unsafe { $cmp::<_CMP_EQ_OQ>(a, b) }
            }

            #[inline(always)]
            fn select(self, mask: $mask, a: $vector, b: $vector) -> $vector {
                // SAFETY: `self` proves the instructions.
                unsafe { $blend(mask, b, a) }
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
                unsafe { $set($(*table.add((*indices.add($lane)).widen())),*) }
            }
        }
    };
}

avx2!(
    f32, __m256, 8, _mm256_set1_ps,
    {
        add(a, b) = _mm256_add_ps;
        sub(a, b) = _mm256_sub_ps;
        mul(a, b) = _mm256_mul_ps;
        div(a, b) = _mm256_div_ps;
        fma(a, b, c) = _mm256_fmadd_ps;
        fnma(a, b, c) = _mm256_fnmadd_ps;
    },
    _mm256_and_ps, _mm256_andnot_ps, _mm256_or_ps, _mm256_cmp_ps, _mm256_blendv_ps,
    _mm256_castps_si256, _mm256_castsi256_ps, _mm256_slli_epi32, 23, _mm256_add_epi32,
    _mm256_loadu_ps, _mm256_storeu_ps, _mm256_setr_ps(0 1 2 3 4 5 6 7)
);

avx2!(
    f64, __m256d, 4, _mm256_set1_pd,
    {
        add(a, b) = _mm256_add_pd;
        sub(a, b) = _mm256_sub_pd;
        mul(a, b) = _mm256_mul_pd;
        div(a, b) = _mm256_div_pd;
        fma(a, b, c) = _mm256_fmadd_pd;
        fnma(a, b, c) = _mm256_fnmadd_pd;
    },
    _mm256_and_pd, _mm256_andnot_pd, _mm256_or_pd, _mm256_cmp_pd, _mm256_blendv_pd,
    _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_slli_epi64, 52, _mm256_add_epi64,
    _mm256_loadu_pd, _mm256_storeu_pd, _mm256_setr_pd(0 1 2 3)
);

avx512!(
    f32, Avx2, __m512, __mmask16, 16, _mm512_set1_ps,
    {
        add(a, b) = _mm512_add_ps;
        sub(a, b) = _mm512_sub_ps;
        mul(a, b) = _mm512_mul_ps;
        div(a, b) = _mm512_div_ps;
        fma(a, b, c) = _mm512_fmadd_ps;
        fnma(a, b, c) = _mm512_fnmadd_ps;
    },
    _mm512_and_ps, _mm512_andnot_ps, _mm512_or_ps, _mm512_cmp_ps_mask, _mm512_mask_blend_ps,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_slli_epi32, 23, _mm512_add_epi32,
    _mm512_loadu_ps, _mm512_storeu_ps, _mm512_setr_ps(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
);

avx512!(
    f64, Avx512, __m512d, __mmask8, 8, _mm512_set1_pd,
    {
        add(a, b) = _mm512_add_pd;
        sub(a, b) = _mm512_sub_pd;
        mul(a, b) = _mm512_mul_pd;
        div(a, b) = _mm512_div_pd;
        fma(a, b, c) = _mm512_fmadd_pd;
        fnma(a, b, c) = _mm512_fnmadd_pd;
    },
    _mm512_and_pd, _mm512_andnot_pd, _mm512_or_pd, _mm512_cmp_pd_mask, _mm512_mask_blend_pd,
    _mm512_castpd_si512, _mm512_castsi512_pd, _mm512_slli_epi64, 52, _mm512_add_epi64,
    _mm512_loadu_pd, _mm512_storeu_pd, _mm512_setr_pd(0 1 2 3 4 5 6 7)
);
