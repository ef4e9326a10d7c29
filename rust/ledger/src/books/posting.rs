//! One fact's entries, made by operations that each name what happened; nothing else makes an entry.

use crate::books::account::Account;
use crate::books::claim::{Claim, FeeClaim, Transfer};
use crate::books::pool::{House, Pool};
use crate::symbols::Symbol;

/// One change of one asset's book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub asset: Symbol,
    pub amount: u128,
    pub change: Change,
}

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Reserves on the debit side: a pool's hold, a wallet's expected arrival.
    PendDebit(Account),
    /// Takes that back.
    UnpendDebit(Account),
    /// Reserves on the credit side: a wallet's outflow.
    PendCredit(Account),
    /// Takes that back.
    UnpendCredit(Account),
    /// Moves for good: debit the first, credit the second.
    Post(Account, Account),
}

/// What a claim pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    /// The wallet that it leaves.
    pub wallet: Symbol,
    /// What leaves it, base units.
    pub net: u128,
    /// Who keeps the rest.
    pub house: House,
    /// The rest: service fee, and what was deducted for the network. Base units.
    pub kept: u128,
}

/// The entries of one fact, in order.
///
/// A pool is debited by its own claim and by nothing else:
///
/// ```
/// use custody_ledger::Symbols;
/// use custody_ledger::books::{Books, Payment, Pools, Posting, Purpose};
///
/// let mut symbols = Symbols::default();
/// let [btc, hot] = ["btc", "hot-1"].map(|name| symbols.intern(name));
/// let [customers, house] = ["customers", "house"].map(|name| symbols.intern(name));
/// let pools = Pools::new([(customers, Purpose::Customers), (house, Purpose::House)]).unwrap();
/// let (customers, house) = (pools.get(customers).unwrap(), pools.house().unwrap());
///
/// let mut books = Books::default();
/// let mut posting = Posting::default();
/// posting.deposited(btc, hot, customers, 100);
/// books.enter(&posting).unwrap();
///
/// let claim = books.claim(btc, customers, 60).unwrap();
/// let mut posting = Posting::default();
/// posting.held(&claim);
/// posting.outflow_held(btc, hot, 58);
/// books.enter(&posting).unwrap();
/// assert!(books.claim(btc, customers, 41).is_none());
///
/// let mut posting = Posting::default();
/// posting.outflow_freed(btc, hot, 58);
/// posting.paid(claim, Payment { wallet: hot, net: 58, house, kept: 2 }).unwrap();
/// books.enter(&posting).unwrap();
/// assert_eq!(books.claim(btc, customers, 40).unwrap().amount(), 40);
/// ```
///
/// The same cannot pay twice (the claim is gone):
///
/// ```compile_fail,E0382
/// # use custody_ledger::{Symbol, books::{Claim, Payment, Posting}};
/// fn twice(posting: &mut Posting, claim: Claim, payment: Payment) {
///     posting.paid(claim, payment).unwrap();
///     posting.paid(claim, payment).unwrap();
/// }
/// ```
///
/// nor be copied:
///
/// ```compile_fail,E0308
/// # use custody_ledger::books::Claim;
/// fn two(claim: &Claim) -> Claim {
///     claim.clone()
/// }
/// ```
///
/// nor debit another pool than it was claimed from:
///
/// ```compile_fail,E0616
/// # use custody_ledger::{Symbol, books::Claim};
/// fn other(mut claim: Claim, insurance_fund: Symbol) -> Claim {
///     claim.pool = insurance_fund;
///     claim
/// }
/// ```
///
/// nor be made of nothing:
///
/// ```compile_fail,E0451
/// # use custody_ledger::{Symbol, books::Claim};
/// fn made(asset: Symbol, pool: Symbol) -> Claim {
///     Claim { asset, pool, amount: 1 }
/// }
/// ```
///
/// No pool but the house pays a network's fee:
///
/// ```compile_fail,E0308
/// # use custody_ledger::{Symbol, books::{FeeClaim, Pool}};
/// fn fee(btc: Symbol, customers: Pool, hot: Symbol) -> FeeClaim {
///     FeeClaim::new(btc, customers, hot, 1)
/// }
/// ```
///
/// or becomes the house:
///
/// ```compile_fail,E0423
/// # use custody_ledger::{Symbol, books::House};
/// fn house(customers: Symbol) -> House {
///     House(customers)
/// }
/// ```
///
/// A withdrawal's claim moves nothing from pool to pool:
///
/// ```compile_fail,E0308
/// # use custody_ledger::books::{Claim, Posting};
/// fn fund(posting: &mut Posting, claim: Claim) {
///     posting.moved(claim);
/// }
/// ```
///
/// what does is not made outside of the room of signed transfers:
///
/// ```compile_fail,E0624
/// # use custody_ledger::{Symbol, books::{Pool, Transfer}};
/// fn fund(btc: Symbol, insurance_fund: Pool, customers: Pool) -> Transfer {
///     Transfer::signed(btc, insurance_fund, customers, 1)
/// }
/// ```
///
/// and no entry is made by hand:
///
/// ```compile_fail,E0624
/// # use custody_ledger::{Symbol, books::{Account, Posting}};
/// fn by_hand(posting: &mut Posting, btc: Symbol, from: Account, to: Account) {
///     posting.post(btc, 1, from, to);
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Posting(Vec<Entry>);

