//! The PKCS#11 modules that this process has loaded: each is initialised once, with OS locking, and never by others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::Slot;

use crate::error::HsmError;
use crate::lock;

static MODULES: LazyLock<Mutex<BTreeMap<PathBuf, Arc<Module>>>> = LazyLock::new(Mutex::default);

/// A loaded and initialised module.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) context: Pkcs11,
    process: u32,
    open_labels: Mutex<BTreeSet<String>>,
}

impl Module {
    /// The module at `path`, initialised now or by an earlier call.
    pub(crate) fn load(path: &str) -> Result<Arc<Self>, HsmError> {
        let real = Path::new(path).canonicalize().map_err(|error| {
            HsmError::failed(format!("PKCS#11 module {path} cannot be read: {error}"))
        })?;
        let mut modules = lock(&MODULES);
        if let Some(module) = modules.get(&real) {
            module.check_process()?;
            return Ok(Arc::clone(module));
        }
        let context = Pkcs11::new(&real).map_err(|error| {
            HsmError::failed(format!("{path} is not a PKCS#11 module: {error}"))
        })?;
        // Without this flag the module may believe that there is one thread; SoftHSM2 then crashes.
        context
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .map_err(|error| match error {
                Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _) => HsmError::failed(format!(
                    "PKCS#11 module {path} was initialised by other code in this process, perhaps without locking"
                )),
                other => HsmError::during(format!("PKCS#11 module {path} does not start"))(other),
            })?;
        let module = Arc::new(Self {
            context,
            process: std::process::id(),
            open_labels: Mutex::default(),
        });
        modules.insert(real, Arc::clone(&module));
        Ok(module)
    }

    /// Refuses to go on in a forked child, where PKCS#11 leaves everything undefined.
    pub(crate) fn check_process(&self) -> Result<(), HsmError> {
        if self.is_forked() {
            return Err(HsmError::failed(
                "the process forked after the PKCS#11 module started; spawn a process instead",
            ));
        }
        Ok(())
    }

    pub(crate) fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// The one slot whose token has this label. Slot numbers change whenever a token is initialised.
    pub(crate) fn find_token(&self, label: &str) -> Result<Slot, HsmError> {
        self.check_process()?;
        let what = || format!("looking for token {label}");
        let slots = self
            .context
            .get_slots_with_initialized_token()
            .map_err(|error| HsmError::during(what())(error))?;
        let mut found = Vec::new();
        for slot in slots {
            let info = self
                .context
                .get_token_info(slot)
                .map_err(|error| HsmError::during(what())(error))?;
            if info.label() == label {
                found.push((slot, info));
            }
        }
        let more = found.len();
        match (found.pop(), more) {
            (Some((_, info)), 1) if info.user_pin_locked() => Err(HsmError::failed(format!(
                "the PIN of token {label} is locked"
            ))),
            (Some((slot, _)), 1) => Ok(slot),
            (None, _) => Err(HsmError::failed(format!("no token is labelled {label}"))),
            (Some(_), _) => Err(HsmError::failed(format!(
                "{more} tokens are labelled {label}; one must be"
            ))),
        }
    }

    /// Takes the label for one [`crate::Token`] at a time: login is of the process, so that a second one would
    /// succeed with any PIN.
    pub(crate) fn mark_open(self: &Arc<Self>, label: &str) -> Result<OpenMark, HsmError> {
        if !lock(&self.open_labels).insert(label.to_owned()) {
            return Err(HsmError::failed(format!(
                "token {label} is already open in this process"
            )));
        }
        Ok(OpenMark {
            module: Arc::clone(self),
            label: label.to_owned(),
        })
    }
}

/// Says that a token is open, until dropped.
#[derive(Debug)]
pub(crate) struct OpenMark {
    module: Arc<Module>,
    label: String,
}

impl Drop for OpenMark {
    fn drop(&mut self) {
        lock(&self.module.open_labels).remove(&self.label);
    }
}
