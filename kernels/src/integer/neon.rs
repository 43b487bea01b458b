//! The products on NEON: bytes are widened to 16 bits and added in pairs.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vaddq_s32, vandq_u8, vdupq_n_s8, vdupq_n_s32, vdupq_n_u8, veorq_u8, vget_high_s8,
    vget_low_s8, vld1q_u8, vmull_s8, vpaddlq_s16, vpaddq_s32, vreinterpretq_s8_s32, vreinterpretq_s8_u8, vshlq_u8,
    vst1q_s32,
};

use super::panels::{BLOCK, Samples, UNITS, View};

/// Fields times samples by NEON.
#[target_feature(enable = "neon")]
pub(super) fn neon<const F: usize>(view: View<'_>, samples: Samples<'_>, y: &mut [i32]) {
    assert_eq!(view.bytes.len(), view.panels() * view.blocks * BLOCK, "panels of whole blocks");
    assert_eq!(samples.stride, view.blocks * 4 * F, "samples of whole blocks");
    for (sample, x) in samples.values.chunks_exact(samples.stride).enumerate() {
        // Bytes above 127 are no signed ones: less 128 they are, and that is added to the sums again.
        let repair = if F == 1 { 128 * x.iter().map(|&x| i32::from(x)).sum::<i32>() } else { 0 };
        for panel in 0..view.panels() {
            let (start, stride) = view.panel(panel);
            let mut sums = [vdupq_n_s32(repair); UNITS / 4];
            for (block, x) in x.chunks_exact(4 * F).enumerate() {
                let block = &view.bytes[start + block * stride..][..BLOCK];
                for (quarter, sum) in block.chunks_exact(16).zip(&mut sums) {
                    // SAFETY: `quarter` holds 16 bytes.
                    let quarter = unsafe { vld1q_u8(quarter.as_ptr()) };
                    for (f, four) in x.chunks_exact(4).enumerate() {
                        let field = if F == 1 {
                            veorq_u8(quarter, vdupq_n_u8(0x80))
                        } else {
                            let shift = vdupq_n_s8(-((f * (8 / F)) as i8));
                            vandq_u8(vshlq_u8(quarter, shift), vdupq_n_u8((0xFF_u16 >> (8 - 8 / F)) as u8))
                        };
                        let four = four.iter().rev().fold(0, |word, &x| word << 8 | u32::from(x as u8));
                        let x = vreinterpretq_s8_s32(vdupq_n_s32(four as i32));
                        *sum = vaddq_s32(*sum, products_of_four(vreinterpretq_s8_u8(field), x));
                    }
                }
            }
            let mut lanes = [0; UNITS];
            for (lanes, sum) in lanes.chunks_exact_mut(4).zip(sums) {
                // SAFETY: `lanes` holds four numbers of 32 bits.
                unsafe { vst1q_s32(lanes.as_mut_ptr(), sum) };
            }
            view.store(panel, sample, &lanes, y);
        }
    }
}

/// The sum of four products of bytes in each lane; no product leaves 16 bits.
#[inline]
#[target_feature(enable = "neon")]
fn products_of_four(field: int8x16_t, x: int8x16_t) -> int32x4_t {
    let low = vpaddlq_s16(vmull_s8(vget_low_s8(field), vget_low_s8(x)));
    let high = vpaddlq_s16(vmull_s8(vget_high_s8(field), vget_high_s8(x)));
    vpaddq_s32(low, high)
}
