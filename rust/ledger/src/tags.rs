//! Every refusal's tag, once, with what it means. Tags are stable: clients and runbooks depend on them.

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $tag:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: &str = $tag;)*
        /// All of them, in the order of the file: `(tag, meaning)`.
        pub const ALL: &[(&str, &str)] = &[$(($tag, $meaning)),*];
    };
}

tags! {
    // What prepare finds in the bytes alone; nothing is consumed.
    INTENT_MALFORMED = "intent.malformed", "The intent's bytes are not a canonical WithdrawalIntent; the detail names field and byte.";
    INTENT_INITIATOR = "intent.initiator", "The intent names another initiator than the caller.";
    INTENT_DEADLINES = "intent.deadlines", "pay_before lies before submit_before.";
    INTENT_OVERFLOW = "intent.overflow", "amount + service_fee exceeds 2^128 - 1.";
    INTENT_MEMO = "intent.memo", "The network has no memo.";
    INTENT_ROUTING = "intent.routing", "routing_sequence names a governance record that does not exist yet.";
    ITEM_METADATA = "item.metadata", "The metadata has more than 16 pairs or 2 KiB.";
    ITEM_PRIORITY = "item.priority", "The priority is not one of the enum's values.";
    ASSET_UNKNOWN = "asset.unknown", "The policy has no such asset.";
    ASSET_NO_HOT_WALLET = "asset.no_hot_wallet", "The policy has no hot wallet on the asset's network.";
    POOL_NOT_ALLOWED = "pool.not_allowed", "The policy does not let the initiator use this pool.";
    CLASS_NOT_ALLOWED = "class.not_allowed", "The policy does not let the initiator use this class of limits.";
    FEE_DEDUCT_NATIVE_ONLY = "fee.deduct_native_only", "A fee can be deducted from the network's own asset alone.";
    DESTINATION_MALFORMED = "destination.malformed", "The address is not in its chain's form, or its checksum is missing or wrong.";
    DESTINATION_FORBIDDEN = "destination.forbidden", "The destination is a wallet of ours, the zero address, a precompile, the token's contract, or forbidden by policy.";
    SIGNATURE_MISSING = "signature.missing", "No signature, or more than 8.";
    SIGNATURE_REPEATED = "signature.repeated", "Two signatures name the same key.";
    SIGNATURE_KEY = "signature.key", "A key that the policy does not list for the initiator, or that was retired or revoked.";
    SIGNATURE_KEY_TIME = "signature.key_time", "A key outside its time of validity.";
    SIGNATURE_ROLE = "signature.role", "No signature by a key of the initiator's own role.";
    SIGNATURE_COSIGN_MISSING = "signature.cosign_missing", "The amount needs a signature of a further role.";
    SIGNATURE_INVALID = "signature.invalid", "A signature does not verify.";

    // What submit decides, in this order of precedence.
    ID_REUSED = "id.reused", "The same initiator, reference and attempt came before with another body; the first answer stands.";
    INTENT_TOO_LATE = "intent.too_late", "submit_before has passed; nothing was consumed.";
    HALT_INTAKE = "halt.intake", "A halt covers intake; nothing was consumed.";
    ATTEMPT_SKIPPED = "attempt.skipped", "An attempt before this one was never made.";
    ATTEMPT_OPEN = "attempt.open", "The attempt before has not ended.";
    ATTEMPT_SPENT = "attempt.spent", "An attempt before was signed: paid, or refunded. Paying needs a new reference.";
    ATTEMPT_TOO_MANY = "attempt.too_many", "A reference has 256 attempts at most. Paying needs a new reference.";
    ATTEMPT_ROUTING = "attempt.routing", "A later attempt must map to the same hot wallet as the first, by the same routing_sequence.";
    LIMIT = "limit.ID", "The limit named ID (from the policy) is exceeded: refused or held, as its `over` says.";
    INSUFFICIENT_FUNDS = "ledger.insufficient_funds", "The pool has less available than the hold.";

    // What pool transfers are refused for; `TransferStatus` has their order of precedence.
    POOL_UNKNOWN = "pool.unknown", "The policy has no such pool.";
    TRANSFER_AMOUNT = "transfer.amount", "The amount is zero.";
    TRANSFER_SAME_POOL = "transfer.same_pool", "It would move from a pool to itself.";
    TRANSFER_EXPIRY = "transfer.expiry", "It would expire no later than it may be taken.";
    TRANSFER_PENDING_UNKNOWN = "transfer.pending_unknown", "The initiator has no such leg.";
    TRANSFER_NOT_PENDING = "transfer.not_pending", "The leg named was never pending.";
    TRANSFER_ALREADY_POSTED = "transfer.already_posted", "The leg named was posted before.";
    TRANSFER_ALREADY_VOIDED = "transfer.already_voided", "The leg named was voided before.";
    TRANSFER_EXPIRED = "transfer.expired", "The time of the leg named has passed.";
    TRANSFER_EXCEEDS_PENDING = "transfer.exceeds_pending", "More than is pending.";
    TRANSFER_LINKED = "transfer.linked", "Another leg of the same order was refused.";

    // What the ledger refuses to its own server.
    DEPOSIT_OTHER = "deposit.other", "The same output was credited before with another amount, asset, wallet or pool; the first stands.";
    BALANCE_MOVED = "ledger.balance_moved", "The wallet's balance is another than the one that was compared.";
    SUSPENSE_SHORT = "ledger.suspense_short", "Suspense has less than would be released.";
    STATE = "ledger.state", "The transition is not in the table: something else came first.";
    UNKNOWN = "ledger.unknown", "There is no such withdrawal, payout, leg or halt (any more).";
    EXISTS = "ledger.exists", "There is such a payout, leg or halt already.";
    ALREADY_OPEN = "ledger.already_open", "This wallet's balance was opened for this pool before.";
    AMOUNT = "ledger.amount", "Zero, or net amount and fee do not add up to what the intent says.";
    WALLET_SHORT = "ledger.wallet_short", "The wallet has less available than would leave it.";
    WALLET_OTHER = "ledger.wallet_other", "Not the wallet that the withdrawal maps to, or both wallets of a leg are one.";
    HOUSE_EMPTY = "ledger.house_empty", "The house pool has less available than the network fee that would be reserved.";
    FEE_ABOVE_RESERVED = "ledger.fee_above_reserved", "The network took more than was reserved.";
    NOT_EXPIRED = "ledger.not_expired", "Its deadline (pay_before, or a pending transfer's) has not passed.";
    EXPIRED = "ledger.expired", "pay_before has passed.";
    HALTED = "ledger.halted", "A halt covers it; the detail names halt and scope.";
    OVERFLOW = "ledger.overflow", "A sum would exceed 2^128 - 1.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_occurs_once_and_has_a_form_and_a_meaning() {
        for (index, (tag, meaning)) in ALL.iter().enumerate() {
            assert!(
                !ALL.iter().skip(index + 1).any(|(other, _)| other == tag),
                "{tag}"
            );
            assert_eq!(tag.split('.').count(), 2, "{tag}");
            assert!(meaning.ends_with('.'), "{tag}");
        }
    }
}
