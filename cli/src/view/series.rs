//! Series as pieces that can be drawn.

/// Neighbours without a gap between them; none is a gap.
pub(super) fn runs<T>(items: impl Iterator<Item = Option<T>>) -> Vec<Vec<T>> {
    let (mut runs, mut run) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Some(item) => run.push(item),
            None if run.is_empty() => {}
            None => runs.push(std::mem::take(&mut run)),
        }
    }
    if !run.is_empty() {
        runs.push(run);
    }
    runs
}

/// The same line with few points: of those above one point of the horizontal axis the first, the lowest, the highest and the last.
pub(super) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        if group.len() <= 4 {
            kept.extend(group);
            continue;
        }
        let by_height = |a: &usize, b: &usize| group[*a].1.total_cmp(&group[*b].1);
        let last = group.len() - 1;
        let mut places = [0, (0..last).min_by(by_height).unwrap_or(0), (0..last).max_by(by_height).unwrap_or(0), last];
        places.sort_unstable();
        kept.extend(places.map(|place| group[place]));
    }
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::{runs, thinned};

    #[test]
    fn gaps_part_runs() {
        let items = [None, Some(1), Some(2), None, None, Some(3)];
        assert_eq!(runs(items.into_iter()), [vec![1, 2], vec![3]]);
        assert!(runs([None::<u8>, None].into_iter()).is_empty());
    }

    #[test]
    fn a_thinned_line_keeps_its_extremes() {
        let points: Vec<(f64, f64)> = (0..10_000).map(|t| (f64::from(t) * 0.01, f64::from(t * 7919 % 1000))).collect();
        let kept = thinned(&points);
        assert!(kept.len() <= 400, "{}", kept.len());
        for x in 0..100 {
            let of = |points: &[(f64, f64)]| {
                let here = points.iter().filter(|point| point.0.floor() == f64::from(x)).map(|point| point.1);
                here.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)))
            };
            assert_eq!(of(&kept), of(&points), "{x}");
        }
        assert_eq!(thinned(&points[..4]), points[..4]);
    }
}
