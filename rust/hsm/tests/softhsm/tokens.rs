//! Tokens of a real SoftHSM2 for one test process, and another PKCS#11 context on the same module.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Once};

use cryptoki::context::Pkcs11;
use cryptoki::object::Attribute;
use cryptoki::session::Session;
use custody_hsm::{AuthPin, HsmError, Token};
use secp256k1::ecdsa::Signature;
use secp256k1::{Message, PublicKey, Secp256k1};

pub const PIN: &str = "624-custody";

/// The tokens of this process, one per test, made before the module starts.
pub static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let parent = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("softhsm");
    // Nothing runs at the end of a test binary, so each run removes what ended ones left.
    for old in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(old.file_name()).exists() {
            let _ = std::fs::remove_dir_all(old.path());
        }
    }
    let directory = parent.join(std::process::id().to_string());
    let tokens = directory.join("tokens");
    std::fs::create_dir_all(&tokens).unwrap();
    let conf = directory.join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\n",
        tokens.display()
    );
    std::fs::write(&conf, text).unwrap();
    for label in [
        "login",
        "keys",
        "twins",
        "twins",
        "threads",
        "low-s",
        "extractable",
        "data",
        "gone",
        "repeat",
        "close",
    ] {
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--so-pin", "12345678"])
            .args(["--label", label, "--pin", PIN])
            .env("SOFTHSM2_CONF", &conf)
            .output()
            .expect("softhsm2-util is needed: apt-get install softhsm2");
        assert!(made.status.success(), "{made:?}");
    }
    directory
});

pub fn module() -> String {
    static CONF: Once = Once::new();
    CONF.call_once(|| {
        let conf = DIRECTORY.join("softhsm2.conf");
        // SAFETY: SoftHSM2 reads the environment when its module starts, which every test does after this line.
        unsafe { std::env::set_var("SOFTHSM2_CONF", conf) };
    });
    let multiarch = format!(
        "/usr/lib/{}-linux-gnu/softhsm/libsofthsm2.so",
        std::env::consts::ARCH
    );
    [
        "/usr/lib/softhsm/libsofthsm2.so",
        &multiarch,
        "/usr/lib64/softhsm/libsofthsm2.so",
    ]
    .into_iter()
    .find(|path| Path::new(path).exists())
    .expect("SoftHSM2 is needed: apt-get install softhsm2")
    .to_owned()
}

pub fn pin(text: &str) -> AuthPin {
    AuthPin::new(text.into())
}

pub fn open(label: &str) -> Token {
    Token::open(&module(), label, pin(PIN)).unwrap()
}

/// A session that the token under test knows nothing of, logged in with it.
pub fn intruder(label: &str) -> Session {
    let context = Pkcs11::new(PathBuf::from(module())).unwrap();
    let slot = context
        .get_slots_with_initialized_token()
        .unwrap()
        .into_iter()
        .find(|slot| context.get_token_info(*slot).unwrap().label() == label)
        .unwrap();
    context.open_rw_session(slot).unwrap()
}

pub fn reason<T: std::fmt::Debug>(result: Result<T, HsmError>) -> String {
    match result {
        Err(HsmError::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

pub fn destroy(session: &Session, label: &str) {
    for object in session
        .find_objects(&[Attribute::Label(label.into())])
        .unwrap()
    {
        session.destroy_object(object).unwrap();
    }
}

pub fn verifies(public: &[u8], digest: [u8; 32], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_compact(signature).unwrap();
    // libsecp256k1 refuses high-S.
    Secp256k1::new()
        .verify_ecdsa(
            Message::from_digest(digest),
            &signature,
            &PublicKey::from_slice(public).unwrap(),
        )
        .is_ok()
}
