"""The rules that Python owns, pure: policy, governance, quorum, proposals, payouts, sweeps; time is an argument."""
