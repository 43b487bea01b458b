//! Which products of features a products node forms (next-generation reservoirs, squared states).

use serde::{Deserialize, Serialize};

/// A set of monomials over the features of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Products {
    /// All distinct monomials of exactly this degree (2 to 4): for degree 2 the upper triangle `s_i s_j`, `i <= j`,
    /// in lexicographic order. Width `C(n + degree - 1, degree)`.
    ///
    /// Source: Gauthier, Bollt, Griffith, Barbosa, Nature Communications 12, 5564 (2021), equation 6.
    Unique {
        /// Number of factors.
        degree: usize,
    },
    /// Each feature's square, `s_i^2`. Width n.
    Squares,
    /// Every second feature squared, the others as they are: `s_0, s_1^2, s_2, ..`. Width n.
    ///
    /// Breaks the sign symmetry of a tanh reservoir without more features. Source: Pathak, Hunt, Girvan, Lu, Ott,
    /// Physical Review Letters 120, 024102 (2018).
    AlternateSquares,
}

impl Products {
    /// Number of products of `n` features; `None` if it overflows or the degree is out of range.
    pub fn width(self, n: usize) -> Option<usize> {
        match self {
            Self::Unique { degree } if (2..=4).contains(&degree) => {
                // C(n + k - 1, k), multiplied out so that every intermediate division is exact.
                (1..=degree).try_fold(1usize, |acc, k| Some(acc.checked_mul(n + k - 1)? / k))
            }
            Self::Unique { .. } => None,
            Self::Squares | Self::AlternateSquares => Some(n),
        }
    }

    /// Calls `visit` with the feature indices of every product of `n` features, the last factor varying fastest.
    pub(crate) fn for_each(self, n: usize, mut visit: impl FnMut(&[u32])) {
        let n = n as u32;
        match self {
            Self::Unique { degree } => {
                let mut factors = vec![0; degree];
                while factors[0] < n {
                    visit(&factors);
                    // Next non-decreasing tuple: raise the last factor that can grow, level the ones behind it.
                    let grows = factors.iter().rposition(|&f| f + 1 < n).unwrap_or(0);
                    let value = factors[grows] + 1;
                    factors[grows..].fill(value);
                }
            }
            Self::Squares => (0..n).for_each(|i| visit(&[i, i])),
            Self::AlternateSquares => (0..n).for_each(|i| if i % 2 == 1 { visit(&[i, i]) } else { visit(&[i]) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Products;

    #[test]
    fn width_counts_the_factors() {
        for n in 1..7 {
            for products in [
                Products::Unique { degree: 2 },
                Products::Unique { degree: 3 },
                Products::Unique { degree: 4 },
                Products::Squares,
                Products::AlternateSquares,
            ] {
                let mut seen = std::collections::BTreeSet::new();
                products.for_each(n, |factors| assert!(seen.insert(factors.to_vec()), "{factors:?} twice"));
                assert_eq!(products.width(n), Some(seen.len()), "{products:?} of {n}");
                assert!(seen.iter().all(|f| f.is_sorted() && f.iter().all(|&i| (i as usize) < n)));
            }
        }
        assert_eq!(Products::Unique { degree: 2 }.width(6), Some(21));
        assert_eq!(Products::Unique { degree: 9 }.width(6), None);
        assert_eq!(Products::Unique { degree: 4 }.width(usize::MAX / 8), None);
    }
}
