//! The products on x86: VNNI multiplies and adds four bytes per lane at once; AVX2 takes two instructions for it.

#![expect(clippy::cast_ptr_alignment, reason = "the loads and stores are the unaligned ones")]

use std::arch::x86_64::{
    __m256i, __m512i, _mm_cvtsi32_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_srl_epi16, _mm256_storeu_si256, _mm512_add_epi32, _mm512_and_si512,
    _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_srai_epi32, _mm512_srl_epi16, _mm512_storeu_si512,
};

use super::panels::{BLOCK, Samples, UNITS, View};

/// Fields times samples by VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn vnni<const F: usize>(view: View<'_>, samples: Samples<'_>, y: &mut [i32]) {
    check(view, samples, 4 * F);
    let (panels, count) = (view.panels(), samples.values.len() / samples.stride);
    let mut sample = 0;
    while sample + 4 <= count {
        let mut panel = 0;
        while panel + 4 <= panels {
            vnni_tile::<F, 4, 4, 1>(view, samples, panel, sample, y);
            panel += 4;
        }
        while panel < panels {
            vnni_tile::<F, 1, 4, 1>(view, samples, panel, sample, y);
            panel += 1;
        }
        sample += 4;
    }
    while sample < count {
        let mut panel = 0;
        while panel + 8 <= panels {
            vnni_tile::<F, 8, 1, 2>(view, samples, panel, sample, y);
            panel += 8;
        }
        while panel + 4 <= panels {
            vnni_tile::<F, 4, 1, 2>(view, samples, panel, sample, y);
            panel += 4;
        }
        while panel < panels {
            vnni_tile::<F, 1, 1, 2>(view, samples, panel, sample, y);
            panel += 1;
        }
        sample += 1;
    }
}

/// `P` panels times `S` samples.
///
/// With `Q = 2`, two sums take turns over the fields, so that more additions are under way; of two fields per byte, the
/// upper one then stays where it is, 16 times too large, and its sum is shifted once at the end.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn vnni_tile<const F: usize, const P: usize, const S: usize, const Q: usize>(
    view: View<'_>,
    samples: Samples<'_>,
    panel: usize,
    sample: usize,
    y: &mut [i32],
) {
    let stays = F == 2 && Q == 2;
    let lowest = _mm512_set1_epi8((0xFF_u16 >> (8 - 8 / F)) as u8 as i8);
    let upper = _mm512_set1_epi8(0xF0_u8 as i8);
    let places: [(usize, usize); P] = std::array::from_fn(|p| view.panel(panel + p));
    let mut sums = [[[_mm512_setzero_si512(); Q]; S]; P];
    for block in 0..view.blocks {
        let mut x = [[_mm512_setzero_si512(); F]; S];
        for s in 0..S {
            for f in 0..F {
                let at = (sample + s) * samples.stride + 4 * (F * block + f);
                // SAFETY: `check` found rows of `4 F blocks` values; `sample + s` is below their number.
                let four = unsafe { samples.values.as_ptr().add(at).cast::<i32>().read_unaligned() };
                x[s][f] = _mm512_set1_epi32(four);
            }
        }
        for p in 0..P {
            let at = places[p].0 + block * places[p].1;
            // SAFETY: `check` found `bytes` to hold all panels of `blocks` blocks, which is where `panel` places the
            // blocks of these; `panel + p` and `block` are below their numbers.
            let bytes = unsafe { _mm512_loadu_si512(view.bytes.as_ptr().add(at).cast::<__m512i>()) };
            for f in 0..F {
                let field = match (F, f) {
                    (1, _) => bytes,
                    (_, 0) => _mm512_and_si512(bytes, lowest),
                    _ if stays => _mm512_and_si512(bytes, upper),
                    _ => {
                        let shift = _mm_cvtsi32_si128((f * (8 / F)) as i32);
                        _mm512_and_si512(_mm512_srl_epi16(bytes, shift), lowest)
                    }
                };
                for s in 0..S {
                    sums[p][s][f % Q] = _mm512_dpbusd_epi32(sums[p][s][f % Q], field, x[s][f]);
                }
            }
        }
    }
    for p in 0..P {
        for s in 0..S {
            let mut total = sums[p][s][0];
            for q in 1..Q {
                let other = if stays { _mm512_srai_epi32::<4>(sums[p][s][q]) } else { sums[p][s][q] };
                total = _mm512_add_epi32(total, other);
            }
            let mut lanes = [0; UNITS];
            // SAFETY: `lanes` holds 64 bytes.
            unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast::<__m512i>(), total) };
            view.store(panel + p, sample + s, &lanes, y);
        }
    }
}

