//! Recursive least squares as it stands in the textbook, in numbers of more digits than f64.

use std::ops::{Add, Div, Mul, Sub};

use dashu_float::{Context, FBig, round::mode::HalfEven};

/// A number that the recursion can be written in.
pub(crate) trait Number:
    Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    fn of(value: f64) -> Self;
    fn near(&self) -> f64;
}

/// Two f64 whose sum is the number: 32 digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide(f64, f64);

impl Wide {
    fn sum(a: f64, b: f64) -> Self {
        let s = a + b;
        let t = s - a;
        Self(s, (a - (s - t)) + (b - t))
    }

    fn product(a: f64, b: f64) -> Self {
        let halves = |a: f64| {
            let t = 134_217_729.0 * a;
            let high = t - (t - a);
            (high, a - high)
        };
        let (p, (ah, al), (bh, bl)) = (a * b, halves(a), halves(b));
        Self(p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)
    }
}

impl Add for Wide {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        let (s, t) = (Self::sum(self.0, o.0), Self::sum(self.1, o.1));
        let r = Self::sum(s.0, s.1 + t.0);
        Self::sum(r.0, r.1 + t.1)
    }
}

impl Sub for Wide {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        self + Self(-o.0, -o.1)
    }
}

impl Mul for Wide {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        let p = Self::product(self.0, o.0);
        Self::sum(p.0, p.1 + (self.0 * o.1 + self.1 * o.0))
    }
}

impl Div for Wide {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let a = self.0 / o.0;
        let r = self - Self(a, 0.0) * o;
        let b = r.0 / o.0;
        let r = r - Self(b, 0.0) * o;
        Self::sum(a, b) + Self(r.0 / o.0, 0.0)
    }
}

impl Number for Wide {
    fn of(value: f64) -> Self {
        Self(value, 0.0)
    }

    fn near(&self) -> f64 {
        self.0
    }
}

/// 332 bits: 100 digits.
#[derive(Clone, Debug)]
pub(crate) struct Digits(FBig<HalfEven>);

const PRECISION: Context<HalfEven> = Context::new(332);

impl Add for Digits {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self(self.0 + o.0)
    }
}

impl Sub for Digits {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self(self.0 - o.0)
    }
}

impl Mul for Digits {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Self(self.0 * o.0)
    }
}

impl Div for Digits {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        Self(self.0 / o.0)
    }
}

impl Number for Digits {
    fn of(value: f64) -> Self {
        let exact = FBig::<HalfEven>::try_from(value).expect("finite");
        Self(exact.with_precision(PRECISION.precision()).value())
    }

    fn near(&self) -> f64 {
        self.0.to_f64().value()
    }
}

/// `k = P phi / (lambda + phi' P phi)`, `w += (y - w' phi) k`, `P = (P - k phi' P) / lambda`, one output.
pub(crate) struct Textbook<N> {
    features: usize,
    p: Vec<N>,
    w: Vec<N>,
    forgetting: N,
}

impl<N: Number> Textbook<N> {
    pub(crate) fn new(features: usize, forgetting: f64, ridge: f64) -> Self {
        let start = N::of(1.0) / N::of(ridge);
        let p = (0..features * features)
            .map(|i| if i % (features + 1) == 0 { start.clone() } else { N::of(0.0) })
            .collect();
        Self { features, p, w: vec![N::of(0.0); features], forgetting: N::of(forgetting) }
    }

    /// Corrects by one pair and gives the error before.
    pub(crate) fn update(&mut self, phi: &[f64], y: f64) -> f64 {
        let n = self.features;
        let phi: Vec<N> = phi.iter().map(|&x| N::of(x)).collect();
        let dot = |a: &[N], b: &[N]| a.iter().zip(b).fold(N::of(0.0), |s, (a, b)| s + a.clone() * b.clone());
        let p_phi: Vec<N> = self.p.chunks_exact(n).map(|row| dot(row, &phi)).collect();
        let divisor = self.forgetting.clone() + dot(&p_phi, &phi);
        let error = N::of(y) - dot(&self.w, &phi);
        let grow = N::of(1.0) / self.forgetting.clone();
        for i in 0..n {
            let gain = p_phi[i].clone() / divisor.clone();
            self.w[i] = self.w[i].clone() + error.clone() * gain.clone();
            for (j, p_phi) in p_phi.iter().enumerate().skip(i) {
                let next = (self.p[i * n + j].clone() - gain.clone() * p_phi.clone()) * grow.clone();
                self.p[j * n + i] = next.clone();
                self.p[i * n + j] = next;
            }
        }
        error.near()
    }

    pub(crate) fn weights(&self) -> Vec<f64> {
        self.w.iter().map(N::near).collect()
    }

    pub(crate) fn predict(&self, phi: &[f64]) -> f64 {
        self.w.iter().zip(phi).fold(N::of(0.0), |s, (w, x)| s + w.clone() * N::of(*x)).near()
    }
}
