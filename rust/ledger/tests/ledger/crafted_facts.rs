//! Facts that no `decide` makes: each poisons the ledger and changes no balance. Among them every way to make one pool
//! pay for another.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

use std::sync::Arc;

use crate::common::transfers::{deposit, order, pools, surplus, terms, transfer};
use crate::common::{ETH, NOW, candidate, renamed, submit};
use custody_ledger::{
    Answer, Assignment, End, Fact, Ledger, PayoutTerms, PendingName, Scope, SuspenseRelease,
    SweepTerms, TransferLeg, TransferOrder, TransferRefusal, TransferStatus, Ulid,
};

fn other_wallet(mut terms: PayoutTerms) -> PayoutTerms {
    terms.wallet = "hot-2".to_owned();
    terms
}

/// A withdrawal of 30 and a payout of another 10, a pending transfer of 20 and one that was posted, 3 in suspense, a deposit.
fn busy() -> (Ledger, Ulid) {
    let mut ledger = pools();
    let (_, queued) = submit(&mut ledger, candidate("queued", 1, 30), NOW);
    let (_, paid) = submit(&mut ledger, candidate("paid", 1, 10), NOW);
    let assigned = ledger.decide_assign(payout("p1", paid.unwrap(), 10, 0, 5), NOW);
    ledger.apply(&assigned.unwrap()).unwrap();
    let pend = |amount| TransferLeg::Pend {
        terms: terms("insurance", "margin", amount),
        expires_ms: NOW + 2 * crate::common::HOUR,
    };
    let first = order("first", vec![pend(15), pend(5), post("first", 2, 4)]);
    let answer = transfer(&mut ledger, first, NOW);
    assert_eq!(answer.statuses, [TransferStatus::Done; 3]);
    let found = ledger.decide_surplus(surplus(170, 174)).unwrap();
    ledger.apply(&found).unwrap();
    let release = ledger.decide_suspense_release(release("r1", 1)).unwrap();
    ledger.apply(&release).unwrap();
    ledger.apply(&credited(deposit(1, 6, "customers"))).unwrap();
    (ledger, queued.unwrap())
}

fn post(reference: &str, leg: u32, amount: u128) -> TransferLeg {
    TransferLeg::Post {
        pending: name(reference, leg),
        amount,
    }
}

fn name(reference: &str, leg: u32) -> PendingName {
    PendingName {
        reference: reference.to_owned(),
        leg,
    }
}

fn payout(
    payout: &str,
    id: Ulid,
    net_amount: u128,
    fee_charged: u128,
    fee_reserved: u128,
) -> PayoutTerms {
    PayoutTerms {
        payout: payout.to_owned(),
        wallet: "hot-1".to_owned(),
        items: vec![Assignment {
            id,
            net_amount,
            fee_charged,
        }],
        fee_asset: ETH.to_owned(),
        fee_reserved,
    }
}

fn release(id: &str, amount: u128) -> SuspenseRelease {
    SuspenseRelease {
        id: id.to_owned(),
        asset: ETH.to_owned(),
        amount,
        pool: "customers".to_owned(),
    }
}

fn credited(deposit: custody_ledger::Deposit) -> Fact {
    Fact::Deposited(deposit)
}

fn taken(reference: &str, legs: Vec<TransferLeg>) -> Fact {
    Fact::Transferred(order(reference, legs))
}

fn moved(from: &str, to: &str, amount: u128) -> Fact {
    taken("new", vec![TransferLeg::Move(terms(from, to, amount))])
}

fn refusal(reference: &str, leg: u32, status: TransferStatus) -> Fact {
    Fact::TransferRefused(TransferRefusal {
        initiator: "backend".to_owned(),
        reference: reference.to_owned(),
        body_sha256: [1; 32],
        legs: 2,
        leg,
        status,
    })
}

fn expired(initiator: &str, reference: &str, leg: u32) -> Fact {
    Fact::TransferExpired {
        initiator: initiator.to_owned(),
        pending: name(reference, leg),
    }
}

