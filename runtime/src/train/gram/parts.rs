//! Sums of many series from those of each, and sums of some columns from those of all.

use super::{Gram, Shift, Sums};

impl Gram {
    /// The sums over the steps of all parts, shifted by the means over all of them.
    ///
    /// Sums are only added: what is left when one part is taken from a whole has lost digits to the part. Each part
    /// keeps the shift by its own means until here, so that a part far from the others costs them none:
    /// `sum (x - s)(x - s)' = sum x'x'' + d (sum x')' + (sum x') d' + n d d'` with `x' = x - s_part`, `d = s_part - s`.
    ///
    /// # Panics
    /// If rows of a part wait for their product.
    pub(in crate::train) fn sum<'a>(
        features: usize,
        outputs: usize,
        parts: impl Iterator<Item = &'a Self> + Clone,
    ) -> Self {
        let mut whole = Self::new(features, outputs);
        if let Some(part) = parts.clone().next() {
            whole.form = part.form;
        }
        whole.finish();
        let parts = parts.filter_map(|part| part.shift.as_ref().map(|shift| (part, shift)));
        assert!(parts.clone().all(|(part, _)| part.filled == 0 && part.finished.is_none()), "parts are flushed");
        whole.count = parts.clone().map(|(part, _)| part.count).sum();
        whole.weight = parts.clone().map(|(part, _)| part.weight).sum();
        let Some((_, first)) = parts.clone().next() else { return whole };
        let mut means = first.clone();
        for (part, shift) in parts.clone() {
            let n = whole.weight;
            for (means, first, shift, sums) in [
                (&mut means.features, &first.features, &shift.features, &part.sums.features),
                (&mut means.targets, &first.targets, &shift.targets, &part.sums.targets),
            ] {
                for (((mean, first), shift), sum) in means.iter_mut().zip(first).zip(shift).zip(sums) {
                    *mean += (part.weight * (shift - first) + sum) / n;
                }
            }
        }
        for (part, shift) in parts {
            let n = part.weight;
            let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
            let (dx, dy) = (apart(&shift.features, &means.features), apart(&shift.targets, &means.targets));
            let (to, from) = (&mut whole.sums, &part.sums);
            for (j, column) in whole.products.chunks_exact_mut(features.max(1)).enumerate() {
                let of_part = &part.products[j * features..(j + 1) * features];
                for i in j..features {
                    let cross = dx[i] * from.features[j] + dx[j] * from.features[i];
                    column[i] += of_part[i] + cross + n * dx[i] * dx[j];
                }
                to.features[j] += from.features[j] + n * dx[j];
            }
            for (o, dy) in dy.into_iter().enumerate() {
                for (i, dx) in dx.iter().enumerate() {
                    let cross = dx * from.targets[o] + dy * from.features[i];
                    to.cross[o * features + i] += from.cross[o * features + i] + cross + n * dx * dy;
                }
                to.squares[o] += from.squares[o] + dy * (2.0 * from.targets[o] + n * dy);
                to.targets[o] += from.targets[o] + n * dy;
            }
        }
        whole.shift = Some(means);
        whole
    }

    /// The sums of some features and outputs alone, in this order: the bits that they would have by themselves.
    ///
    /// # Panics
    /// If rows wait for their product.
    pub(in crate::train) fn part(&self, features: &[usize], outputs: &[usize]) -> Self {
        assert!(self.filled == 0 && self.finished.is_none(), "the whole is flushed");
        let n = self.features;
        let mut part = Self::new(features.len(), outputs.len()).with_form(self.form);
        (part.count, part.weight) = (self.count, self.weight);
        for (j, &column) in features.iter().enumerate() {
            for (i, &row) in features.iter().enumerate().skip(j) {
                // Only one triangle is there.
                part.products[j * features.len() + i] = self.products[column.min(row) * n + column.max(row)];
            }
        }
        let pick = |values: &[f64], places: &[usize]| places.iter().map(|&place| values[place]).collect::<Vec<f64>>();
        part.sums = Sums {
            cross: outputs.iter().flat_map(|&o| pick(&self.sums.cross[o * n..(o + 1) * n], features)).collect(),
            squares: pick(&self.sums.squares, outputs),
            features: pick(&self.sums.features, features),
            targets: pick(&self.sums.targets, outputs),
        };
        let shift =
            |shift: &Shift| Shift { features: pick(&shift.features, features), targets: pick(&shift.targets, outputs) };
        part.shift = self.shift.as_ref().map(shift);
        part.finish();
        part
    }
}
