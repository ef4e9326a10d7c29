//! The shape of a batch changes no verdict: its size, its order, what else is in it, how often it is asked.

use custody_crypto::{Keyring, Verdict};

use crate::common::{Rng, Signer};
use crate::rings::{Item, Rings};

/// Two signers of every scheme, enrolled by `key-0` and so on.
fn enrolled(seed: u64) -> (Vec<Signer>, Rings) {
    let mut rng = Rng(seed);
    let mut signers = Signer::all(&mut rng);
    signers.extend(Signer::all(&mut rng));
    let mut rings = Rings::default();
    for (index, signer) in signers.iter().enumerate() {
        rings
            .enrol(
                &format!("key-{index}"),
                signer.scheme(),
                &signer.public_key(),
            )
            .unwrap();
    }
    (signers, rings)
}

fn sound(signers: &[Signer], index: usize, rng: &mut Rng) -> Item {
    let index = index % signers.len();
    let message = signers[index].message(rng);
    let signature = signers[index].sign(&message);
    Item::new(&format!("key-{index}"), &message, &signature)
}

/// The item with one bit wrong, in the last bytes: those of s, v, or a counter.
fn spoilt(item: &Item, rng: &mut Rng) -> Item {
    let mut bad = item.clone();
    let at = bad.signature.len() - 1 - rng.below(24);
    bad.signature[at] ^= 1 << rng.below(8);
    bad
}

fn every(verdicts: &[Verdict], expected: Verdict) -> bool {
    verdicts.iter().all(|verdict| *verdict == expected)
}

#[test]
fn sizes_around_eight_and_sixty_four_and_one_of_thousands() {
    let (signers, rings) = enrolled(1);
    let mut rng = Rng(2);
    let items: Vec<Item> = (0..4097).map(|i| sound(&signers, i, &mut rng)).collect();
    let sizes = [
        0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 255, 256, 257, 512, 1023, 4096, 4097,
    ];
    for size in sizes {
        let verdicts = rings.batch(&items[..size]);
        assert_eq!(verdicts.len(), size);
        assert!(every(&verdicts, Verdict::Valid), "{size}");
    }
}

#[test]
fn sizes_of_one_scheme_alone() {
    let (signers, rings) = enrolled(3);
    let mut rng = Rng(4);
    for (index, _) in signers.iter().enumerate().take(signers.len() / 2) {
        let good: Vec<Item> = (0..65).map(|_| sound(&signers, index, &mut rng)).collect();
        let bad: Vec<Item> = good.iter().map(|item| spoilt(item, &mut rng)).collect();
        // All lanes bad, of all widths: none accepts, and the next batch is judged as if there had been no such batch.
        for size in 0..=65 {
            assert!(every(&rings.batch(&good[..size]), Verdict::Valid));
            let verdicts = rings.batch(&bad[..size]);
            assert!(!verdicts.iter().any(|verdict| verdict.is_valid()), "{size}");
        }
        rings.judge(&bad);
    }
}

#[test]
fn zeros_alone_never_accept() {
    let (signers, rings) = enrolled(5);
    for size in [1, 7, 8, 9, 64, 300] {
        for (length, message) in [(64, 32), (65, 32), (64, 0)] {
            let items: Vec<Item> = (0..size)
                .map(|i| {
                    let key = format!("key-{}", i % signers.len());
                    Item::new(&key, &vec![0; message], &vec![0; length])
                })
                .collect();
            let verdicts = rings.batch(&items);
            assert!(!verdicts.iter().any(|verdict| verdict.is_valid()));
        }
    }
}

