"""Steps of the control state that several tests take: halts, suspensions, a proposal opened and approved."""

from __future__ import annotations

import hashlib

from custody import statements
from custody.api.journal.v1 import governance_pb2 as pb
from custody.statements import HaltBody, SignedType, SuspendBody
from support.records import Records, stored
from support.statement_builder import Case


def record_halt(case: Case, records: Records, number: int, *scopes: str, operator: str = "ada") -> str:
    body = statements.encode(HaltBody(operator, scopes, "because", 1, number))
    halt_id = hashlib.sha256(body).hexdigest()
    signature = case.builder.sign(operator, SignedType.HALT, case.deployment, body)
    message = pb.HaltRecorded(
        halt_id=halt_id, halt=body, signature=stored(signature), scopes=scopes, reason="because"
    )
    records.add(message)
    return halt_id


def record_suspension(case: Case, records: Records, operator: str, number: int, by: str = "ada") -> str:
    body = statements.encode(SuspendBody(by, operator, "because", 1, number))
    halt_id = hashlib.sha256(body).hexdigest()
    signature = case.builder.sign(by, SignedType.SUSPEND, case.deployment, body)
    records.add(
        pb.SuspensionRecorded(halt_id=halt_id, suspend=body, signature=stored(signature), operator=operator)
    )
    return halt_id


def opened(case: Case, records: Records, proposal_id: str = "s") -> None:
    records.open(proposal_id, case.body, case.propose)


def approved(case: Case, records: Records) -> None:
    opened(case, records)
    for approval in case.approvals:
        records.decide("s", approval)
    records.close("s", "APPROVED")
