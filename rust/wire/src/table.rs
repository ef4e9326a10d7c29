//! The rules of every signed body, one table each: its fields' forms, which may be absent, what holds across fields.

use crate::error::Reason;
use crate::form::{Form, parse_amount};
use crate::rules::{MAX_POLICY, Rule, Rules, differ, present};
use crate::schema::{
    ACTIVATE_BODY, ADDRESS_BODY, ADJUSTMENT_BODY, CANCEL_BODY, CANCEL_PENDING_BODY,
    CHECKPOINT_BODY, HALT_BODY, JOURNAL_HEAD_BODY, KEY_ROTATION_BODY, LIABILITY_TRANSFER_BODY,
    OPENING_BODY, POLICY_BODY, POSSESSION_BODY, RELEASE_BODY, RELEASE_ITEM, RESUME_BODY,
    SPENT_AMOUNT, STATEMENT, SUSPEND_BODY, SWEEP_BODY, SWEEP_LEG, TOMBSTONE_BODY,
    WITHDRAWAL_INTENT,
};

const fn must(field: &'static str, form: Form) -> Rule {
    Rule {
        field,
        form,
        optional: false,
    }
}

const fn may(field: &'static str, form: Form) -> Rule {
    Rule {
        field,
        form,
        optional: true,
    }
}

const ADDRESS: Form = Form::Token(128);
const REFERENCE: Form = Form::Token(128);
const CUSTOMER: Form = Form::Printable(64);
const MEMO: Form = Form::Text(128);
const REASON: Form = Form::Text(512);
const HASH: Form = Form::Bytes(32);

/// All of them.
pub static RULES: &[&Rules] = &[
    &INTENT,
    &CANCEL,
    &STATEMENT_RULES,
    &SWEEP,
    &LEG,
    &RELEASE,
    &ITEM,
    &RESUME,
    &ACTIVATE,
    &SPENT,
    &POLICY,
    &ALLOWLIST,
    &KEY_ROTATION,
    &OPENING,
    &ADJUSTMENT,
    &TRANSFER,
    &HALT,
    &SUSPEND,
    &CANCEL_PENDING,
    &TOMBSTONE,
    &CHECKPOINT,
    &JOURNAL_HEAD,
    &POSSESSION,
];

pub(crate) static INTENT: Rules = Rules {
    message: &WITHDRAWAL_INTENT,
    fields: &[
        must("initiator", Form::Id),
        must("reference", REFERENCE),
        must("attempt", Form::Count),
        must("asset", Form::Asset),
        must("amount", Form::Positive),
        must("address", ADDRESS),
        may("memo", MEMO),
        must("pool", Form::Id),
        must("customer", CUSTOMER),
        may("limit_class", Form::Id),
        must("fee_mode", Form::Choice),
        may("max_network_fee", Form::Positive),
        must("service_fee", Form::Amount),
        must("submit_before_unix_ms", Form::Time),
        must("pay_before_unix_ms", Form::Time),
        must("routing_sequence", Form::Count),
    ],
    whole: |values| {
        let amount = parse_amount(values.text(5)).unwrap_or(0);
        let house = values.number(11) == 1;
        match (house, values.has(12)) {
            (true, true) => return Err((12, Reason::MustBeAbsent)),
            (false, false) => return Err((12, Reason::Missing)),
            (false, true) if parse_amount(values.text(12)).is_none_or(|fee| fee >= amount) => {
                return Err((
                    12,
                    Reason::Form("must be below the amount, so that something is paid"),
                ));
            }
            _ => {}
        }
        if parse_amount(values.text(13))
            .and_then(|fee| fee.checked_add(amount))
            .is_none()
        {
            return Err((
                13,
                Reason::Form("must not exceed 2^128 - 1 together with the amount"),
            ));
        }
        if values.number(15) < values.number(14) {
            return Err((15, Reason::Form("must not be before submit_before_unix_ms")));
        }
        Ok(())
    },
};

static CANCEL: Rules = Rules {
    message: &CANCEL_BODY,
    fields: &[
        must("initiator", Form::Id),
        must("reference", REFERENCE),
        must("attempt", Form::Count),
        must("intent_sha256", HASH),
        must("issued_unix_ms", Form::Time),
    ],
    whole: |_| Ok(()),
};

