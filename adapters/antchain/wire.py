"""The wire: names and types as the platform's published SDK has them (alipay/antchain-openapi-prod-sdk, `stlr`,
CarbonOffsetAcquisitionItem, AnyAmountItem, ListEcarOffsetdatumRequest and -Response). `README.md` says what is ours.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

METHOD: Final = "antchain.carbon.ecar.offsetdatum.list"
VERSION: Final = "1.0"
GATEWAY: Final = "gateway.do"
OK: Final = "OK"
SMALLEST_PAGE, LARGEST_PAGE = 10, 100


class _Wire(BaseModel):
    # a platform adds fields as it goes; those that are known are typed strictly, the others are not kept
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class AmountItem(_Wire):
    """活动数据: a code of the platform's and an amount as text, at most six decimals."""

    item_code: Annotated[str, Field(min_length=1, max_length=40)]
    item_amount: Annotated[str, Field(min_length=1, max_length=40)]


class AcquisitionItem(_Wire):
    """碳普惠补偿采集数据条目. `account_did` and `acquisition_item_no` are personal: `repr` leaves them out."""

    acquisition_item_no: Annotated[str, Field(min_length=1, max_length=200, repr=False)]
    project_no: Annotated[str, Field(max_length=100)]
    account_did: Annotated[str, Field(min_length=1, max_length=300, repr=False)]
    occurrent_time: Annotated[str, Field(min_length=8, max_length=40)]
    scenario_code: Annotated[str, Field(min_length=1, max_length=100)]
    scenario_name: str = ""
    platform_no: Annotated[str, Field(max_length=100)]
    active_datum: tuple[AmountItem, ...] = Field(default=(), strict=False)
    offset_volume: Annotated[str, Field(max_length=40)] = ""
    carbon_energy: int = 0
