//! The judge of the tests here: one batch, on every backend and in both forms, against the single verifiers.

use std::collections::HashMap;

use custody_crypto::{
    Backend, KeyError, Keyring, PackedItem, Scheme, Span, Threads, Verdict, verify_one,
};

use crate::oracle;

/// One item of a batch, owned.
#[derive(Clone, Debug)]
pub struct Item {
    pub key_id: String,
    pub message: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Item {
    pub fn new(key_id: &str, message: &[u8], signature: &[u8]) -> Self {
        Self {
            key_id: key_id.to_owned(),
            message: message.to_vec(),
            signature: signature.to_vec(),
        }
    }
}

/// One ring for each backend of this machine, all with the same keys.
pub struct Rings {
    rings: Vec<Keyring>,
    keys: HashMap<String, (Scheme, Vec<u8>)>,
}

impl Default for Rings {
    fn default() -> Self {
        Self {
            rings: Backend::available()
                .iter()
                .map(|backend| Keyring::with_backend(*backend))
                .collect(),
            keys: HashMap::new(),
        }
    }
}

impl Rings {
    /// Enrols everywhere, or nowhere with the one reason.
    pub fn enrol(&mut self, key_id: &str, scheme: Scheme, key: &[u8]) -> Result<(), KeyError> {
        let results: Vec<_> = self
            .rings
            .iter_mut()
            .map(|ring| ring.enrol(key_id, scheme, key))
            .collect();
        assert!(results.iter().all(|result| *result == results[0]));
        if results[0].is_ok() {
            self.keys.insert(key_id.to_owned(), (scheme, key.to_vec()));
        }
        results[0]
    }

    /// The verdicts of one batch: the same on every backend, packed, and over 1, 2 and 3 threads.
    pub fn batch(&self, items: &[Item]) -> Vec<Verdict> {
        let borrowed: Vec<(&str, &[u8], &[u8])> = items
            .iter()
            .map(|item| (item.key_id.as_str(), &item.message[..], &item.signature[..]))
            .collect();
        let (buffer, places) = pack(items);
        let mut agreed: Option<Vec<Verdict>> = None;
        for ring in &self.rings {
            let got = ring.verify_batch(&borrowed);
            assert_eq!(got.len(), items.len());
            let mut packed = vec![Verdict::Valid; 3];
            ring.verify_packed(&buffer, &places, &mut packed);
            same(&got, &packed, items, "the packed form");
            // A batch that is not worth a second thread gets none.
            let several: &[usize] = if items.len() >= 128 { &[2, 3] } else { &[] };
            for threads in several {
                let threads = Threads::new(*threads).unwrap();
                let split = ring.verify_batch_on(threads, &borrowed);
                same(&got, &split, items, "over several threads");
            }
            match &agreed {
                None => agreed = Some(got),
                Some(first) => same(first, &got, items, "another backend"),
            }
        }
        agreed.unwrap()
    }

    /// As `batch`, and item by item the verdict of the single verifier and of the libraries called right here.
    pub fn judge(&self, items: &[Item]) -> Vec<Verdict> {
        let verdicts = self.batch(items);
        for (item, verdict) in items.iter().zip(&verdicts) {
            let Item {
                key_id,
                message,
                signature,
            } = item;
            // One ring's is every ring's: no backend is in it.
            let one = self.rings[0].verify(key_id, message, signature);
            assert_eq!(*verdict, one, "{item:?}");
            let Some((scheme, key)) = self.keys.get(key_id) else {
                assert_eq!(*verdict, Verdict::UnknownKey);
                continue;
            };
            let single = verify_one(*scheme, key, message, signature);
            assert_eq!(verdict.is_valid(), single.is_ok(), "{scheme:?} {item:?}");
            let independent = oracle::accepts(*scheme, key, message, signature);
            assert_eq!(verdict.is_valid(), independent, "{scheme:?} {item:?}");
        }
        verdicts
    }
}

fn same(left: &[Verdict], right: &[Verdict], items: &[Item], what: &str) {
    for (index, (a, b)) in left.iter().zip(right).enumerate() {
        assert_eq!(
            a,
            b,
            "{what}, item {index} of {}: {:?}",
            items.len(),
            items[index]
        );
    }
    assert_eq!(left.len(), right.len());
}

fn pack(items: &[Item]) -> (Vec<u8>, Vec<PackedItem>) {
    let mut buffer = Vec::new();
    let mut place = |bytes: &[u8]| {
        let offset = u32::try_from(buffer.len()).unwrap();
        buffer.extend_from_slice(bytes);
        Span {
            offset,
            len: u32::try_from(bytes.len()).unwrap(),
        }
    };
    let places = items
        .iter()
        .map(|item| PackedItem {
            key_id: place(item.key_id.as_bytes()),
            message: place(&item.message),
            signature: place(&item.signature),
        })
        .collect();
    (buffer, places)
}