static STATEMENT_RULES: Rules = Rules {
    message: &STATEMENT,
    fields: &[
        must("kind", Form::Choice),
        must("body", Form::UpTo(MAX_POLICY + 16)),
        must("policy_hash", HASH),
        must("governance_sequence", Form::Count),
        must("governance_hash", HASH),
        must("signer_epoch", Form::Count),
        must("proposer", Form::Id),
        may("not_before_unix_ms", Form::Time),
        must("expires_unix_ms", Form::Time),
        must("nonce", Form::Bytes(16)),
    ],
    whole: |values| {
        if values.number(8) >= values.number(9) {
            return Err((9, Reason::Form("must be after not_before_unix_ms")));
        }
        Ok(())
    },
};

static SWEEP: Rules = Rules {
    message: &SWEEP_BODY,
    fields: &[must("legs", Form::Items(32))],
    whole: |_| Ok(()),
};

static LEG: Rules = Rules {
    message: &SWEEP_LEG,
    fields: &[
        must("from_wallet", Form::Id),
        must("to_wallet", Form::Id),
        must("to_address", ADDRESS),
        must("asset", Form::Asset),
        must("amount", Form::Positive),
        must("fee_asset", Form::Asset),
        must("fee_cap", Form::Amount),
    ],
    whole: |values| differ(values, 1, 2),
};

static RELEASE: Rules = Rules {
    message: &RELEASE_BODY,
    fields: &[must("items", Form::Distinct(1000))],
    whole: |_| Ok(()),
};

static ITEM: Rules = Rules {
    message: &RELEASE_ITEM,
    fields: &[
        must("withdrawal_id", Form::Ulid),
        must("intent_sha256", HASH),
    ],
    whole: |_| Ok(()),
};

static RESUME: Rules = Rules {
    message: &RESUME_BODY,
    fields: &[must("halt_id", Form::HaltId), must("reason", REASON)],
    whole: |_| Ok(()),
};

static ACTIVATE: Rules = Rules {
    message: &ACTIVATE_BODY,
    fields: &[
        must("signer", Form::Id),
        must("store_id", Form::Bytes(16)),
        must("intents_after_unix_ms", Form::Time),
        may("spent", Form::Distinct(256)),
    ],
    whole: |_| Ok(()),
};

static SPENT: Rules = Rules {
    message: &SPENT_AMOUNT,
    fields: &[must("asset", Form::Asset), must("amount", Form::Amount)],
    whole: |_| Ok(()),
};

static POLICY: Rules = Rules {
    message: &POLICY_BODY,
    fields: &[must("policy", Form::UpTo(MAX_POLICY))],
    whole: |_| Ok(()),
};

static ALLOWLIST: Rules = Rules {
    message: &ADDRESS_BODY,
    fields: &[
        must("action", Form::Choice),
        must("network", Form::Network),
        must("address", ADDRESS),
        may("memo", MEMO),
        must("initiator", Form::Id),
        may("customer", CUSTOMER),
        must("label", Form::Text(64)),
    ],
    whole: |_| Ok(()),
};

static KEY_ROTATION: Rules = Rules {
    message: &KEY_ROTATION_BODY,
    fields: &[
        must("action", Form::Choice),
        must("holder", Form::Choice),
        must("holder_id", Form::Id),
        must("key_id", Form::KeyId),
        may("scheme", Form::Scheme),
        may("public_key", Form::UpTo(1024)),
        may("role", Form::Id),
        may("possession", Form::UpTo(4096)),
        may("valid_from_unix_ms", Form::Time),
        may("valid_until_unix_ms", Form::Time),
    ],
    whole: |values| {
        let (add, revoke) = (values.number(1) == 1, values.number(1) == 3);
        for number in [5, 6, 8, 9] {
            present(values, number, add)?;
        }
        present(values, 7, add && values.number(2) == 1)?;
        present(values, 10, !revoke)?;
        if add && values.number(9) >= values.number(10) {
            return Err((10, Reason::Form("must be after valid_from_unix_ms")));
        }
        Ok(())
    },
};

