//! The tree against the standard library's set, and that it stays packed and flat.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::queue::tree::{FAN, Node, Tree};

/// Checks the counts, the order and that no leaf is deeper than another; answers with the depth.
fn check(node: &Node<u64, ()>) -> usize {
    let Node::Inner(children) = node else {
        return 0;
    };
    let depths: BTreeSet<usize> = children.iter().map(|child| check(&child.node)).collect();
    for child in children {
        assert_eq!(child.count, child.node.count());
        assert!(child.count > 0 && child.first <= child.node.first().unwrap());
    }
    assert!(children.is_sorted_by_key(|child| child.first));
    assert!(children.len() <= FAN && depths.len() == 1);
    depths.first().unwrap() + 1
}

fn entries(tree: &Tree<u64, ()>) -> Vec<u64> {
    let mut all = Vec::new();
    tree.visit(|entry| {
        all.push(*entry);
        true
    });
    all
}

proptest! {
    #[test]
    fn it_is_the_set_that_the_standard_library_has(
        steps in prop::collection::vec((0..600_u64, prop::bool::weighted(0.6)), 1..1_500),
    ) {
        let (mut tree, mut set) = (Tree::<u64, ()>::new(0), BTreeSet::new());
        for (entry, add) in steps {
            if add && set.insert(entry) {
                tree.insert(entry, &());
            } else if !add {
                prop_assert_eq!(tree.remove(&entry), set.remove(&entry));
            }
            prop_assert_eq!(tree.rank(&entry), set.range(..entry).count());
        }
        check(&tree.root.node);
        prop_assert_eq!(tree.len(), set.len());
        prop_assert_eq!(entries(&tree), set.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn what_grows_at_its_end_is_packed_and_what_empties_is_given_back() {
    let mut tree = Tree::<u64, ()>::new(0);
    for entry in 0..4_000 {
        tree.insert(entry, &());
    }
    assert!(tree.bytes() < 4_000 * 2 * size_of::<u64>() + 4_000 * 10);
    assert_eq!(check(&tree.root.node), 3);
    for entry in (0..4_000).filter(|entry| entry % 50 != 0) {
        assert!(tree.remove(&entry));
    }
    check(&tree.root.node);
    assert!(tree.bytes() < 4_000 * 8 / 4, "{}", tree.bytes());
    for entry in (0..4_000).filter(|entry| entry % 50 == 0) {
        assert!(tree.remove(&entry));
    }
    assert_eq!((tree.len(), tree.remove(&0)), (0, false));
    assert!(matches!(tree.root.node, Node::Leaf(_)));
}
