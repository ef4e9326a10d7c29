//! The batch path allocates nothing for a body that is accepted.
#![allow(clippy::unwrap_used)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{bytes, list, text};
use custody_wire::{SignedType, check, parse_intent, put_signed_message, signed_message_sha256};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get().saturating_add(1)));
        // SAFETY: as asked of us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as asked of us.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get).saturating_sub(before)
}

#[test]
fn accepted_bodies_are_checked_without_allocating() {
    assert!(
        allocations(|| drop(std::hint::black_box(vec![1_u8]))) > 0,
        "the counter counts"
    );
    for case in list("accepted") {
        let signed_type = SignedType::from_name(text(&case, "type")).unwrap();
        let body = bytes(&case, "body");
        assert_eq!(
            allocations(|| check(signed_type.message(), &body).unwrap()),
            0,
            "{}",
            text(&case, "name")
        );
        let mut message = Vec::with_capacity(8192);
        let signed = allocations(|| {
            put_signed_message(&mut message, signed_type, &[7; 32], &body);
            std::hint::black_box(signed_message_sha256(signed_type, &[7; 32], &body));
        });
        assert_eq!(signed, 0);
        if signed_type == SignedType::Intent {
            assert_eq!(
                allocations(|| drop(std::hint::black_box(parse_intent(&body)))),
                0
            );
        }
    }
}