static OPENING: Rules = Rules {
    message: &OPENING_BODY,
    fields: &[
        must("wallet", Form::Id),
        must("asset", Form::Asset),
        must("amount", Form::Amount),
        must("pool", Form::Id),
        must("network", Form::Network),
        must("block_height", Form::Count),
        must("block_hash", HASH),
    ],
    whole: |values| {
        let network = values.text(2).split_once('/').map(|(network, _)| network);
        if network != Some(values.text(5)) {
            return Err((5, Reason::Form("must be the asset's network")));
        }
        Ok(())
    },
};

static ADJUSTMENT: Rules = Rules {
    message: &ADJUSTMENT_BODY,
    fields: &[
        must("asset", Form::Asset),
        must("amount", Form::Positive),
        must("debit_account", Form::Account),
        must("credit_account", Form::Account),
        must("evidence_sha256", HASH),
        must("reason", REASON),
    ],
    whole: |values| differ(values, 3, 4),
};

static TRANSFER: Rules = Rules {
    message: &LIABILITY_TRANSFER_BODY,
    fields: &[
        must("asset", Form::Asset),
        must("amount", Form::Positive),
        must("from_pool", Form::Id),
        must("to_pool", Form::Id),
        must("reference", REFERENCE),
    ],
    whole: |values| differ(values, 3, 4),
};

static HALT: Rules = Rules {
    message: &HALT_BODY,
    fields: &[
        must("operator", Form::Id),
        must("scopes", Form::Scopes),
        must("reason", REASON),
        must("issued_unix_ms", Form::Time),
        must("number", Form::Count),
    ],
    whole: |_| Ok(()),
};

static SUSPEND: Rules = Rules {
    message: &SUSPEND_BODY,
    fields: &[
        must("by", Form::Id),
        must("operator", Form::Id),
        must("reason", REASON),
        must("issued_unix_ms", Form::Time),
        must("number", Form::Count),
    ],
    whole: |_| Ok(()),
};

static CANCEL_PENDING: Rules = Rules {
    message: &CANCEL_PENDING_BODY,
    fields: &[
        must("operator", Form::Id),
        must("statement_sha256", HASH),
        must("reason", REASON),
        must("issued_unix_ms", Form::Time),
        must("number", Form::Count),
    ],
    whole: |_| Ok(()),
};

static TOMBSTONE: Rules = Rules {
    message: &TOMBSTONE_BODY,
    fields: &[
        must("signer", Form::Id),
        must("wallet", Form::Id),
        must("initiator", Form::Id),
        must("reference", REFERENCE),
        must("attempt", Form::Count),
        must("intent_sha256", HASH),
        must("log_sequence", Form::Count),
        must("recorded_unix_ms", Form::Time),
    ],
    whole: |_| Ok(()),
};

static CHECKPOINT: Rules = Rules {
    message: &CHECKPOINT_BODY,
    fields: &[
        must("journal", Form::Journal),
        must("tree_size", Form::Count),
        must("root", HASH),
        must("issued_unix_ms", Form::Time),
    ],
    whole: |_| Ok(()),
};

static JOURNAL_HEAD: Rules = Rules {
    message: &JOURNAL_HEAD_BODY,
    fields: &[
        must("signer", Form::Id),
        must("sequence", Form::Count),
        must("hash", HASH),
        must("governance_sequence", Form::Count),
    ],
    whole: |_| Ok(()),
};

static POSSESSION: Rules = Rules {
    message: &POSSESSION_BODY,
    fields: &[
        must("wallet", Form::Id),
        must("kind", Form::Use),
        may("network", Form::Network),
        must("signer", Form::Id),
        must("scheme", Form::Scheme),
        must("public_key", Form::UpTo(1024)),
    ],
    whole: |values| {
        let audit = values.text(2) == "AUDIT";
        present(values, 3, !audit)?;
        if audit && values.text(1) != values.text(4) {
            return Err((1, Reason::Form("must be the signer's id for an audit key")));
        }
        Ok(())
    },
};
