//! All signatures of a request in one buffer, verified at once: an item's verdicts are its own, whatever the others' are.

use std::borrow::Cow;
use std::ops::Range;

use custody_crypto::{Keyring, PackedItem, Span, Verdict};
use custody_ledger::tags;
use custody_wire::{Hash, SignedType, put_signed_message, signing_input};

use crate::refusal::Refusal;

/// The signatures of a request, collected item by item.
#[derive(Default)]
pub(crate) struct Batch {
    buffer: Vec<u8>,
    signatures: Vec<PackedItem>,
}

/// Which of the batch's signatures are one item's.
pub(crate) type Place = Range<usize>;

/// A verdict for every signature of a batch.
pub(crate) struct Verdicts(Vec<Verdict>);

impl Batch {
    /// Adds an intent's signatures, each over the bytes that its key's scheme signs.
    pub(crate) fn add(
        &mut self,
        keyring: &Keyring,
        deployment: &Hash,
        intent: &[u8],
        signatures: &[(String, Vec<u8>)],
    ) -> Place {
        let start = self.signatures.len();
        let message = self.put(|out| {
            put_signed_message(out, SignedType::Intent, deployment, intent);
        });
        for (key_id, signature) in signatures {
            let packed = PackedItem {
                key_id: self.put(|out| out.extend_from_slice(key_id.as_bytes())),
                // Without a key, or a scheme that signs messages, the verdict does not depend on the message.
                message: self.input(keyring, key_id, message).unwrap_or(message),
                signature: self.put(|out| out.extend_from_slice(signature)),
            };
            self.signatures.push(packed);
        }
        start..self.signatures.len()
    }

    /// What the key signs for a message: the message itself, or its hash.
    fn input(&mut self, keyring: &Keyring, key_id: &str, message: Span) -> Option<Span> {
        let scheme = keyring.scheme(key_id)?;
        let input = signing_input(scheme.name(), message.of(&self.buffer)?).ok()?;
        match input {
            Cow::Borrowed(_) => Some(message),
            Cow::Owned(hash) => Some(self.put(|out| out.extend_from_slice(&hash))),
        }
    }

    /// Where the bytes now lie. Beyond 4 GiB, which no request reaches, they are a place that is in no buffer.
    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.buffer.len();
        write(&mut self.buffer);
        Span::between(start, self.buffer.len()).unwrap_or(Span::NOWHERE)
    }

    /// Verifies all of them.
    pub(crate) fn verify(&self, keyring: &Keyring) -> Verdicts {
        let mut verdicts = Vec::new();
        keyring.verify_packed(&self.buffer, &self.signatures, &mut verdicts);
        Verdicts(verdicts)
    }
}

impl Verdicts {
    /// Refuses an item by the first of its signatures that is not valid.
    pub(crate) fn check(
        &self,
        place: Place,
        signatures: &[(String, Vec<u8>)],
    ) -> Result<(), Refusal> {
        let verdicts = self.0.get(place).unwrap_or_default();
        for (index, (key_id, _)) in signatures.iter().enumerate() {
            let (tag, what) = match verdicts.get(index) {
                Some(Verdict::Valid) => continue,
                Some(Verdict::UnknownKey) => (tags::SIGNATURE_KEY, "key"),
                Some(Verdict::Invalid | Verdict::Malformed) | None => {
                    (tags::SIGNATURE_INVALID, "by key")
                }
            };
            let detail = format!("signatures: {what} {key_id:?}");
            return Err(Refusal::fix(tag, detail));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use custody_crypto::Scheme;
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    const DEPLOYMENT: Hash = [7; 32];

    fn signed(key: &SigningKey, intent: &[u8]) -> Vec<u8> {
        let message =
            custody_wire::signed_message(custody_wire::SignedType::Intent, &DEPLOYMENT, intent);
        key.sign(&message).to_bytes().to_vec()
    }

    #[test]
    fn an_item_is_refused_by_its_own_first_bad_signature_alone() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let mut keyring = Keyring::new();
        let public = key.verifying_key();
        keyring
            .enrol("a", Scheme::Ed25519, public.as_bytes())
            .unwrap();
        let good = |intent: &[u8]| ("a".to_owned(), signed(&key, intent));
        let bad = ("a".to_owned(), vec![0; 64]);
        let short = ("a".to_owned(), vec![0; 63]);
        let nobody = ("b".to_owned(), signed(&key, b"five"));
        let items: [(&[u8], Vec<_>, Option<&str>); 6] = [
            (b"one", vec![good(b"one")], None),
            (b"two", vec![good(b"one")], Some(tags::SIGNATURE_INVALID)),
            (
                b"three",
                vec![good(b"three"), bad, nobody.clone()],
                Some(tags::SIGNATURE_INVALID),
            ),
            (b"four", vec![short], Some(tags::SIGNATURE_INVALID)),
            (
                b"five",
                vec![good(b"five"), nobody],
                Some(tags::SIGNATURE_KEY),
            ),
            (b"six", vec![good(b"six")], None),
        ];
        let mut batch = Batch::default();
        let places = items
            .iter()
            .map(|(intent, signatures, _)| batch.add(&keyring, &DEPLOYMENT, intent, signatures))
            .collect::<Vec<_>>();
        let verdicts = batch.verify(&keyring);
        for (place, (_, signatures, expected)) in places.into_iter().zip(items) {
            let refused = verdicts.check(place, &signatures).err();
            assert_eq!(refused.map(|refusal| refusal.tag), expected);
        }
    }

    #[test]
    fn a_verdict_that_is_missing_refuses() {
        let verdicts = Verdicts(vec![Verdict::Valid]);
        let signatures = [("a".to_owned(), Vec::new()), ("a".to_owned(), Vec::new())];
        assert!(verdicts.check(0..2, &signatures).is_err());
        assert!(verdicts.check(0..1, &signatures).is_err());
        assert!(verdicts.check(0..1, &signatures[..1]).is_ok());
    }
}
