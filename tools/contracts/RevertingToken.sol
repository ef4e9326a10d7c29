// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {SwitchedToken, TestToken} from "./SwitchedToken.sol";

/// Once broken, `transfer` reverts: the receipt says failure.
contract RevertingToken is SwitchedToken {
    constructor(string memory name_, string memory symbol_, uint256 supply) TestToken(name_, symbol_, supply) {}

    function _brokenTransfer(address, uint256) internal pure override returns (bool) {
        revert("transfers are off");
    }
}