/// A withdrawal's fact as decided, then changed.
fn submitted(ledger: &Ledger, pool: &str, amount: u128) -> Fact {
    let asked = Arc::new(candidate("made up", 1, 1));
    let mut wanted = renamed((*asked).clone(), |names| names.pool = pool.into());
    wanted.amount = amount;
    match ledger.decide_submission(&asked, &[], NOW, 7, 1).unwrap() {
        Answer::Decided { mut fact, .. } => {
            fact.candidate = Arc::new(wanted);
            Fact::Submitted(fact)
        }
        other => panic!("{other:?}"),
    }
}

fn crafted(ledger: &Ledger, queued: Ulid) -> Vec<(&'static str, Fact)> {
    let payout_of = |id| payout("p2", id, 30, 0, 1);
    let payout = |net, charged, fee| Fact::Assigned(payout("p2", queued, net, charged, fee));
    let posted = |fee_paid| Fact::Posted {
        payout: "p1".to_owned(),
        fee_paid,
    };
    let sweep = |amount, fee_cap| {
        Fact::SweepDeparted(SweepTerms {
            leg: "s1".to_owned(),
            from_wallet: "hot-1".to_owned(),
            to_wallet: "cold-1".to_owned(),
            asset: ETH.to_owned(),
            amount,
            fee_asset: ETH.to_owned(),
            fee_cap,
        })
    };
    let mut other = order("first", vec![post("first", 1, 1)]);
    other.initiator = "other".to_owned();
    let mut nothing = deposit(9, 0, "customers");
    let mut from_suspense = deposit(9, 4, "customers");
    from_suspense.from_suspense = true;
    nothing.output = 3;
    let mut names_nothing = order("new", vec![TransferLeg::Move(terms("house", "margin", 1))]);
    if let TransferLeg::Move(terms) = &mut names_nothing.legs[0] {
        terms.asset = String::new();
    }
    let open = |amount| Fact::Opened {
        wallet: "hot-1".to_owned(),
        asset: ETH.to_owned(),
        amount,
        pool: "customers".to_owned(),
    };
    let mut no_items = payout_of(queued);
    no_items.items.clear();
    let mut twice = payout_of(queued);
    twice.items.push(twice.items[0]);
    let mut itself = match sweep(1, 1) {
        Fact::SweepDeparted(terms) => terms,
        other => panic!("{other:?}"),
    };
    itself.to_wallet = "hot-1".to_owned();
    let pends_to = |to: &str| TransferLeg::Pend {
        terms: terms("house", to, 1),
        expires_ms: NOW + 2 * crate::common::HOUR,
    };
    let opened_for_nobody = Fact::Opened {
        wallet: "hot-3".to_owned(),
        asset: ETH.to_owned(),
        amount: 1,
        pool: "nobody".to_owned(),
    };
    let mut to_nobody = release("r2", 1);
    to_nobody.pool = "nobody".to_owned();
    vec![
        (
            "a payout of another wallet",
            Fact::Assigned(other_wallet(payout_of(queued))),
        ),
        ("a payout of nothing", Fact::Assigned(no_items)),
        ("a payout of one twice", Fact::Assigned(twice)),
        (
            "a payout of what another has",
            Fact::Assigned(PayoutTerms {
                items: ledger.payout("p1").unwrap().items.clone(),
                ..payout_of(queued)
            }),
        ),
        (
            "the end of what a payout has",
            Fact::Voided {
                id: ledger.payout("p1").unwrap().items[0].id,
                end: End::Cancelled,
            },
        ),
        ("a sweep of nothing", sweep(0, 1)),
        ("a sweep to itself", Fact::SweepDeparted(itself)),
        ("to a pool that nobody has", moved("house", "nobody", 1)),
        (
            "pending to a pool that nobody has",
            taken("new", vec![pends_to("nobody")]),
        ),
        (
            "a deposit to a pool that nobody has",
            credited(deposit(9, 1, "nobody")),
        ),
        (
            "a wallet opened for a pool that nobody has",
            opened_for_nobody,
        ),
        (
            "a release to a pool that nobody has",
            Fact::SuspenseReleased(to_nobody),
        ),
        // One pool pays for another.
        (
            "a withdrawal from a pool that has too little",
            submitted(ledger, "insurance", 2),
        ),
        (
            "a withdrawal from a pool that has nothing",
            submitted(ledger, "lending", 1),
        ),
        (
            "a withdrawal of what others hold",
            submitted(ledger, "customers", 68),
        ),
        ("a payout of more than was asked", payout(31, 0, 1)),
        ("a payout of less than was asked", payout(29, 0, 1)),
        ("a payout that deducts under HOUSE", payout(29, 1, 1)),
        ("a fee that the house does not have", payout(30, 0, 46)),
        ("a fee above what was reserved", posted(6)),
        ("a sweep whose fee the house does not have", sweep(1, 46)),
        ("a sweep of what is reserved", sweep(160, 10)),
        ("more than a pool has", moved("house", "customers", 46)),
        ("what is pending to arrive", moved("margin", "customers", 5)),
        (
            "what is pending to leave",
            moved("insurance", "customers", 2),
        ),
        ("beyond all numbers", moved("customers", "house", u128::MAX)),
        (
            "from a pool that never was",
            moved("nobody", "customers", 1),
        ),
        ("from a pool to itself", moved("house", "house", 1)),
        ("nothing", moved("house", "customers", 0)),
        ("to no pool", moved("house", "", 1)),
        ("of no asset", Fact::Transferred(names_nothing)),
        (
            "more than is pending",
            taken("new", vec![post("first", 1, 16)]),
        ),
        (
            "nothing of what is pending",
            taken("new", vec![post("first", 1, 0)]),
        ),
        ("what was posted", taken("new", vec![post("first", 2, 1)])),
        ("what only posts", taken("new", vec![post("first", 3, 1)])),
        ("another's", Fact::Transferred(other)),
        (
            "twice in one order",
            taken("new", vec![post("first", 1, 1), post("first", 1, 1)]),
        ),
        ("an order again", taken("first", vec![post("first", 1, 1)])),
        ("an order of nothing", taken("new", vec![])),
        (
            "a good leg and a bad one",
            taken(
                "new",
                vec![
                    TransferLeg::Move(terms("house", "customers", 1)),
                    TransferLeg::Move(terms("lending", "customers", 1)),
                ],
            ),
        ),
        ("expiry of what was posted", expired("backend", "first", 2)),
        ("expiry of another's", expired("other", "first", 1)),
        ("expiry of no leg", expired("backend", "first", 0)),
        (
            "a refusal after the answer",
            refusal("first", 1, TransferStatus::Overflow),
        ),
        (
            "a refusal of no leg",
            refusal("new", 3, TransferStatus::Overflow),
        ),
        (
            "a refusal of the leg before the first",
            refusal("new", 0, TransferStatus::Overflow),
        ),
        (
            "a refusal that consumes nothing",
            refusal("new", 1, TransferStatus::TooLate),
        ),
        (
            "a refusal of what was done",
            refusal("new", 1, TransferStatus::Done),
        ),
        // What we have is counted twice.
        ("a deposit again", credited(deposit(1, 6, "customers"))),
        (
            "a deposit again, of more",
            credited(deposit(1, 7, "customers")),
        ),
        ("a deposit of nothing", credited(nothing)),
        (
            "a deposit of more than is in suspense",
            credited(from_suspense),
        ),
        (
            "a deposit beyond all numbers",
            credited(deposit(9, u128::MAX, "customers")),
        ),
        ("a deposit to no pool", credited(deposit(9, 1, ""))),
        ("a surplus again", Fact::SurplusFound(surplus(170, 174))),
        ("no surplus", Fact::SurplusFound(surplus(180, 180))),
        (
            "a surplus that is a deficit",
            Fact::SurplusFound(surplus(180, 179)),
        ),
        ("a release again", Fact::SuspenseReleased(release("r1", 1))),
        (
            "a release of more than is there",
            Fact::SuspenseReleased(release("r2", 4)),
        ),
        (
            "a release of nothing",
            Fact::SuspenseReleased(release("r2", 0)),
        ),
        ("a wallet opened again", open(1)),
    ]
}

