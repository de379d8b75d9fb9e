"""What the lines of an inventory are called, in Chinese and English."""

from __future__ import annotations

from hub.inventory.statement import Line, View

VIEWS: dict[View, tuple[str, str]] = {
    View.HOLDER: ("持有口径：本地持有的减排量", "Holder view: what the member holds"),
    View.HOME: ("属地口径：本地签发的减排量的去向", "Home view: what became of what the member issued"),
}

LINES: dict[Line, tuple[str, str]] = {
    Line.OPENING: ("年初余额", "opening balance"),
    Line.ISSUED: ("签发", "issued"),
    Line.RECEIVED: ("转入", "received"),
    Line.MOVED_OUT: ("转出", "moved out"),
    Line.RETIRED: ("注销", "retired"),
    Line.CANCELLED: ("作废", "cancelled"),
    Line.CUT: ("互认折算扣减", "cut on conversion"),
    Line.CLOSING: ("年末余额", "closing balance"),
}

IN_TRANSIT = ("其中在途", "of which in transit")
LEFT_HOME = ("转出本地", "left home")
CAME_HOME = ("转回本地", "came home")
BETWEEN_OTHERS = ("在其他成员间流转", "moved between others")
NOT_STATED = ("未声明", "not stated")

FATE: dict[str, tuple[str, str]] = {
    "issued": ("累计签发", "issued since the beginning"),
    "outstanding_at_home": ("存于本地", "outstanding at home"),
    "outstanding_elsewhere": ("存于其他成员", "outstanding elsewhere"),
    "claimed_by_home": ("已注销，由本地主张", "retired, claimed by the home member"),
    "claimed_by_others": ("已注销，由其他成员主张", "retired, claimed by others"),
    "claimed_by_nobody": ("已注销，未声明主张方", "retired, claimant not stated"),
    "cancelled": ("作废", "cancelled"),
    "cut": ("互认折算扣减", "cut on conversion"),
}
