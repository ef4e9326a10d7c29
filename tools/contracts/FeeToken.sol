// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {SwitchedToken, TestToken} from "./SwitchedToken.sol";

/// Once broken, `transfer` moves, and says so in its event, a hundredth (at least one unit) less than was asked; the
/// rest is burnt.
contract FeeToken is SwitchedToken {
    constructor(string memory name_, string memory symbol_, uint256 supply) TestToken(name_, symbol_, supply) {}

    function _brokenTransfer(address to, uint256 amount) internal override returns (bool) {
        uint256 fee = amount / 100 + 1;
        if (fee > amount) fee = amount;
        _transfer(msg.sender, to, amount - fee);
        _burn(msg.sender, fee);
        return true;
    }
}