#[test]
fn one_bad_item_at_every_place_spoils_no_other() {
    let (signers, rings) = enrolled(6);
    let mut rng = Rng(7);
    let ones = signers.len() / 2;
    for index in 0..=ones {
        for size in [8, 9, 16, 64] {
            // The last round mixes the schemes.
            let good: Vec<Item> = (0..size)
                .map(|i| sound(&signers, if index == ones { i } else { index }, &mut rng))
                .collect();
            for place in 0..size {
                let mut items = good.clone();
                items[place] = spoilt(&items[place], &mut rng);
                let verdicts = rings.batch(&items);
                for (at, verdict) in verdicts.iter().enumerate() {
                    assert_eq!(
                        verdict.is_valid(),
                        at != place,
                        "place {place} of {size}, item {at}: {:?}",
                        items[at]
                    );
                }
            }
            // And one good item among bad ones.
            let bad: Vec<Item> = good.iter().map(|item| spoilt(item, &mut rng)).collect();
            for place in 0..size {
                let mut items = bad.clone();
                items[place] = good[place].clone();
                for (at, verdict) in rings.batch(&items).iter().enumerate() {
                    assert_eq!(verdict.is_valid(), at == place, "{place} of {size}, {at}");
                }
            }
        }
    }
}

/// Sound and spoilt items, items of unknown keys, of other lengths, and twice the same.
fn motley(signers: &[Signer], count: usize, rng: &mut Rng) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    while items.len() < count {
        let mut item = sound(signers, rng.below(signers.len()), rng);
        match rng.below(8) {
            0 | 1 => item = spoilt(&item, rng),
            2 => item.key_id = format!("nobody-{}", rng.below(10)),
            3 => item.signature.truncate(rng.below(64)),
            4 => item.signature.clear(),
            5 if !items.is_empty() => item = items[rng.below(items.len())].clone(),
            _ => {}
        }
        items.push(item);
    }
    items
}

#[test]
fn verdicts_move_with_their_items() {
    let (signers, rings) = enrolled(8);
    let mut rng = Rng(9);
    for size in [3, 8, 30, 129, 600] {
        let items = motley(&signers, size, &mut rng);
        let verdicts = rings.judge(&items);
        for _ in 0..4 {
            let mut order: Vec<usize> = (0..size).collect();
            for last in (1..size).rev() {
                order.swap(last, rng.below(last + 1));
            }
            let moved: Vec<Item> = order.iter().map(|from| items[*from].clone()).collect();
            for (from, verdict) in order.iter().zip(rings.batch(&moved)) {
                assert_eq!(verdicts[*from], verdict, "{:?}", items[*from]);
            }
        }
        // Any part of the batch, too.
        for _ in 0..4 {
            let start = rng.below(size);
            let end = start + rng.below(size - start + 1);
            assert_eq!(rings.batch(&items[start..end]), &verdicts[start..end]);
        }
    }
}

#[test]
fn the_same_item_has_one_verdict_however_often_and_among_whatever_it_is_asked() {
    let (signers, rings) = enrolled(10);
    let mut rng = Rng(11);
    let subjects = motley(&signers, 40, &mut rng);
    let expected = rings.judge(&subjects);
    for _ in 0..20 {
        let mut items = motley(&signers, 50, &mut rng);
        let places: Vec<usize> = subjects
            .iter()
            .map(|subject| {
                let at = rng.below(items.len());
                items[at] = subject.clone();
                at
            })
            .collect();
        let verdicts = rings.batch(&items);
        for (index, at) in places.iter().enumerate() {
            // A later subject may have taken the place.
            if !places[index + 1..].contains(at) {
                assert_eq!(verdicts[*at], expected[index], "{:?}", subjects[index]);
            }
        }
    }
    for (subject, expected) in subjects.iter().zip(expected) {
        let copies = vec![subject.clone(); 19];
        assert!(every(&rings.batch(&copies), expected), "{subject:?}");
    }
}

#[test]
fn a_revoked_key_is_unknown_in_the_next_batch_and_known_to_a_snapshot() {
    let mut rng = Rng(12);
    let signer = Signer::all(&mut rng).swap_remove(1);
    let message = signer.message(&mut rng);
    let signature = signer.sign(&message);
    for backend in custody_crypto::Backend::available() {
        let mut ring = Keyring::with_backend(*backend);
        ring.enrol("key", signer.scheme(), &signer.public_key())
            .unwrap();
        let snapshot = ring.clone();
        ring.revoke("key").unwrap();
        let items = vec![("key", &message[..], &signature[..]); 9];
        assert!(every(&ring.verify_batch(&items), Verdict::UnknownKey));
        assert!(every(&snapshot.verify_batch(&items), Verdict::Valid));
    }
}
