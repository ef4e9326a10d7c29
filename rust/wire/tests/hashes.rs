//! Tagged hashes, rows, records, leaves and Merkle proofs, against their written-out definitions.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::hex;
use custody_wire::merkle::{
    consistency_proof, inclusion_proof, leaf_hash, root, tree_hash, verify_consistency,
    verify_inclusion,
};
use custody_wire::{
    Hash, Part, build_record, governance_hash, journal_start, pack_leaf, policy_hash, record_root,
    route, row_hash, sha256, tagged_hash, unpack_leaf, unpack_record,
};

#[test]
fn tagged_hashes_are_their_definition() {
    let written =
        sha256(b"custody/some-tag/v1\0\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x03abc\0\0\0\0\0\0\0\0");
    assert_eq!(
        tagged_hash(
            "some-tag",
            &[Part::Int(258), Part::Bytes(b"abc"), Part::Bytes(b"")]
        ),
        written
    );
    assert_eq!(
        policy_hash(b"abc"),
        sha256(b"custody/policy/v1\0\0\0\0\0\0\0\0\x03abc")
    );
    assert_eq!(
        journal_start(&[7; 32], "server/main"),
        tagged_hash(
            "journal-start",
            &[Part::Bytes(&[7; 32]), Part::Bytes(b"server/main")]
        )
    );
    let statement = sha256(b"statement");
    assert_eq!(
        governance_hash(&[1; 32], 2, &statement),
        tagged_hash(
            "governance",
            &[Part::Bytes(&[1; 32]), Part::Int(2), Part::Bytes(&statement)]
        )
    );
    let mut row = b"custody/journal/v1\0".to_vec();
    row.extend([3; 32]);
    for number in [1_u64, 2, 40] {
        row.extend(number.to_be_bytes());
    }
    row.extend([4; 32]);
    assert_eq!(row_hash(&[3; 32], 1, 2, 40, &[4; 32]), sha256(&row));
}

#[test]
fn a_route_depends_on_the_set_of_wallets_alone() {
    let wallets = ["hot-1", "hot-2", "hot-3"];
    let mut hits = [0; 3];
    for n in 0..300 {
        let reference = format!("w-{n}");
        let chosen = route("backend", &reference, &wallets).unwrap();
        hits[chosen] += 1;
        let rank = |wallet: &str| {
            tagged_hash(
                "route",
                &["backend", &reference, wallet].map(|text| Part::Bytes(text.as_bytes())),
            )
        };
        assert!(
            wallets
                .iter()
                .all(|wallet| rank(wallet) <= rank(wallets[chosen]))
        );
        let turned = ["hot-3", "hot-1", "hot-2"];
        assert_eq!(
            turned[route("backend", &reference, &turned).unwrap()],
            wallets[chosen]
        );
    }
    assert!(hits.iter().all(|hit| *hit > 60), "{hits:?}");
    assert_eq!(route("backend", "w", &[]), None);
}

/// RFC 6962 section 2.1, word for word.
fn by_the_book(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [leaf] => leaf_hash(leaf),
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            let mut node = vec![1];
            node.extend(by_the_book(&leaves[..k]));
            node.extend(by_the_book(&leaves[k..]));
            sha256(&node)
        }
    }
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| format!("leaf {n}").into_bytes())
        .collect()
}

#[test]
fn trees_are_the_rfcs() {
    // The test vectors of certificate-transparency-go for these eight leaves.
    let known: Vec<Vec<u8>> = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    .into_iter()
    .map(common::unhex)
    .collect();
    assert_eq!(
        hex(&tree_hash(&known[..1])),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    assert_eq!(
        hex(&tree_hash(&known)),
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    );
    for count in 0..70 {
        assert_eq!(
            tree_hash(&leaves(count)),
            by_the_book(&leaves(count)),
            "{count}"
        );
    }
}

#[test]
fn inclusion_proofs_hold_for_their_leaf_and_place_only() {
    for count in 1..34 {
        let hashes: Vec<Hash> = leaves(count).iter().map(|leaf| leaf_hash(leaf)).collect();
        let (head, size) = (root(&hashes), u64::try_from(count).unwrap());
        for index in 0..count {
            let proof = inclusion_proof(&hashes, index).unwrap();
            for (at, hash) in hashes.iter().enumerate() {
                for place in 0..=size {
                    let right = at == index && place == u64::try_from(index).unwrap();
                    assert_eq!(
                        verify_inclusion(hash, place, size, &proof, &head),
                        right,
                        "{count} {index} {at} {place}"
                    );
                }
            }
            let (leaf, place) = (&hashes[index], u64::try_from(index).unwrap());
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!verify_inclusion(leaf, place, size, shorter, &head));
            }
            let longer: Vec<Hash> = proof.iter().copied().chain([head]).collect();
            assert!(!verify_inclusion(leaf, place, size, &longer, &head));
        }
        assert!(inclusion_proof(&hashes, count).is_none());
    }
}

