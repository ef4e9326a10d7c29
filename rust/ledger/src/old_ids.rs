//! Which references may have left memory: a split-block Bloom filter that grows, read by any thread while the writer
//! adds to it.
//!
//! It never says no to a reference that was added; it says yes to about one in a thousand others for each layer that
//! is in use, and such a one costs a look-up in the store and changes no answer. Each reference takes 16 bits. With 10^8
//! references it takes 260 MB and says yes to 0.55 % of others (measured: `a_hundred_million`).
//!
//! `generation` counts the facts that added anything. Whoever read it before asking, and finds it unchanged when the
//! request is decided, has asked about all that had left by then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::names::Name128;

mod saved;

pub(crate) use saved::Restoring;

/// References that the first layer is made for; each further one for twice as many as the one before.
const FIRST: u64 = 1 << 22;
/// Enough for 2^37 references.
const LAYERS: usize = 16;
/// A block is four words, one line of the cache; 16 references share it.
const BLOCK_WORDS: usize = 4;
const PER_BLOCK: u64 = 16;
/// Bits set in a block for each reference.
const BITS: usize = 8;

/// The filter.
#[derive(Debug, Default)]
pub struct OldIds {
    layers: [OnceLock<Box<[AtomicU64]>>; LAYERS],
    references: AtomicU64,
    generation: AtomicU64,
}

impl OldIds {
    /// How many facts added references to it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How many references were added, each as often as it was.
    #[must_use]
    pub fn references(&self) -> u64 {
        self.references.load(Ordering::Relaxed)
    }

    /// Whether a reference may have left memory; false is certain.
    #[must_use]
    pub fn contains(&self, key: &Name128) -> bool {
        let layers = self.layers.iter().map_while(OnceLock::get);
        layers.into_iter().any(|words| {
            block(words, key).is_some_and(|block| {
                let mut wanted = masks(key).into_iter().zip(block);
                wanted.all(|(mask, word)| word.load(Ordering::Relaxed) & mask == mask)
            })
        })
    }

    /// Bytes of memory that its layers take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let layers = self.layers.iter().filter_map(OnceLock::get);
        layers.fold(0, |sum, words| sum.saturating_add(size_of_val(&**words)))
    }

    /// Adds the references of one fact. The writer alone calls it.
    pub(crate) fn add(&self, keys: impl Iterator<Item = Name128>) {
        for key in keys {
            let count = self.references.fetch_add(1, Ordering::Relaxed);
            let (layer, size) = layer_of(count);
            let Some(layer) = self.layers.get(layer) else {
                continue; // 2^37 references: the memory for them was not there before.
            };
            let words = layer.get_or_init(|| words(size));
            if let Some(block) = block(words, &key) {
                for (word, mask) in block.iter().zip(masks(&key)) {
                    word.fetch_or(mask, Ordering::Relaxed);
                }
            }
        }
        self.generation.fetch_add(1, Ordering::Release);
    }
}

impl Clone for OldIds {
    fn clone(&self) -> Self {
        let made = Self::default();
        for (to, from) in made.layers.iter().zip(&self.layers) {
            if let Some(words) = from.get() {
                let copy = words
                    .iter()
                    .map(|word| AtomicU64::new(word.load(Ordering::Relaxed)));
                let copy: Box<[AtomicU64]> = copy.collect();
                to.get_or_init(|| copy);
            }
        }
        made.references.store(self.references(), Ordering::Relaxed);
        made.generation.store(self.generation(), Ordering::Release);
        made
    }
}

/// The ledger's own, which readers share; a copy of the ledger has another.
#[derive(Debug, Default)]
pub(crate) struct SharedOldIds(pub Arc<OldIds>);

impl Clone for SharedOldIds {
    fn clone(&self) -> Self {
        Self(Arc::new(OldIds::clone(&self.0)))
    }
}

/// The layer of the n-th reference, and how many that is made for.
fn layer_of(count: u64) -> (usize, u64) {
    let (mut layer, mut size, mut first) = (0_usize, FIRST, 0_u64);
    while count >= first.saturating_add(size) {
        first = first.saturating_add(size);
        size = size.saturating_mul(2);
        layer = layer.saturating_add(1);
    }
    (layer, size)
}

fn words(references: u64) -> Box<[AtomicU64]> {
    let blocks = references.checked_div(PER_BLOCK).unwrap_or(0);
    let count = usize::try_from(blocks)
        .unwrap_or(0)
        .saturating_mul(BLOCK_WORDS);
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

/// The block of a key: by its first eight bytes, which are as good as random.
fn block<'a>(words: &'a [AtomicU64], key: &Name128) -> Option<&'a [AtomicU64]> {
    let blocks = words.len().checked_div(BLOCK_WORDS)?;
    let [a, b, c, d, e, f, g, h, ..] = key.0;
    let place = u128::from(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    let index = place.checked_mul(u128::try_from(blocks).ok()?)? >> 64;
    let start = usize::try_from(index).ok()?.checked_mul(BLOCK_WORDS)?;
    words.get(start..start.checked_add(BLOCK_WORDS)?)
}

