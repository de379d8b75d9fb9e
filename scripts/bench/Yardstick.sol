// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";

/// @title Yardstick
/// @notice OpenZeppelin's ERC-1155 as it comes: what the gas of the registers is measured against. The benchmark alone
/// deploys it. Anyone may mint and burn, as it guards nothing.
contract Yardstick is ERC1155("") {
    function mint(address to, uint256 id, uint256 amount) external {
        _mint(to, id, amount, "");
    }

    function burn(uint256 id, uint256 amount) external {
        _burn(msg.sender, id, amount);
    }
}
