//! The filter in a snapshot: runs of blocks. Only the layer that is being filled is written without its empty blocks, so
//! that reading takes at most about twice the memory of the bytes read, and 8 MiB.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{BLOCK_WORDS, LAYERS, OldIds, layer_of, words};
use crate::limits::stored::{Reader, Writer};

/// Blocks of one run.
const RUN: usize = 1_024;
const BLOCK: usize = BLOCK_WORDS * size_of::<u64>();

impl OldIds {
    /// Gives each run to `item`: its layer, first block and blocks.
    pub(crate) fn save(&self, mut item: impl FnMut(&dyn Fn(&mut Writer<'_>))) {
        let (last, _) = layer_of(self.references().saturating_sub(1));
        for (layer, words) in self.layers.iter().enumerate() {
            let Some(words) = words.get() else { break };
            let runs = words.chunks(BLOCK_WORDS * RUN).zip(0_usize..);
            for (run, number) in runs {
                let first = number.saturating_mul(RUN);
                if layer < last {
                    item(&|out| write(out, layer, first, run));
                    continue;
                }
                let blocks: Vec<&[AtomicU64]> = run.chunks(BLOCK_WORDS).collect();
                let is_empty = |block: &&[AtomicU64]| {
                    block.iter().all(|word| word.load(Ordering::Relaxed) == 0)
                };
                let mut first = first;
                for part in blocks.chunk_by(|one, next| is_empty(one) == is_empty(next)) {
                    if part.first().is_some_and(|block| !is_empty(block)) {
                        let start = first.saturating_sub(number.saturating_mul(RUN));
                        let words = start.saturating_mul(BLOCK_WORDS);
                        let end = words.saturating_add(part.len().saturating_mul(BLOCK_WORDS));
                        let run = run.get(words..end).unwrap_or_default();
                        item(&|out| write(out, layer, first, run));
                    }
                    first = first.saturating_add(part.len());
                }
            }
        }
    }
}

fn write(out: &mut Writer<'_>, layer: usize, first: usize, run: &[AtomicU64]) {
    out.byte(u8::try_from(layer).unwrap_or(u8::MAX));
    out.length(first);
    let mut blocks = Vec::with_capacity(size_of_val(run));
    for word in run {
        blocks.extend_from_slice(&word.load(Ordering::Relaxed).to_be_bytes());
    }
    out.length(run.len() / BLOCK_WORDS);
    (out.0)(&blocks);
}

/// A filter that is put together, run by run.
pub(crate) struct Restoring {
    old: OldIds,
    /// The layer that is filled last.
    last: usize,
    /// Where the next run may begin.
    layer: usize,
    next: usize,
}

impl Restoring {
    /// A filter that so many references were added to by so many facts. `None` for more than fit.
    pub fn new(references: u64, generation: u64) -> Option<Self> {
        let (last, _) = layer_of(references.saturating_sub(1));
        let counts = (references == 0) == (generation == 0) && generation <= references;
        (last < LAYERS && counts).then_some(())?;
        let old = OldIds::default();
        old.references.store(references, Ordering::Relaxed);
        old.generation.store(generation, Ordering::Release);
        Some(Self {
            old,
            last,
            layer: 0,
            next: 0,
        })
    }

    /// The next run.
    pub fn run(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let (layer, first) = (usize::from(from.byte()?), from.length()?);
        let count = from.length()?;
        let bytes = from.bytes(count.checked_mul(BLOCK)?)?;
        if layer != self.layer {
            let follows = self.layer.checked_add(1) == Some(layer) && self.is_full();
            follows.then_some(())?;
            (self.layer, self.next) = (layer, 0);
        }
        let whole = self.layer < self.last;
        let in_order = if whole {
            first == self.next
        } else {
            first >= self.next
        };
        let used = self.old.references.load(Ordering::Relaxed) > 0 && self.layer <= self.last;
        (in_order && used && count > 0).then_some(())?;
        let references = (super::FIRST).checked_shl(u32::try_from(layer).ok()?)?;
        let words = self
            .old
            .layers
            .get(layer)?
            .get_or_init(|| words(references));
        let start = first.checked_mul(BLOCK_WORDS)?;
        let end = start.checked_add(count.checked_mul(BLOCK_WORDS)?)?;
        for (word, bytes) in words.get(start..end)?.iter().zip(bytes.chunks_exact(8)) {
            let value = u64::from_be_bytes(bytes.try_into().ok()?);
            word.store(value, Ordering::Relaxed);
        }
        self.next = first.checked_add(count)?;
        Some(())
    }

    fn is_full(&self) -> bool {
        let words = self
            .old
            .layers
            .get(self.layer)
            .and_then(|layer| layer.get());
        words.is_some_and(|words| words.len() / BLOCK_WORDS == self.next)
    }

    /// The filter, when all layers are there.
    pub fn finish(self) -> Option<OldIds> {
        let there = match self.old.references() {
            0 => self.old.layers.iter().all(|layer| layer.get().is_none()),
            _ => self.layer == self.last && self.next > 0,
        };
        there.then_some(self.old)
    }
}
