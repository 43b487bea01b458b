//! A loop of 8-bit multiply-adds with 32-bit sums, by the best instruction that each form offers for them.

use crate::form::{Form, Kind};

/// `sum over i of x[i] * factor`, wrapping, for a factor of 0..=15: with it 16-bit pair sums cannot overflow.
pub(super) fn scaled_sum(form: Form, x: &[i8], factor: u8) -> i32 {
    debug_assert!(factor <= 15);
    let (body, tail) = x.split_at(x.len() - x.len() % BLOCK);
    let sum = match form.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 if is_x86_feature_detected!("avx512vnni") => {
            // SAFETY: the processor was just found to have VNNI, and AVX-512 F by the form.
            unsafe { x86::vnni(body, factor) }
        }
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a form of either kind exists only where the processor was found to have AVX2.
        Kind::Avx2 | Kind::Avx512 => unsafe { x86::avx2(body, factor) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a form of this kind exists only where the processor was found to have NEON.
        Kind::Neon => unsafe { neon::multiply_widen(body, factor) },
        _ => plain(body, factor),
    };
    sum.wrapping_add(plain(tail, factor))
}

/// Bytes of one round of the loops.
const BLOCK: usize = 512;

fn plain(x: &[i8], factor: u8) -> i32 {
    x.iter().fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x) * i32::from(factor)))
}

#[cfg(target_arch = "x86_64")]
#[expect(clippy::cast_ptr_alignment, reason = "the loads and stores are the unaligned ones")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
        _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_storeu_si256, _mm512_add_epi32,
        _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_setzero_si512,
    };

    use super::BLOCK;

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn vnni(x: &[i8], factor: u8) -> i32 {
        let factor = _mm512_set1_epi8(factor as i8);
        let mut sums = [_mm512_setzero_si512(); BLOCK / 64];
        for block in x.chunks_exact(BLOCK) {
            for (sum, x) in sums.iter_mut().zip(block.chunks_exact(64)) {
                // SAFETY: `x` holds 64 bytes.
                let x = unsafe { _mm512_loadu_si512(x.as_ptr().cast::<__m512i>()) };
                *sum = _mm512_dpbusd_epi32(*sum, factor, x);
            }
        }
        let [mut total, rest @ ..] = sums;
        for sum in rest {
            total = _mm512_add_epi32(total, sum);
        }
        _mm512_reduce_add_epi32(total)
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(x: &[i8], factor: u8) -> i32 {
        let factor = _mm256_set1_epi8(factor as i8);
        let ones = _mm256_set1_epi16(1);
        let mut sums = [_mm256_setzero_si256(); 8];
        for block in x.chunks_exact(sums.len() * 32) {
            for (sum, x) in sums.iter_mut().zip(block.chunks_exact(32)) {
                // SAFETY: `x` holds 32 bytes.
                let x = unsafe { _mm256_loadu_si256(x.as_ptr().cast::<__m256i>()) };
                let pairs = _mm256_maddubs_epi16(factor, x);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
            }
        }
        let [mut total, rest @ ..] = sums;
        for sum in rest {
            total = _mm256_add_epi32(total, sum);
        }
        let mut lanes = [0_i32; 8];
        // SAFETY: `lanes` holds 32 bytes.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast::<__m256i>(), total) };
        lanes.into_iter().fold(0, i32::wrapping_add)
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::{
        vaddq_s32, vaddvq_s32, vdup_n_s8, vdupq_n_s32, vget_high_s8, vget_low_s8, vld1q_s8, vmlal_s8, vmull_s8,
        vpadalq_s16,
    };

    #[target_feature(enable = "neon")]
    pub(super) fn multiply_widen(x: &[i8], factor: u8) -> i32 {
        let factor = vdup_n_s8(factor as i8);
        let mut sums = [vdupq_n_s32(0); 8];
        for block in x.chunks_exact(sums.len() * 16) {
            for (sum, x) in sums.iter_mut().zip(block.chunks_exact(16)) {
                // SAFETY: `x` holds 16 bytes.
                let x = unsafe { vld1q_s8(x.as_ptr()) };
                let pairs = vmlal_s8(vmull_s8(vget_low_s8(x), factor), vget_high_s8(x), factor);
                *sum = vpadalq_s16(*sum, pairs);
            }
        }
        let [mut total, rest @ ..] = sums;
        for sum in rest {
            total = vaddq_s32(total, sum);
        }
        vaddvq_s32(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_agree_for_all_lengths() {
        let x: Vec<i8> = (0..2000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as i8).collect();
        for form in Form::available() {
            for len in (0..2000).step_by(61) {
                assert_eq!(scaled_sum(form, &x[..len], 15), plain(&x[..len], 15), "{form}, {len}");
            }
            assert_eq!(scaled_sum(form, &[i8::MIN; 1024], 15), -1024 * 128 * 15, "{form}");
        }
    }
}
