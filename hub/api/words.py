"""Codes in words: Chinese term and English name of everything that answers carry as a code."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from typing import Any

from hub.chain.enums import (
    BallotKind,
    Choice,
    HoldReason,
    LockStatus,
    MemberKind,
    MethodologyStatus,
    Outcome,
    ProjectStatus,
    RevocationEffect,
    Role,
    TransferStatus,
)
from mutual_recognition.identifiers import Kind
from mutual_recognition.purposes import NAMES, Purpose
from mutual_recognition.unit_blocks import BlockStatus

WORDS: dict[type[IntEnum] | type[IntFlag], Mapping[Any, tuple[str, str]]] = {
    MemberKind: {
        MemberKind.NONE: ("无", "none"),
        MemberKind.FULL: ("正式成员", "full member"),
        MemberKind.ASSOCIATE: ("联系成员", "associate member"),
        MemberKind.PROGRAMME: ("机制成员", "programme member"),
    },
    Role: {
        Role.VOTER: ("表决人", "voter"),
        Role.REGISTRAR: ("登记员", "registrar"),
        Role.ETS_AUTHORITY: ("碳市场主管", "ETS authority"),
        Role.AUDITOR: ("审计员", "auditor"),
        Role.FINANCIAL_INSTITUTION: ("金融机构", "financial institution"),
    },
    BallotKind: {
        BallotKind.MEMBERSHIP: ("成员事项", "membership"),
        BallotKind.OFFICERS: ("人员恢复", "officers"),
        BallotKind.RULES: ("规则", "rules"),
        BallotKind.RECOGNITION: ("互认", "recognition"),
        BallotKind.STATUS: ("状态", "status"),
        BallotKind.HOLD: ("冻结", "hold"),
        BallotKind.PAUSE: ("暂停", "pause"),
        BallotKind.UPGRADE: ("升级", "upgrade"),
    },
    Outcome: {
        Outcome.UNKNOWN: ("未知", "unknown"),
        Outcome.VOTING: ("表决中", "voting"),
        Outcome.FAILED: ("未通过", "failed"),
        Outcome.DELAYED: ("已通过，等待生效", "passed, delayed"),
        Outcome.EXECUTABLE: ("已通过，可执行", "passed, executable"),
        Outcome.EXPIRED: ("已通过，逾期未执行", "passed, expired unexecuted"),
        Outcome.EXECUTED: ("已执行", "executed"),
    },
    Choice: {
        Choice.NONE: ("未表决", "none"),
        Choice.YES: ("赞成", "yes"),
        Choice.NO: ("反对", "no"),
        Choice.ABSTAIN: ("弃权", "abstain"),
    },
    MethodologyStatus: {
        MethodologyStatus.NONE: ("无", "none"),
        MethodologyStatus.FILED: ("已备案", "filed"),
        MethodologyStatus.SUPERSEDED: ("已被替代", "superseded"),
        MethodologyStatus.WITHDRAWN: ("已撤回", "withdrawn"),
        MethodologyStatus.SUSPENDED: ("已中止", "suspended"),
    },
    ProjectStatus: {
        ProjectStatus.NONE: ("无", "none"),
        ProjectStatus.REGISTERED: ("已登记", "registered"),
        ProjectStatus.WITHDRAWN: ("已撤回", "withdrawn"),
        ProjectStatus.SUSPENDED: ("已中止", "suspended"),
    },
    LockStatus: {
        LockStatus.NONE: ("无", "none"),
        LockStatus.FROZEN: ("已冻结", "frozen"),
        LockStatus.CANCELLED: ("已核销", "cancelled"),
        LockStatus.RELEASED: ("已解冻", "released"),
    },
    RevocationEffect: {
        RevocationEffect.NONE: ("未撤销", "not revoked"),
        RevocationEffect.USABLE: ("撤销，已入的可用", "revoked; what is there stays usable"),
        RevocationEffect.RETURN_ONLY: ("撤销，仅可退回", "revoked; return home only"),
        RevocationEffect.FROZEN: ("撤销，冻结", "revoked; frozen"),
    },
    HoldReason: {
        HoldReason.NONE: ("无", "none"),
        HoldReason.SUSPECTED_DUPLICATE: ("疑似重复", "suspected duplicate"),
        HoldReason.RECONCILIATION: ("对账不符", "reconciliation"),
        HoldReason.IRREGULARITY: ("异常", "irregularity"),
        HoldReason.LEGAL_ORDER: ("司法或行政要求", "legal order"),
        HoldReason.OTHER: ("其他", "other"),
    },
    TransferStatus: {
        TransferStatus.NONE: ("无", "none"),
        TransferStatus.PROPOSED: ("在途", "proposed"),
        TransferStatus.ACCEPTED: ("已接收", "accepted"),
        TransferStatus.REJECTED: ("已拒绝", "rejected"),
        TransferStatus.WITHDRAWN: ("已撤回", "withdrawn"),
        TransferStatus.EXPIRED: ("已逾期", "expired"),
    },
    BlockStatus: {
        BlockStatus.AVAILABLE: ("可用", "available"),
        BlockStatus.IN_TRANSIT: ("在途", "in transit"),
        BlockStatus.PLEDGED: ("已质押", "pledged"),
        BlockStatus.RETIRED: ("已注销", "retired"),
        BlockStatus.CANCELLED: ("已作废", "cancelled"),
    },
    Purpose: NAMES,
    Kind: {
        Kind.METHODOLOGY: ("方法学", "methodology"),
        Kind.PROJECT: ("减排项目", "project"),
        Kind.ISSUANCE: ("签发", "issuance"),
        Kind.BLOCK: ("单元块", "unit block"),
        Kind.SERIES: ("序列", "series"),
        Kind.VERIFICATION: ("核证", "verification"),
    },
}
"""Every value of every enum that answers carry; a test holds it complete."""

MEMBER_NAMES: dict[int, tuple[str, str]] = {
    110000: ("北京市", "Beijing"),
    310000: ("上海市", "Shanghai"),
    320000: ("江苏省", "Jiangsu"),
    320100: ("南京市", "Nanjing"),
    320200: ("无锡市", "Wuxi"),
    320300: ("徐州市", "Xuzhou"),
    320400: ("常州市", "Changzhou"),
    320500: ("苏州市", "Suzhou"),
    320600: ("南通市", "Nantong"),
    320700: ("连云港市", "Lianyungang"),
    320800: ("淮安市", "Huai'an"),
    320900: ("盐城市", "Yancheng"),
    321000: ("扬州市", "Yangzhou"),
    321100: ("镇江市", "Zhenjiang"),
    321200: ("泰州市", "Jiangsu Taizhou"),
    321300: ("宿迁市", "Suqian"),
    330000: ("浙江省", "Zhejiang"),
    330100: ("杭州市", "Hangzhou"),
    330200: ("宁波市", "Ningbo"),
    330300: ("温州市", "Wenzhou"),
    330400: ("嘉兴市", "Jiaxing"),
    330500: ("湖州市", "Huzhou"),
    330600: ("绍兴市", "Shaoxing"),
    330700: ("金华市", "Jinhua"),
    330800: ("衢州市", "Quzhou"),
    330900: ("舟山市", "Zhoushan"),
    331000: ("台州市", "Zhejiang Taizhou"),
    331100: ("丽水市", "Lishui"),
    340000: ("安徽省", "Anhui"),
    340100: ("合肥市", "Hefei"),
    340200: ("芜湖市", "Wuhu"),
    340300: ("蚌埠市", "Bengbu"),
    340400: ("淮南市", "Huainan"),
    340500: ("马鞍山市", "Ma'anshan"),
    340600: ("淮北市", "Huaibei"),
    340700: ("铜陵市", "Tongling"),
    340800: ("安庆市", "Anqing"),
    341000: ("黄山市", "Huangshan"),
    341100: ("滁州市", "Chuzhou"),
    341200: ("阜阳市", "Fuyang"),
    341300: ("宿州市", "Anhui Suzhou"),
    341500: ("六安市", "Lu'an"),
    341600: ("亳州市", "Bozhou"),
    341700: ("池州市", "Chizhou"),
    341800: ("宣城市", "Xuancheng"),
    440000: ("广东省", "Guangdong"),
}
"""Names of GB/T 2260 codes: every city of the delta, and regions outside; any other member is shown by its code."""
