"""Deploy a hub with ape, on whatever network ape is connected to.

    ape run deploy CONSTITUTION.json --out deployment.json --network ethereum:local:foundry
    ape run deploy CONSTITUTION.json --out deployment.json --network ... --gas-price 1000000000 --account treasury

The same function as `yrdhub deploy`. The registers are created by a key made for this and thrown away: whoever deploys
has no power afterwards. Where gas has a price, `--account` names the ape account that pays that key beforehand.
"""

from pathlib import Path

import ape
import click
from ape.cli import ConnectedProviderCommand

from hub.chain.connection import BLOCK_GAS, Node
from hub.chain.constitution import Constitution
from hub.chain.deployment import deploy_once
from hub.chain.keys import LocalSigner, checksum_address
from hub.errors import YrdhubError

GAS_OF_A_DEPLOYMENT = 2 * BLOCK_GAS
"""More than all creations together; what is left of it stays with the key that is thrown away."""


@click.command(cls=ConnectedProviderCommand)
@click.argument("constitution", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("deployment.json"))
@click.option("--account", help="ape account that pays for gas")
@click.option("--gas-price", type=click.IntRange(min=0), default=0, help="wei per unit of gas")
def cli(provider, constitution: Path, out: Path, account: str | None, gas_price: int) -> None:
    """Create the registers by CONSTITUTION and write their addresses to --out."""
    if gas_price and account is None:
        raise click.UsageError("where gas has a price, --account names who pays")
    deployer = LocalSigner.random()
    try:
        founding = Constitution.load(constitution)
        if gas_price:
            address = checksum_address(deployer.address)
            _payer(account).transfer(address, GAS_OF_A_DEPLOYMENT * gas_price, gas_price=gas_price)
        with Node(provider.http_uri, provider.chain_id, gas_price=gas_price) as node:
            deployment = deploy_once(
                out, node, deployer, founding, lambda step, done, total: click.echo(f"{done + 1}/{total} {step}")
            )
    except YrdhubError as error:
        raise click.ClickException(str(error)) from error
    for name, address in deployment.addresses.items():
        click.echo(f"{name:<14} {checksum_address(address)}")


def _payer(alias: str):
    """The ape account called `alias`; TEST::0 and so on are ape's test accounts."""
    try:
        if alias.startswith("TEST::"):
            return ape.accounts.test_accounts[int(alias.removeprefix("TEST::"))]
        return ape.accounts.load(alias)
    except (KeyError, IndexError, ValueError) as unknown:
        raise click.UsageError(f"ape knows no account {alias}; see `ape accounts list`") from unknown
