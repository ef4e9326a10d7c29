//! Which instructions the engines run on; IFMA is a value that only the processor's own word can make.

use std::sync::OnceLock;

use thiserror::Error;

/// The variable that chooses for a whole process: `portable`, `ifma` or `auto`.
pub const BACKEND_VARIABLE: &str = "CUSTODY_CRYPTO_BACKEND";

/// An implementation of the field arithmetic. All give the same verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// 64-bit limbs on any processor.
    Portable,
    /// Eight lanes of 52-bit limbs by AVX-512 IFMA.
    Ifma(Ifma),
}

/// Proof that this processor has every instruction that `#[target_feature]` names in the IFMA engines:
/// `avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512ifma,bmi1,bmi2,lzcnt,popcnt,adx` and `avx2,fma,f16c`, which the
/// compiler takes to follow from AVX-512 but a hypervisor may hide.
///
/// Nothing but `Backend::available` makes one, so holding it is what makes a call of such a function sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ifma(());

/// Why there is no backend as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BackendError {
    /// The word is none of the three.
    #[error("no backend is named {0:?}: the words are portable, ifma and auto")]
    Unknown(String),
    /// The processor lacks the instructions.
    #[error("this processor has no AVX-512 IFMA: ask for portable or auto")]
    Unavailable,
    /// What the environment asks for is one of these.
    #[error("{BACKEND_VARIABLE}: {0}")]
    Variable(Box<BackendError>),
}

impl Backend {
    /// The backends that run on this processor, the quickest last.
    #[must_use]
    pub fn available() -> &'static [Self] {
        static BOTH: [Backend; 2] = [Backend::Portable, Backend::Ifma(Ifma(()))];
        static FOUND: OnceLock<&'static [Backend]> = OnceLock::new();
        FOUND.get_or_init(|| {
            let (portable, _) = BOTH.split_at(1);
            if has_ifma() { &BOTH } else { portable }
        })
    }

    /// The quickest that runs on this processor.
    #[must_use]
    pub fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// The one that `CUSTODY_CRYPTO_BACKEND` names, read once in a process; unset or empty is `auto`, the quickest.
    ///
    /// # Errors
    /// `BackendError` where the variable has another word or names what this processor cannot run: never another backend
    /// instead.
    pub fn chosen() -> Result<Self, BackendError> {
        static CHOSEN: OnceLock<Result<Backend, BackendError>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| match std::env::var_os(BACKEND_VARIABLE) {
                None => Ok(Self::best()),
                Some(word) if word.is_empty() => Ok(Self::best()),
                Some(word) => Self::from_name(&word.to_string_lossy())
                    .map_err(|error| BackendError::Variable(Box::new(error))),
            })
            .clone()
    }

    /// The backend of this name, or the quickest for `auto`.
    ///
    /// # Errors
    /// `BackendError` where there is no such name or this processor cannot run it.
    pub fn from_name(name: &str) -> Result<Self, BackendError> {
        match name {
            "auto" => Ok(Self::best()),
            "portable" => Ok(Self::Portable),
            "ifma" => Self::available()
                .iter()
                .copied()
                .find(|backend| matches!(backend, Self::Ifma(_)))
                .ok_or(BackendError::Unavailable),
            _ => Err(BackendError::Unknown(name.to_owned())),
        }
    }

    /// `portable` or `ifma`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Ifma(_) => "ifma",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_ifma() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512ifma")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("adx")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_ifma() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portable_backend_is_always_there_and_the_best_is_the_last() {
        assert_eq!(Backend::available().first(), Some(&Backend::Portable));
        assert_eq!(Backend::available().last(), Some(&Backend::best()));
        assert_eq!(Backend::from_name("auto"), Ok(Backend::best()));
        for backend in Backend::available() {
            assert_eq!(Backend::from_name(backend.name()), Ok(*backend));
        }
    }

    #[test]
    fn another_word_is_an_error_that_names_the_words() {
        for word in ["", "IFMA", "avx2", "portable ", "auto,ifma"] {
            let text = Backend::from_name(word).map_err(|error| error.to_string());
            assert_eq!(
                text,
                Err(format!(
                    "no backend is named {word:?}: the words are portable, ifma and auto"
                ))
            );
        }
        let of_variable = BackendError::Variable(Box::new(BackendError::Unavailable));
        assert!(
            of_variable
                .to_string()
                .starts_with("CUSTODY_CRYPTO_BACKEND: this processor")
        );
    }

    #[test]
    fn ifma_where_there_is_none_is_an_error_and_not_another_backend() {
        let named = Backend::from_name("ifma");
        if Backend::available().len() == 1 {
            assert_eq!(named, Err(BackendError::Unavailable));
        } else {
            assert_eq!(named.map(Backend::name), Ok("ifma"));
        }
    }
}
