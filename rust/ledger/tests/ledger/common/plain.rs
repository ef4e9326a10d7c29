//! The pools' rules written a second time, for clarity: every number in plain maps, every order tried on a copy.

use std::collections::BTreeMap;

use custody_ledger::{Balance, TransferLeg, TransferOrder};

use super::transfers::POOLS;

/// From, to, amount, when it expires, what became of it.
pub type Pending = (String, String, u128, u64, &'static str);

#[derive(Clone, Default)]
pub struct Plain {
    pub accounts: BTreeMap<String, Balance>,
    pub legs: BTreeMap<(String, u32), Option<Pending>>,
    pub answered: BTreeMap<String, ([u8; 32], Vec<String>)>,
    pub deposits: BTreeMap<u8, (u128, String)>,
    pub halted: Option<String>,
}

impl Plain {
    pub fn new() -> Self {
        let mut this = Self::default();
        for (pool, amount) in [("customers", 100), ("house", 50), ("insurance", 20)] {
            this.post("wallet:hot-1", &format!("pool:{pool}"), amount)
                .unwrap();
        }
        this
    }

    /// What an account can still give.
    pub fn has(&self, name: &str) -> u128 {
        let b = self.accounts.get(name).copied().unwrap_or_default();
        match name.starts_with("wallet:") {
            true => b.debits_posted - b.credits_posted - b.credits_pending,
            false => b.credits_posted - b.debits_posted - b.debits_pending,
        }
    }

    fn post(&mut self, debit: &str, credit: &str, amount: u128) -> Option<()> {
        let b = self.accounts.entry(debit.to_owned()).or_default();
        b.debits_posted = b.debits_posted.checked_add(amount)?;
        let b = self.accounts.entry(credit.to_owned()).or_default();
        b.credits_posted = b.credits_posted.checked_add(amount)?;
        Some(())
    }

    fn pend(&mut self, from: &str, to: &str, amount: u128) -> Option<()> {
        let b = self.accounts.entry(format!("pool:{from}")).or_default();
        b.debits_pending = b.debits_pending.checked_add(amount)?;
        let b = self.accounts.entry(format!("pool:{to}")).or_default();
        b.credits_pending = b.credits_pending.checked_add(amount)?;
        Some(())
    }

    fn unpend(&mut self, from: &str, to: &str, amount: u128) {
        self.accounts
            .get_mut(&format!("pool:{from}"))
            .unwrap()
            .debits_pending -= amount;
        self.accounts
            .get_mut(&format!("pool:{to}"))
            .unwrap()
            .credits_pending -= amount;
    }

    /// One word for each leg, and whether it was answered before.
    pub fn order(&mut self, order: &TransferOrder, now_ms: u64) -> (Vec<String>, bool) {
        let count = order.legs.len();
        if let Some((body, words)) = self.answered.get(&order.reference) {
            return match *body == order.body_sha256 {
                true => (words.clone(), true),
                false => (vec!["id.reused".to_owned(); count], false),
            };
        }
        let others = |at: usize, word: &str| {
            let word_of = |index| if index == at { word } else { "transfer.linked" };
            (0..count)
                .map(|index| word_of(index).to_owned())
                .collect::<Vec<_>>()
        };
        for (index, leg) in order.legs.iter().enumerate() {
            if let Some(word) = malformed(leg, order.submit_before_ms) {
                return (others(index, word), false);
            }
        }
        if order.submit_before_ms <= now_ms {
            return (vec!["intent.too_late".to_owned(); count], false);
        }
        if self.halted.as_deref() == Some("intake") {
            return (vec!["halt.intake".to_owned(); count], false);
        }
        let mut copy = self.clone();
        for (index, leg) in order.legs.iter().enumerate() {
            let number = u32::try_from(index + 1).unwrap();
            if let Err(word) = copy.leg(&order.reference, number, leg, now_ms) {
                let words = others(index, word);
                let answer = (order.body_sha256, words.clone());
                self.answered.insert(order.reference.clone(), answer);
                return (words, false);
            }
        }
        *self = copy;
        let words = vec![String::new(); count];
        self.answered
            .insert(order.reference.clone(), (order.body_sha256, words.clone()));
        (words, false)
    }

    fn leg(
        &mut self,
        reference: &str,
        number: u32,
        leg: &TransferLeg,
        now_ms: u64,
    ) -> Result<(), &'static str> {
        let key = (reference.to_owned(), number);
        match leg {
            TransferLeg::Move(t) | TransferLeg::Pend { terms: t, .. } => {
                if self.has(&format!("pool:{}", t.from)) < t.amount {
                    return Err("ledger.insufficient_funds");
                }
                let (entered, made) = match leg {
                    TransferLeg::Pend { expires_ms, .. } => (
                        self.pend(&t.from, &t.to, t.amount),
                        Some((
                            t.from.clone(),
                            t.to.clone(),
                            t.amount,
                            *expires_ms,
                            "PENDING",
                        )),
                    ),
                    _ => (
                        self.post(
                            &format!("pool:{}", t.from),
                            &format!("pool:{}", t.to),
                            t.amount,
                        ),
                        None,
                    ),
                };
                entered.ok_or("ledger.overflow")?;
                self.legs.insert(key, made);
            }
            TransferLeg::Post { pending, amount } => {
                let (from, to, most) = self.resolvable(&pending.reference, pending.leg, now_ms)?;
                if *amount > most {
                    return Err("transfer.exceeds_pending");
                }
                self.unpend(&from, &to, most);
                let posted = self.post(&format!("pool:{from}"), &format!("pool:{to}"), *amount);
                posted.ok_or("ledger.overflow")?;
                self.end(&pending.reference, pending.leg, "POSTED");
                self.legs.insert(key, None);
            }
            TransferLeg::Void { pending } => {
                let (from, to, most) = self.resolvable(&pending.reference, pending.leg, now_ms)?;
                self.unpend(&from, &to, most);
                self.end(&pending.reference, pending.leg, "VOIDED");
                self.legs.insert(key, None);
            }
        }
        Ok(())
    }

    fn resolvable(
        &self,
        reference: &str,
        leg: u32,
        now_ms: u64,
    ) -> Result<(String, String, u128), &'static str> {
        let found = self.legs.get(&(reference.to_owned(), leg));
        let found = found.ok_or("transfer.pending_unknown")?;
        let (from, to, amount, expires_ms, state) = found.clone().ok_or("transfer.not_pending")?;
        match state {
            "POSTED" => Err("transfer.already_posted"),
            "VOIDED" => Err("transfer.already_voided"),
            "EXPIRED" => Err("transfer.expired"),
            _ if expires_ms <= now_ms => Err("transfer.expired"),
            _ => Ok((from, to, amount)),
        }
    }

    fn end(&mut self, reference: &str, leg: u32, state: &'static str) {
        let key = (reference.to_owned(), leg);
        self.legs.get_mut(&key).unwrap().as_mut().unwrap().4 = state;
    }

    pub fn expire(&mut self, reference: &str, leg: u32, now_ms: u64) -> &'static str {
        match self.resolvable(reference, leg, 0) {
            Err(word) => word,
            Ok((from, to, amount)) => {
                let due = self.legs[&(reference.to_owned(), leg)].as_ref().unwrap().3;
                if now_ms < due {
                    return "ledger.not_expired";
                }
                self.unpend(&from, &to, amount);
                self.end(reference, leg, "EXPIRED");
                "ok"
            }
        }
    }

    pub fn deposit(
        &mut self,
        tx: u8,
        amount: u128,
        pool: &str,
        from_suspense: bool,
    ) -> &'static str {
        if let Some(before) = self.deposits.get(&tx) {
            let same = *before == (amount, pool.to_owned());
            return if same { "before" } else { "deposit.other" };
        }
        if amount == 0 {
            return "ledger.amount";
        }
        if from_suspense && self.has("suspense") < amount {
            return "ledger.suspense_short";
        }
        let mut copy = self.clone();
        let source = if from_suspense {
            "suspense"
        } else {
            "wallet:hot-1"
        };
        if copy.post(source, &format!("pool:{pool}"), amount).is_none() {
            return "ledger.overflow";
        }
        copy.deposits.insert(tx, (amount, pool.to_owned()));
        *self = copy;
        "ok"
    }

    /// A withdrawal holds of its pool.
    pub fn hold(&mut self, pool: &str, amount: u128) -> &'static str {
        if self.has(&format!("pool:{pool}")) < amount {
            return "ledger.insufficient_funds";
        }
        let b = self.accounts.entry(format!("pool:{pool}")).or_default();
        b.debits_pending += amount;
        "accepted"
    }

    /// It ends: paid (with the network's fee out of the house), refunded (the fee is lost too), or voided without one.
    pub fn end_hold(&mut self, pool: &str, amount: u128, fee: u128, end: &str) -> &'static str {
        if end != "void" {
            if self.has("wallet:hot-1") < amount + fee {
                return "ledger.wallet_short";
            }
            if self.has("pool:house") < fee {
                return "ledger.house_empty";
            }
        }
        let mut copy = self.clone();
        let name = format!("pool:{pool}");
        copy.accounts.get_mut(&name).unwrap().debits_pending -= amount;
        let paid = match end {
            "paid" => copy.post(&name, "wallet:hot-1", amount),
            _ => Some(()),
        };
        if end != "void" {
            paid.and_then(|()| copy.post("pool:house", "wallet:hot-1", fee))
                .unwrap();
        }
        *self = copy;
        "ok"
    }

    /// `more` than the wallet has.
    pub fn surplus(&mut self, more: u128) -> &'static str {
        let mut copy = self.clone();
        if more == 0 {
            return "ledger.amount";
        }
        if copy.post("wallet:hot-1", "suspense", more).is_none() {
            return "ledger.overflow";
        }
        *self = copy;
        "ok"
    }
}

fn malformed(leg: &TransferLeg, submit_before_ms: u64) -> Option<&'static str> {
    let unknown = |name: &str| !POOLS.iter().any(|(pool, _)| *pool == name);
    match leg {
        TransferLeg::Void { .. } => None,
        TransferLeg::Post { amount, .. } => (*amount == 0).then_some("transfer.amount"),
        TransferLeg::Move(t) | TransferLeg::Pend { terms: t, .. } => {
            let never = match leg {
                TransferLeg::Pend { expires_ms, .. } => *expires_ms <= submit_before_ms,
                _ => false,
            };
            match () {
                () if t.amount == 0 => Some("transfer.amount"),
                () if t.from == t.to => Some("transfer.same_pool"),
                () if never => Some("transfer.expiry"),
                () if unknown(&t.from) || unknown(&t.to) => Some("pool.unknown"),
                () => None,
            }
        }
    }
}
