// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {SwitchedToken, TestToken} from "./SwitchedToken.sol";

/// Once broken, `transfer` moves the amount and emits no event. What it moves so is kept beside OpenZeppelin's own
/// balances, which cannot change without one.
contract SilentToken is SwitchedToken {
    mapping(address => uint256) private _in;
    mapping(address => uint256) private _out;

    constructor(string memory name_, string memory symbol_, uint256 supply) TestToken(name_, symbol_, supply) {}

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) + _in[account] - _out[account];
    }

    function _brokenTransfer(address to, uint256 amount) internal override returns (bool) {
        require(balanceOf(msg.sender) >= amount, "balance");
        _out[msg.sender] += amount;
        _in[to] += amount;
        return true;
    }
}
