#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::posting::Change;
use super::*;
use crate::symbols::Symbols;

fn names<const N: usize>(names: [&str; N]) -> [Symbol; N] {
    let mut symbols = Symbols::default();
    names.map(|name| symbols.intern(name))
}

#[test]
fn a_posting_is_entered_whole_or_not_at_all() {
    let [btc, hot, customers, house] = names(["btc", "hot", "customers", "house"]);
    let (customers, house) = (Pool(customers), House(house));
    let mut books = Books::default();
    let mut posting = Posting::default();
    posting.deposited(btc, hot, customers, 100);
    books.enter(&posting).unwrap();
    let before: Vec<_> = books.rows().collect();

    let mut posting = Posting::default();
    posting.deposited(btc, hot, house.pool(), 5);
    posting.moved(Transfer::signed(btc, customers, house.pool(), 101));
    assert!(books.preview(&posting).is_err());
    assert!(books.enter(&posting).is_err(), "a pool below zero");
    assert_eq!(books.rows().collect::<Vec<_>>(), before);

    let mut posting = Posting::default();
    posting.deposited(btc, hot, customers, u128::MAX);
    assert!(books.enter(&posting).is_err(), "beyond its type");
    assert_eq!(books.rows().collect::<Vec<_>>(), before);
    books.check_all().unwrap();
}

#[test]
fn entries_that_do_not_balance_are_refused() {
    let [btc, hot, customers] = names(["btc", "hot", "customers"]);
    let (wallet, pool) = (Account::Wallet(hot), Account::Pool(customers));
    let mut books = Books::default();
    let mut posting = Posting::default();
    posting.deposited(btc, hot, Pool(customers), 100);
    books.enter(&posting).unwrap();
    for (debit, credit) in [(wallet, Account::InFlight), (Account::Suspense, pool)] {
        let mut posting = Posting::default();
        posting.post(btc, 1, debit, credit);
        assert!(books.enter(&posting).is_err(), "{debit:?} {credit:?}");
    }
    for name in [Symbol::NONE, Symbol::UNKNOWN] {
        let mut posting = Posting::default();
        posting.deposited(name, hot, Pool(customers), 1);
        assert!(books.enter(&posting).is_err(), "no asset");
        let mut posting = Posting::default();
        posting.deposited(btc, hot, Pool(name), 1);
        assert!(books.enter(&posting).is_err(), "no pool");
    }
    books.check_all().unwrap();
}

#[test]
fn a_claim_is_spent_in_full_and_a_fee_within_what_was_held() {
    let [btc, hot, customers, house] = names(["btc", "hot", "customers", "house"]);
    let house = House(house);
    for (net, kept, adds_up) in [
        (7, 3, true),
        (10, 0, true),
        (7, 2, false),
        (8, 3, false),
        (u128::MAX, 11, false),
    ] {
        let claim = Claim::of(btc, customers, 10);
        let payment = Payment {
            wallet: hot,
            net,
            house,
            kept,
        };
        assert_eq!(
            Posting::default().paid(claim, payment).is_ok(),
            adds_up,
            "{net} {kept}"
        );
    }
    for (paid, within) in [(0, true), (9, true), (10, false), (u128::MAX, false)] {
        let fee = FeeClaim::new(btc, house, hot, 9);
        assert_eq!(
            Posting::default().fee_paid(fee, paid).is_ok(),
            within,
            "{paid}"
        );
        let transfer = Transfer::signed(btc, house.pool(), Pool(customers), 9);
        assert_eq!(
            Posting::default().posted(transfer, paid).is_ok(),
            within,
            "{paid}"
        );
    }
}

#[test]
fn the_house_is_one_pool_of_that_purpose() {
    let [customers, house, other] = names(["customers", "house", "other"]);
    let made = |pools: &[(Symbol, Purpose)]| Pools::new(pools.iter().copied());
    assert!(made(&[(customers, Purpose::Customers)]).is_err());
    assert!(made(&[(house, Purpose::House), (other, Purpose::House)]).is_err());
    assert!(made(&[(house, Purpose::House), (house, Purpose::Customers)]).is_err());
    let pools = made(&[(customers, Purpose::Customers), (house, Purpose::House)]).unwrap();
    assert_eq!(pools.house(), Some(House(house)));
    assert_eq!(pools.get(other), None);
    assert_eq!(pools.purpose(Pool(customers)), Some(Purpose::Customers));
    assert_eq!(Pools::default().house(), None);
    assert_eq!(Purpose::from_name("treasury"), None);
}

/// Any entries at all, by hand: what no operation would make.
fn any_entry(names: [Symbol; 4]) -> impl Strategy<Value = (u128, Change)> {
    let accounts = [
        Account::Wallet(names[0]),
        Account::Wallet(names[1]),
        Account::Pool(names[2]),
        Account::Pool(names[3]),
        Account::InFlight,
        Account::Suspense,
    ];
    let account = || prop::sample::select(accounts.to_vec());
    let amount = prop_oneof![6 => 0_u128..50, 1 => Just(u128::MAX), 1 => Just(u128::MAX / 2 + 1)];
    (amount, 0_u8..5, account(), account()).prop_map(|(amount, kind, one, other)| {
        let change = match kind {
            0 => Change::PendDebit(one),
            1 => Change::UnpendDebit(one),
            2 => Change::PendCredit(one),
            3 => Change::UnpendCredit(one),
            _ => Change::Post(one, other),
        };
        (amount, change)
    })
}

proptest! {
    #[test]
    fn whatever_is_entered_balances_and_what_is_refused_changes_nothing(
        postings in prop::collection::vec(prop::collection::vec(any_entry(fixed()), 1..6), 1..60)
    ) {
        let asset = Symbols::default().intern("btc");
        let mut books = Books::default();
        let mut posting = Posting::default();
        posting.deposited(asset, fixed()[0], Pool(fixed()[2]), 100);
        posting.found(asset, fixed()[1], 20);
        books.enter(&posting).unwrap();
        for entries in postings {
            let before: BTreeMap<_, _> = books.rows().map(|(_, name, balance)| (name, format!("{balance:?}"))).collect();
            let mut posting = Posting::default();
            entries.into_iter().for_each(|(amount, change)| posting.push(asset, amount, change));
            let preview = books.preview(&posting);
            let entered = books.enter(&posting);
            prop_assert_eq!(&preview, &entered);
            if entered.is_err() {
                let after: BTreeMap<_, _> = books.rows().map(|(_, name, balance)| (name, format!("{balance:?}"))).collect();
                prop_assert_eq!(before, after);
            }
            prop_assert!(books.check_all().is_ok());
            for (_, account, balance) in books.rows() {
                prop_assert!(balance.posted(account.is_asset()).is_some());
                prop_assert!(account == Account::InFlight || balance.available(account.is_asset()).is_some());
            }
        }
    }
}

fn fixed() -> [Symbol; 4] {
    let mut symbols = Symbols::default();
    symbols.intern("btc");
    ["hot", "cold", "customers", "house"].map(|name| symbols.intern(name))
}