/// Two bits in each word of the block, one in either half: by the key's last eight bytes, five bits of each.
fn masks(key: &Name128) -> [u64; BLOCK_WORDS] {
    let mut masks = [0_u64; BLOCK_WORDS];
    let last = key.0.iter().skip(BITS);
    for (index, byte) in last.enumerate() {
        let half = if index & 1 == 0 { 0 } else { 32 };
        if let Some(mask) = masks.get_mut(index >> 1) {
            *mask |= 1 << (u64::from(byte & 31) | half);
        }
    }
    masks
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::float_arithmetic)]
mod tests {
    use super::*;

    fn key(kind: &str, n: u64) -> Name128 {
        Name128::reference(kind, &n.to_string())
    }

    #[test]
    fn what_was_added_is_found_and_few_others_are() {
        let old = OldIds::default();
        assert!(!old.contains(&key("a", 1)));
        assert_eq!((old.generation(), old.bytes()), (0, 0));
        old.add((0..100_000).map(|n| key("a", n)));
        assert!((0..100_000).all(|n| old.contains(&key("a", n))));
        assert_eq!((old.generation(), old.references()), (1, 100_000));
        let wrong = (0..100_000).filter(|n| old.contains(&key("b", *n))).count();
        assert!(
            wrong <= 2,
            "{wrong} of 100,000 in a filter that is 1/40 full"
        );
        let copy = old.clone();
        copy.add((0..10).map(|n| key("c", n)));
        assert!(copy.contains(&key("a", 7)) && copy.contains(&key("c", 7)));
        assert!(!old.contains(&key("c", 7)) && copy.generation() == 2);
    }

    #[test]
    fn each_layer_holds_twice_the_one_before() {
        assert_eq!(layer_of(0), (0, FIRST));
        assert_eq!(layer_of(FIRST - 1), (0, FIRST));
        assert_eq!(layer_of(FIRST), (1, 2 * FIRST));
        assert_eq!(layer_of(3 * FIRST), (2, 4 * FIRST));
        assert_eq!(layer_of(100_000_000).0, 4);
    }

    /// By the formula: a block's load is Poisson of mean 16, and a word half of 32 bits is hit by each with 1/32.
    fn expected(load: f64) -> f64 {
        let (mut probability, mut sum, mut n) = ((-load).exp(), 0.0, 0.0);
        while n < 100.0 {
            sum += probability * (1.0 - (1.0_f64 - 1.0 / 32.0).powf(n)).powi(8);
            n += 1.0;
            probability *= load / n;
        }
        sum
    }

    #[test]
    fn a_full_layer_says_yes_as_often_as_the_formula_has_it() {
        let (old, count) = (OldIds::default(), FIRST);
        // Uniform keys without a million hashes: an odd multiplier walks all 128-bit numbers.
        let at = |n: u64, add: u128| {
            let spread =
                (u128::from(n) + add).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let mixed =
                (spread ^ (spread >> 61)).wrapping_mul(0xda94_2042_e4dd_58b5_2c1b_3c6d_0b6f_5e3d);
            Name128((mixed ^ (mixed >> 59)).to_be_bytes())
        };
        old.add((0..count).map(|n| at(n, 0)));
        assert!((0..count).all(|n| old.contains(&at(n, 0))));
        let asked = 1_000_000;
        let wrong = (0..asked)
            .filter(|n| old.contains(&at(*n, 1 << 80)))
            .count();
        let expected = expected(16.0) * 1_000_000.0;
        let found = f64::from(u32::try_from(wrong).unwrap_or(u32::MAX));
        assert!(
            (found - expected).abs() < 6.0 * expected.sqrt(),
            "{found}, expected {expected}"
        );
        assert!(expected < 2_000.0, "{expected} of a million");
    }

    #[test]
    #[ignore = "takes a minute: 10^8 ids"]
    fn a_hundred_million() {
        let (old, count) = (OldIds::default(), 100_000_000_u64);
        old.add((0..count).map(|n| key("a", n)));
        let wrong = (0..1_000_000)
            .filter(|n| old.contains(&key("b", *n)))
            .count();
        let bytes = old.bytes();
        println!("{wrong} of 1,000,000; {bytes} bytes for {count}");
        assert!((0..count).step_by(997).all(|n| old.contains(&key("a", n))));
        // Five layers, of 2^22 references and each of twice the one before: 16 bits for each that they are made for.
        assert_eq!(u64::try_from(bytes), Ok(31 * FIRST * 2));
        assert!(wrong < 6_000);
    }
}
