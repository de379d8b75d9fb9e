import pytest
from mutual_recognition.books import Position
from tests.integration.conftest import *
from tests.integration.test_sync_cost import *
@pytest.mark.parametrize("broken",["no","position","time"])
def test_probe(shanghai, monkeypatch, broken):
    if broken=="position": monkeypatch.setattr(Position,"after_block",classmethod(lambda c,n:c(-1,-1,-1)))
    if broken=="time":
        import adapters.sync.standing as st, adapters.sync.tallies as ta
        monkeypatch.setattr(st,"rows_by_status",lambda c:{x.name:dict(ta._counted(c,x)) for x in ta.COUNTED})
    shanghai.begin(); retire(shanghai,1,20); shanghai.sync(); a=idle_pass(shanghai)
    retire(shanghai,101,250); shanghai.sync(); b=idle_pass(shanghai)
    print("PROBE",broken,a,b,b/a)
