"""SweepService: the legs of proposals of kind SWEEP; translates, and decides nothing."""

from __future__ import annotations

from custody import statements
from custody.api.v1 import sweep_pb2
from custody.errors import Malformed
from custody.model.policy import Policy
from custody.rpc.endpoint import Call
from custody.server import conversion
from custody.server.proposals import page_size, propose
from custody.server.withdrawal_message import cursor
from custody.server.withdrawals import wait_for
from custody.services.commands import State
from custody.services.governance import Governor
from custody.services.proposal_queries import SweepRead, list_sweeps, read_sweep
from custody.services.writer import Writer
from custody.statements import ProposalKind

__all__ = ["Sweeps"]


class Sweeps:
    """See sweep.proto."""

    def __init__(self, writer: Writer, governor: Governor) -> None:
        self._writer = writer
        self._governor = governor

    def ProposeSweep(
        self, request: sweep_pb2.ProposeSweepRequest, call: Call
    ) -> sweep_pb2.ProposeSweepResponse:
        """Open a proposal of kind SWEEP."""
        if statements.parse_statement(request.statement).kind is not ProposalKind.SWEEP:
            raise Malformed("statement.kind", "must be SWEEP")
        sweep_id = propose(self._governor, request.statement, request.signature, call, request.request_id)
        return sweep_pb2.ProposeSweepResponse(sweep=self._message(sweep_id))

    def GetSweep(self, request: sweep_pb2.GetSweepRequest, call: Call) -> sweep_pb2.GetSweepResponse:
        """One sweep."""
        wait_for(self._writer, request.min_cursor, call)
        return sweep_pb2.GetSweepResponse(sweep=self._message(request.sweep_id))

    def ListSweeps(self, request: sweep_pb2.ListSweepsRequest, call: Call) -> sweep_pb2.ListSweepsResponse:
        """One page, newest first."""
        size = page_size(request.page_size)
        for number in request.states:
            if number not in conversion.LEG_STATES.values():
                raise Malformed("states", f"{number} is no state")
        states = frozenset(leg for leg, number in conversion.LEG_STATES.items() if number in request.states)
        wait_for(self._writer, request.min_cursor, call)

        def read(state: State) -> tuple[list[SweepRead], str, Policy, int]:
            page, last = list_sweeps(state, states=states, before=request.page_token, size=size)
            return page, last, state.control.governance.policy, state.next_sequence - 1

        page, last, policy, sequence = self._writer.read(read)
        as_of = cursor(self._writer.partition, sequence)
        found = [conversion.sweep_message(each, policy) for each in page]
        for message in found:
            message.as_of.CopyFrom(as_of)
        return sweep_pb2.ListSweepsResponse(sweeps=found, next_page_token=last, as_of=[as_of])

    def _message(self, sweep_id: str) -> sweep_pb2.Sweep:
        def read(state: State) -> tuple[SweepRead, Policy, int]:
            return read_sweep(state, sweep_id), state.control.governance.policy, state.next_sequence - 1

        found, policy, sequence = self._writer.read(read)
        message = conversion.sweep_message(found, policy)
        message.as_of.CopyFrom(cursor(self._writer.partition, sequence))
        return message