#[test]
fn each_poisons_and_changes_nothing() {
    let (ledger, queued) = busy();
    ledger.conservation().unwrap();
    let before: Vec<_> = ledger.balances().collect();
    let hash = ledger.state_hash().unwrap();
    for (what, fact) in crafted(&ledger, queued) {
        let mut ledger = ledger.clone();
        assert!(ledger.apply(&fact).is_err(), "{what}");
        assert_eq!(ledger.balances().collect::<Vec<_>>(), before, "{what}");
        assert!(
            ledger.intact().is_err() && ledger.state_hash().is_err(),
            "{what}"
        );
        let halt = ledger.decide_halt("h", &[Scope::All]);
        assert!(halt.is_err(), "{what}: nothing is decided any more");
        assert!(
            ledger.apply(&credited(deposit(8, 1, "customers"))).is_err(),
            "{what}"
        );
    }
    assert_eq!(ledger.state_hash().unwrap(), hash);
}

#[test]
fn the_same_with_right_amounts_are_applied() {
    let (ledger, queued) = busy();
    let good = [
        submitted(&ledger, "insurance", 1),
        submitted(&ledger, "customers", 67),
        Fact::Assigned(payout("p2", queued, 30, 0, 45)),
        moved("house", "customers", 45),
        moved("margin", "customers", 4),
        moved("insurance", "customers", 1),
        taken("new", vec![post("first", 1, 15)]),
        expired("backend", "first", 1),
        refusal("new", 2, TransferStatus::Overflow),
        credited(deposit(9, 6, "customers")),
        Fact::SurplusFound(surplus(180, 181)),
        Fact::SuspenseReleased(release("r2", 3)),
    ];
    for fact in good {
        let mut ledger = ledger.clone();
        ledger.apply(&fact).unwrap();
        ledger.conservation().unwrap();
    }
}