/// Fields times samples by AVX2.
#[target_feature(enable = "avx2")]
pub(super) fn avx2<const F: usize>(view: View<'_>, samples: Samples<'_>, y: &mut [i32]) {
    check(view, samples, 4 * F);
    let (panels, count) = (view.panels(), samples.values.len() / samples.stride);
    let mut sample = 0;
    while sample + 2 <= count {
        (0..panels).for_each(|panel| avx2_tile::<F, 2>(view, samples, panel, sample, y));
        sample += 2;
    }
    if sample < count {
        (0..panels).for_each(|panel| avx2_tile::<F, 1>(view, samples, panel, sample, y));
    }
}

/// One panel times `S` samples.
#[inline]
#[target_feature(enable = "avx2")]
fn avx2_tile<const F: usize, const S: usize>(
    view: View<'_>,
    samples: Samples<'_>,
    panel: usize,
    sample: usize,
    y: &mut [i32],
) {
    let mask = _mm256_set1_epi8((0xFF_u16 >> (8 - 8 / F)) as u8 as i8);
    let (ones, even) = (_mm256_set1_epi16(1), _mm256_set1_epi16(0x00FF));
    let odd = _mm256_set1_epi16(-0x0100);
    let (start, stride) = view.panel(panel);
    let mut sums = [[_mm256_setzero_si256(); 2]; S];
    for block in 0..view.blocks {
        for half in 0..2 {
            let at = start + block * stride + 32 * half;
            // SAFETY: as in `vnni_tile`.
            let bytes = unsafe { _mm256_loadu_si256(view.bytes.as_ptr().add(at).cast::<__m256i>()) };
            for s in 0..S {
                let mut pairs = _mm256_setzero_si256();
                for f in 0..F {
                    let at = (sample + s) * samples.stride + 4 * (F * block + f);
                    // SAFETY: `check` found rows of `4 F blocks` values; `sample + s` is below their number.
                    let four = unsafe { samples.values.as_ptr().add(at).cast::<i32>().read_unaligned() };
                    let x = _mm256_set1_epi32(four);
                    if F == 1 {
                        // A product of bytes takes all of 16 bits: even and odd ones are added apart.
                        let low = _mm256_maddubs_epi16(bytes, _mm256_and_si256(x, even));
                        let high = _mm256_maddubs_epi16(bytes, _mm256_and_si256(x, odd));
                        let both = _mm256_add_epi32(_mm256_madd_epi16(low, ones), _mm256_madd_epi16(high, ones));
                        sums[s][half] = _mm256_add_epi32(sums[s][half], both);
                    } else {
                        let shift = _mm_cvtsi32_si128((f * (8 / F)) as i32);
                        let field = _mm256_and_si256(_mm256_srl_epi16(bytes, shift), mask);
                        // At most 2 * 15 * 128 each, and 2 of them, or more of smaller fields: within 16 bits.
                        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(field, x));
                    }
                }
                if F > 1 {
                    sums[s][half] = _mm256_add_epi32(sums[s][half], _mm256_madd_epi16(pairs, ones));
                }
            }
        }
    }
    for s in 0..S {
        let mut lanes = [0; UNITS];
        for half in 0..2 {
            let place = lanes[8 * half..8 * half + 8].as_mut_ptr().cast::<__m256i>();
            // SAFETY: `place` is eight numbers of 32 bits.
            unsafe { _mm256_storeu_si256(place, sums[s][half]) };
        }
        view.store(panel, sample + s, &lanes, y);
    }
}

/// What the loads above rely on.
fn check(view: View<'_>, samples: Samples<'_>, inputs_per_block: usize) {
    assert_eq!(view.bytes.len(), view.panels() * view.blocks * BLOCK, "panels of whole blocks");
    assert_eq!(samples.stride, view.blocks * inputs_per_block, "samples of whole blocks");
    assert!(samples.values.len().is_multiple_of(samples.stride), "whole samples");
}
