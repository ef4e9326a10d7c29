//! One logged-in token: its sessions, and the keys seen in it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use crate::error::HsmError;
use crate::keys::Key;
use crate::lock;
use crate::module::{Module, OpenMark};

/// More idle sessions than this are closed: as many as threads that sign at once is enough.
const IDLE_SESSIONS: usize = 64;

/// A token that this process has logged into. Safe to share between threads.
pub struct Token {
    label: String,
    module: Arc<Module>,
    slot: Slot,
    open: RwLock<Option<Open>>,
    /// One change of the token at a time: "the label is free, so make the key" must not interleave.
    pub(crate) changes: Mutex<()>,
    pub(crate) keys: Mutex<HashMap<String, Arc<Key>>>,
    pub(crate) signature_calls: AtomicU64,
}

/// What is let go when the token is closed, in this order: login ends with the last session, then the label is free.
struct Open {
    idle: Mutex<Vec<Session>>,
    /// Never used for work, so it never fails: the login lasts as long as one session does.
    anchor: Mutex<Session>,
    _mark: OpenMark,
}

impl Token {
    /// Finds the token by its label and logs in. `pin` is wiped from memory when this returns.
    ///
    /// # Errors
    /// `Failed` when the module cannot be loaded, none or several tokens have the label, the PIN is wrong (it is
    /// tried once: real tokens lock), or the token is open in this process already.
    pub fn open(module_path: &str, label: &str, pin: AuthPin) -> Result<Self, HsmError> {
        let module = Module::load(module_path)?;
        let slot = module.find_token(label)?;
        let mark = module.mark_open(label)?;
        let anchor = module
            .context
            .open_ro_session(slot)
            .map_err(HsmError::during(format!("opening token {label}")))?;
        anchor
            .login(UserType::User, Some(&pin))
            .map_err(|error| login_error(label, error))?;
        Ok(Self {
            label: label.to_owned(),
            module,
            slot,
            open: RwLock::new(Some(Open {
                idle: Mutex::default(),
                anchor: Mutex::new(anchor),
                _mark: mark,
            })),
            changes: Mutex::default(),
            keys: Mutex::default(),
            signature_calls: AtomicU64::new(0),
        })
    }

    /// The token's label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How many signatures have been asked of the token through this object.
    #[must_use]
    pub fn signature_calls(&self) -> u64 {
        self.signature_calls.load(Ordering::SeqCst)
    }

    /// Waits for calls under way, closes every session and so logs out. Later calls fail; closing again does nothing,
    /// nor does closing in a forked child: the sessions are the parent's, and so may the lock's holder be.
    pub fn close(&self) {
        if self.module.is_forked() {
            return;
        }
        self.open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Runs `work` on a session that nobody else uses meanwhile; one that saw an error is never used again.
    pub(crate) fn with_session<T>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        self.module.check_process()?;
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_ref().ok_or_else(|| self.closed())?;
        let idle = lock(&open.idle).pop();
        let session = match idle {
            Some(session) => session,
            None => self
                .module
                .context
                .open_ro_session(self.slot)
                .map_err(HsmError::during(format!(
                    "opening a session of token {}",
                    self.label
                )))?,
        };
        let done = work(&session)?;
        let mut idle = lock(&open.idle);
        if idle.len() < IDLE_SESSIONS {
            idle.push(session);
        }
        Ok(done)
    }

    /// Runs `work` on a new read-write session, one caller at a time.
    pub(crate) fn with_changes<T>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, HsmError>,
    ) -> Result<T, HsmError> {
        self.module.check_process()?;
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().ok_or_else(|| self.closed())?;
        let _one = lock(&self.changes);
        let session = self
            .module
            .context
            .open_rw_session(self.slot)
            .map_err(HsmError::during(format!(
                "opening a session of token {}",
                self.label
            )))?;
        work(&session)
    }

    fn closed(&self) -> HsmError {
        HsmError::failed(format!("token {} is closed", self.label))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.module.is_forked() {
            // Closing the parent's sessions here could close them there. Nobody else has this object: no lock is taken.
            let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(open.take());
        } else {
            self.close();
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open")
            .field("anchor", &self.anchor)
            .finish_non_exhaustive()
    }
}

fn login_error(label: &str, error: Error) -> HsmError {
    let Error::Pkcs11(code, _) = &error else {
        return HsmError::during(format!("logging in to token {label}"))(error);
    };
    match code {
        RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
            HsmError::failed(format!("wrong PIN for token {label}; not retried"))
        }
        RvError::PinLocked => HsmError::failed(format!("the PIN of token {label} is locked")),
        RvError::PinExpired => HsmError::failed(format!("the PIN of token {label} has expired")),
        RvError::UserPinNotInitialized => {
            HsmError::failed(format!("token {label} has no user PIN yet"))
        }
        RvError::UserAlreadyLoggedIn => HsmError::failed(format!(
            "other code in this process is logged in to token {label}, so that the PIN cannot be checked"
        )),
        _ => HsmError::during(format!("logging in to token {label}"))(error),
    }
}