/// Operations in the past tense of what they enter. Those that can fail say which amounts do not add up.
impl Posting {
    /// A wallet's coins came in, and are owed to a pool.
    pub fn deposited(&mut self, asset: Symbol, wallet: Symbol, to: Pool, amount: u128) {
        self.post(asset, amount, Account::Wallet(wallet), Account::Pool(to.0));
    }

    /// A wallet has more than was known of.
    pub fn found(&mut self, asset: Symbol, wallet: Symbol, amount: u128) {
        self.post(asset, amount, Account::Wallet(wallet), Account::Suspense);
    }

    /// What was not explained is owed to a pool.
    pub fn explained(&mut self, asset: Symbol, to: Pool, amount: u128) {
        self.post(asset, amount, Account::Suspense, Account::Pool(to.0));
    }

    /// A pool's part waits for its withdrawal.
    pub fn held(&mut self, claim: &Claim) {
        let pool = Account::Pool(claim.pool);
        self.push(claim.asset, claim.amount, Change::PendDebit(pool));
    }

    /// It returns to its pool.
    pub fn freed(&mut self, claim: Claim) {
        let pool = Account::Pool(claim.pool);
        self.push(claim.asset, claim.amount, Change::UnpendDebit(pool));
    }

    /// It is paid in full: out of a wallet, and the rest to the house.
    ///
    /// # Errors
    /// The parts are not the whole.
    pub fn paid(&mut self, claim: Claim, payment: Payment) -> Result<(), String> {
        let Claim {
            asset,
            pool,
            amount,
        } = claim;
        if payment.net.checked_add(payment.kept) != Some(amount) {
            return Err(format!("{} and {} of {amount}", payment.net, payment.kept));
        }
        let pool = Account::Pool(pool);
        self.push(asset, amount, Change::UnpendDebit(pool));
        self.post(asset, payment.net, pool, Account::Wallet(payment.wallet));
        self.post(asset, payment.kept, pool, Account::Pool(payment.house.0));
        Ok(())
    }

    /// So much may leave a wallet.
    pub fn outflow_held(&mut self, asset: Symbol, wallet: Symbol, amount: u128) {
        self.push(asset, amount, Change::PendCredit(Account::Wallet(wallet)));
    }

    /// It no longer may.
    pub fn outflow_freed(&mut self, asset: Symbol, wallet: Symbol, amount: u128) {
        self.push(asset, amount, Change::UnpendCredit(Account::Wallet(wallet)));
    }

    /// A network may take so much from wallet and house.
    pub fn fee_held(&mut self, fee: &FeeClaim) {
        self.outflow_held(fee.asset, fee.wallet, fee.most);
        self.push(
            fee.asset,
            fee.most,
            Change::PendDebit(Account::Pool(fee.house)),
        );
    }

    /// It took nothing and no longer may.
    pub fn fee_freed(&mut self, fee: FeeClaim) {
        self.outflow_freed(fee.asset, fee.wallet, fee.most);
        self.push(
            fee.asset,
            fee.most,
            Change::UnpendDebit(Account::Pool(fee.house)),
        );
    }