#[test]
fn stored_forms_are_read_strictly() {
    let facts = [
        credited(deposit(1, 6, "customers")),
        Fact::TransferRefused(TransferRefusal {
            initiator: "backend".to_owned(),
            reference: "r".to_owned(),
            body_sha256: [3; 32],
            legs: 9,
            leg: 9,
            status: TransferStatus::InsufficientFunds,
        }),
        Fact::Transferred(TransferOrder {
            legs: vec![
                TransferLeg::Move(terms("a", "b", u128::MAX)),
                TransferLeg::Pend {
                    terms: terms("a", "b", 1),
                    expires_ms: u64::MAX,
                },
                post("x", 7, 8),
                TransferLeg::Void {
                    pending: name("y", 1),
                },
            ],
            ..order("r", vec![])
        }),
        expired("backend", "r", 4),
        Fact::SurplusFound(surplus(0, u128::MAX)),
        Fact::SuspenseReleased(release("r", 1)),
    ];
    for fact in facts {
        let stored = fact.encode().unwrap();
        assert_eq!(Fact::decode(&stored).unwrap(), fact);
        // Every cut and every wrong byte is an error or another fact, never the same one.
        for cut in 0..stored.len() {
            assert_ne!(Fact::decode(&stored[..cut]).ok(), Some(fact.clone()));
            let mut wrong = stored.clone();
            wrong[cut] ^= 1;
            assert_ne!(Fact::decode(&wrong).ok(), Some(fact.clone()), "byte {cut}");
        }
    }
}