#[test]
fn consistency_proofs_hold_for_their_two_trees_only() {
    for count in 1..34_usize {
        let hashes: Vec<Hash> = leaves(count).iter().map(|leaf| leaf_hash(leaf)).collect();
        let head = root(&hashes);
        for old in 1..=count {
            let proof = consistency_proof(&hashes, old).unwrap();
            let (old_size, size) = (u64::try_from(old).unwrap(), u64::try_from(count).unwrap());
            for other in 1..=count {
                let other_head = root(&hashes[..other]);
                assert_eq!(
                    verify_consistency(old_size, &other_head, size, &head, &proof),
                    other == old
                );
            }
            assert!(!verify_consistency(
                old_size,
                &root(&hashes[..old]),
                size,
                &[0; 32],
                &proof
            ));
            assert!(!verify_consistency(0, &sha256(b""), size, &head, &proof));
            let longer: Vec<Hash> = proof.iter().copied().chain([head]).collect();
            assert!(!verify_consistency(
                old_size,
                &root(&hashes[..old]),
                size,
                &head,
                &longer
            ));
        }
        assert!(
            consistency_proof(&hashes, 0).is_none()
                && consistency_proof(&hashes, count + 1).is_none()
        );
    }
}

#[test]
fn records_have_one_form_and_their_root_covers_every_leaf() {
    for count in 0..10 {
        let leaves = leaves(count);
        let (record, head) = build_record(b"header", &leaves).unwrap();
        let parts = unpack_record(&record).unwrap();
        assert_eq!(
            (parts.header, parts.leaves),
            (
                b"header".as_slice(),
                leaves.iter().map(Vec::as_slice).collect()
            )
        );
        assert_eq!(record_root(&record), Ok(head));
        let all: Vec<Vec<u8>> = std::iter::once(b"header".to_vec()).chain(leaves).collect();
        assert_eq!(head, by_the_book(&all));
    }
    // A leaf may be empty; a header may not.
    assert!(record_root(b"\x0a\x01h\x12\x00").is_ok());
    for bad in [
        b"".as_slice(),
        b"\x12\x01l",
        b"\x0a\x00",
        b"\x0a\x01h\x0a\x01h",
        b"\x0a\x01h\x12\x01l\x0a\x01h",
        b"\x0a\x01h\x1a\x01x",
        b"\x0a\x01h\x10\x01",
        b"\x0a\x81\x00h",
        b"\x0a\x02h",
        b"\x0a\x01h\x00",
    ] {
        assert!(record_root(bad).is_err(), "{bad:?}");
    }
    assert!(build_record::<Vec<u8>>(b"", &[]).is_err());
}

#[test]
fn leaves_come_apart_as_they_were_packed() {
    let mut leaf = Vec::new();
    pack_leaf(&mut leaf, b"out", b"intent", &[("k1", b"sig1"), ("", b"")]).unwrap();
    assert_eq!(
        leaf,
        b"\0\0\0\x03out\0\0\0\x06intent\0\0\0\x02k1\0\0\0\x04sig1\0\0\0\0\0\0\0\0"
    );
    let parts = unpack_leaf(&leaf).unwrap();
    assert_eq!(
        (parts.outcome, parts.intent),
        (b"out".as_slice(), b"intent".as_slice())
    );
    assert_eq!(parts.signatures, [("k1", b"sig1".as_slice()), ("", b"")]);
    let whole = [17, 17 + 14, leaf.len()];
    for end in 0..=leaf.len() {
        assert_eq!(
            unpack_leaf(&leaf[..end]).is_ok(),
            whole.contains(&end),
            "{end}"
        );
    }
    assert!(unpack_leaf(b"\0\0\0\0\0\0\0\0\0\0\0\x01\xff\0\0\0\0").is_err());
}