    /// It took so much: gone from the wallet, the house's loss.
    ///
    /// # Errors
    /// More than was held for it.
    pub fn fee_paid(&mut self, fee: FeeClaim, paid: u128) -> Result<(), String> {
        if paid > fee.most {
            return Err(format!("a fee of {paid}, of which {} are held", fee.most));
        }
        let (asset, house, wallet) = (fee.asset, fee.house, fee.wallet);
        self.fee_freed(fee);
        self.post(asset, paid, Account::Pool(house), Account::Wallet(wallet));
        Ok(())
    }

    /// A leg's amount is about to leave one wallet for the other.
    pub fn departed(&mut self, asset: Symbol, from: Symbol, to: Symbol, amount: u128) {
        self.outflow_held(asset, from, amount);
        self.push(asset, amount, Change::PendDebit(Account::InFlight));
        self.push(asset, amount, Change::PendCredit(Account::InFlight));
        self.push(asset, amount, Change::PendDebit(Account::Wallet(to)));
    }

    /// It will not leave.
    pub fn returned(&mut self, asset: Symbol, from: Symbol, to: Symbol, amount: u128) {
        self.outflow_freed(asset, from, amount);
        self.push(asset, amount, Change::UnpendDebit(Account::InFlight));
        self.push(asset, amount, Change::UnpendCredit(Account::InFlight));
        self.push(asset, amount, Change::UnpendDebit(Account::Wallet(to)));
    }

    /// It left, and reached the other.
    pub fn arrived(&mut self, asset: Symbol, from: Symbol, to: Symbol, amount: u128) {
        self.returned(asset, from, to, amount);
        self.post(asset, amount, Account::InFlight, Account::Wallet(from));
        self.post(asset, amount, Account::Wallet(to), Account::InFlight);
    }

    /// A signed transfer waits to be posted.
    pub fn pended(&mut self, transfer: &Transfer) {
        let Transfer { asset, amount, .. } = *transfer;
        self.push(
            asset,
            amount,
            Change::PendDebit(Account::Pool(transfer.from)),
        );
        self.push(
            asset,
            amount,
            Change::PendCredit(Account::Pool(transfer.to)),
        );
    }

    /// It returns.
    pub fn unpended(&mut self, transfer: Transfer) {
        let Transfer { asset, amount, .. } = transfer;
        self.push(
            asset,
            amount,
            Change::UnpendDebit(Account::Pool(transfer.from)),
        );
        self.push(
            asset,
            amount,
            Change::UnpendCredit(Account::Pool(transfer.to)),
        );
    }

    /// So much of it moves for good, the rest returns.
    ///
    /// # Errors
    /// More than was pending.
    pub fn posted(&mut self, transfer: Transfer, amount: u128) -> Result<(), String> {
        let Transfer {
            asset, from, to, ..
        } = transfer;
        if amount > transfer.amount {
            return Err(format!(
                "{amount}, of which {} are pending",
                transfer.amount
            ));
        }
        self.unpended(transfer);
        self.post(asset, amount, Account::Pool(from), Account::Pool(to));
        Ok(())
    }

    /// A signed transfer moves at once.
    pub fn moved(&mut self, transfer: Transfer) {
        let Transfer {
            asset,
            from,
            to,
            amount,
        } = transfer;
        self.post(asset, amount, Account::Pool(from), Account::Pool(to));
    }

    /// Forgets its entries, to be used for the next fact.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// What its entries reserve: of which account, on the debit and on the credit side.
    pub(crate) fn reserved(&self) -> impl Iterator<Item = (Symbol, Account, [u128; 2])> {
        self.0.iter().filter_map(|entry| match entry.change {
            Change::PendDebit(account) => Some((entry.asset, account, [entry.amount, 0])),
            Change::PendCredit(account) => Some((entry.asset, account, [0, entry.amount])),
            _ => None,
        })
    }

    pub(crate) fn post(&mut self, asset: Symbol, amount: u128, debit: Account, credit: Account) {
        self.push(asset, amount, Change::Post(debit, credit));
    }

    pub(crate) fn push(&mut self, asset: Symbol, amount: u128, change: Change) {
        self.0.push(Entry {
            asset,
            amount,
            change,
        });
    }
}
