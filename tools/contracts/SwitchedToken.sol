// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {TestToken} from "./TestToken.sol";

/// Honest until switched; anybody may switch it, since it is worth nothing. What `transfer` then does is the heir's.
abstract contract SwitchedToken is TestToken {
    bool public broken;

    function setBroken(bool broken_) external {
        broken = broken_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return broken ? _brokenTransfer(to, amount) : super.transfer(to, amount);
    }

    function _brokenTransfer(address to, uint256 amount) internal virtual returns (bool);
}
