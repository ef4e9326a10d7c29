//! Tables of withdrawals and sweeps, one line for each operation, the last column what the ledger says to it.

use std::collections::{BTreeMap, BTreeSet};

use custody_ledger::{Assignment, End, FeeMode, Ledger, PayoutTerms, Scope, SweepTerms, Ulid};

use super::{ETH, NOW, USD, candidate, enact, renamed, submit};

/// Runs lines `operation arguments | status`. Times are ms after NOW; withdrawals are named by their references.
/// Answers with every status that was said, without what `before` and `held` add.
pub fn run(ledger: &mut Ledger, table: &str) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    let mut ids: BTreeMap<String, Ulid> = BTreeMap::new();
    for line in table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (left, expected) = line.split_once('|').unwrap();
        let words: Vec<&str> = left.split_whitespace().collect();
        let number = |index: usize| words[index].parse::<u128>().unwrap();
        let id = |index: usize| ids.get(words[index]).copied().unwrap_or(Ulid([9; 16]));
        let now = |index: usize| NOW + words.get(index).map_or(0, |word| word.parse().unwrap());
        let status = match words[0] {
            // reference attempt amount fee? now?
            "submit" => {
                let mut wanted = candidate(words[1], words[2].parse().unwrap(), number(3));
                wanted.service_fee = words.get(4).map_or(0, |word| word.parse().unwrap());
                let (status, made) = submit(ledger, wanted, now(5));
                ids.extend(made.map(|made| (words[1].to_owned(), made)));
                status
            }
            // reference amount max_network_fee
            "deduct" => {
                let mut wanted = candidate(words[1], 1, number(2));
                wanted.fee_mode = FeeMode::Deduct {
                    max_network_fee: number(3),
                };
                let (status, made) = submit(ledger, wanted, NOW);
                ids.extend(made.map(|made| (words[1].to_owned(), made)));
                status
            }
            // reference attempt amount: by another policy than the attempts before
            "reroute" => {
                let wanted = candidate(words[1], words[2].parse().unwrap(), number(3));
                let wanted = renamed(wanted, |names| names.routing_sequence = 2);
                submit(ledger, wanted, now(4)).0
            }
            "token" => {
                let wanted = candidate(words[1], 1, number(2));
                let wanted = renamed(wanted, |names| names.asset = Box::from(USD));
                let (status, made) = submit(ledger, wanted, NOW);
                ids.extend(made.map(|made| (words[1].to_owned(), made)));
                status
            }
            "open" => enact(
                ledger,
                ledger.decide_open(words[1], ETH, number(2), words[3]),
            ),
            "release" => enact(ledger, ledger.decide_release(&[id(1)])),
            "void" => enact(
                ledger,
                ledger.decide_void(id(1), End::from_name(words[2]).unwrap(), now(3)),
            ),
            // payout reference net charged reserved now? wallet?
            "assign" => {
                let terms = PayoutTerms {
                    payout: words[1].to_owned(),
                    wallet: words.get(7).map_or("hot-1", |wallet| *wallet).to_owned(),
                    items: vec![Assignment {
                        id: id(2),
                        net_amount: number(3),
                        fee_charged: number(4),
                    }],
                    fee_asset: ETH.to_owned(),
                    fee_reserved: number(5),
                };
                enact(ledger, ledger.decide_assign(terms, now(6)))
            }
            "unassign" => enact(ledger, ledger.decide_unassign(words[1])),
            "post" => enact(ledger, ledger.decide_post(words[1], number(2))),
            "fail" => enact(ledger, ledger.decide_fail(words[1], number(2))),
            // leg from to amount fee_cap
            "depart" => {
                let terms = SweepTerms {
                    leg: words[1].to_owned(),
                    from_wallet: words[2].to_owned(),
                    to_wallet: words[3].to_owned(),
                    asset: ETH.to_owned(),
                    amount: number(4),
                    fee_asset: ETH.to_owned(),
                    fee_cap: number(5),
                };
                enact(ledger, ledger.decide_sweep_depart(terms))
            }
            "arrive" => enact(ledger, ledger.decide_sweep_arrive(words[1], number(2))),
            "miss" => enact(ledger, ledger.decide_sweep_fail(words[1], number(2))),
            "halt" => enact(
                ledger,
                ledger.decide_halt(words[1], &[Scope::parse(words[2]).unwrap()]),
            ),
            "resume" => enact(ledger, ledger.decide_resume(words[1])),
            // account available (ETH)
            "has" => {
                let name = custody_ledger::AccountName::parse(words[1]).unwrap();
                ledger.available(ETH, &name).to_string()
            }
            "state" => ledger
                .withdrawal(&id(1))
                .map_or("none".to_owned(), |w| match w.state {
                    custody_ledger::State::Voided(end) => end.name().to_owned(),
                    state => state.name().to_owned(),
                }),
            other => panic!("{other}"),
        };
        assert_eq!(status, expected.trim(), "{line}");
        said.extend(status.split_whitespace().map(str::to_owned));
    }
    said
}
