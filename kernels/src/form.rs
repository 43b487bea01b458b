//! Which instruction set computes, and how a caller or the environment chooses it.

use std::{env, fmt, str::FromStr};

use thiserror::Error;

/// Environment variable that forces a form: `scalar`, `avx2`, `avx512` or `neon`.
pub const FORM_VARIABLE: &str = "FOREBAY_KERNEL";

/// An instruction set that this machine has.
///
/// A value is proof that the machine can run the form: there is no way to make one without asking the processor.
/// All forms return the same bits, so the choice is one of speed alone.
///
/// # Examples
/// ```
/// use forebay_kernels::Form;
///
/// assert!(Form::available().contains(&Form::best()));
/// assert_eq!("scalar".parse::<Form>(), Ok(Form::SCALAR));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Form(Kind);

/// The instruction sets that kernels are written for, fastest last within one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Scalar,
    Avx2,
    Avx512,
    Neon,
}

/// Why a form cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormError {
    /// The name is none of `scalar`, `avx2`, `avx512` and `neon`.
    #[error("kernel form '{name}' does not exist; available here: {}", list(available))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// What this machine has.
        available: Vec<Form>,
    },
    /// The form exists, but not on this machine.
    #[error("kernel form '{name}' is not available on this machine; available here: {}", list(available))]
    Unavailable {
        /// The name that was asked for.
        name: String,
        /// What this machine has.
        available: Vec<Form>,
    },
}

impl Form {
    /// The definition, in plain scalar code; every machine has it.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// The fastest form of this machine.
    pub fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::SCALAR)
    }

    /// All forms of this machine, slowest first; [`Form::SCALAR`] always leads.
    pub fn available() -> Vec<Self> {
        Kind::ALL.into_iter().filter(|kind| kind.is_supported_here()).map(Self).collect()
    }

    /// The form that [`FORM_VARIABLE`] forces, or the best one if it is not set.
    ///
    /// # Errors
    /// [`FormError`] if the variable names a form that does not exist or that this machine lacks.
    pub fn from_env() -> Result<Self, FormError> {
        match env::var_os(FORM_VARIABLE) {
            None => Ok(Self::best()),
            Some(name) => name.to_string_lossy().parse(),
        }
    }

    /// The name that [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    pub(crate) fn kind(self) -> Kind {
        self.0
    }
}

impl FromStr for Form {
    type Err = FormError;

    fn from_str(name: &str) -> Result<Self, FormError> {
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) else {
            return Err(FormError::Unknown { name: name.to_owned(), available: Self::available() });
        };
        if !kind.is_supported_here() {
            return Err(FormError::Unavailable { name: name.to_owned(), available: Self::available() });
        }
        Ok(Self(kind))
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({self})")
    }
}

impl Kind {
    const ALL: [Self; 4] = [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512];

    fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_supported_here(self) -> bool {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        match self {
            Self::Scalar => true,
            Self::Avx2 => avx2,
            Self::Avx512 => {
                avx2 && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
            }
            Self::Neon => false,
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn is_supported_here(self) -> bool {
        match self {
            Self::Scalar => true,
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn is_supported_here(self) -> bool {
        self == Self::Scalar
    }
}

fn list(forms: &[Form]) -> String {
    forms.iter().map(|form| form.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for form in Form::available() {
            assert_eq!(form.to_string().parse(), Ok(form));
        }
    }

    #[test]
    fn errors_list_what_is_available() {
        let unknown = "sse9".parse::<Form>().expect_err("no such form");
        assert!(unknown.to_string().starts_with("kernel form 'sse9' does not exist; available here: scalar"));
        let foreign = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
        let unavailable = foreign.parse::<Form>().expect_err("a form of another architecture");
        assert!(matches!(unavailable, FormError::Unavailable { .. }));
        assert!(unavailable.to_string().contains("scalar"));
    }
}
