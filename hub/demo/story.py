"""The story: methodologies filed and voted, projects synced, credits moved and used, refusals, and the books compared.

Every step does what it says on the running chain and registries, and tells what came of it; nothing is scripted.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.demo.agreement import dispute, reconcile_all
from hub.demo.by_clerk import move_by_work_list, offer_hefei
from hub.demo.filing import file_methodologies, found, issue_credits
from hub.demo.moving import cross, retire
from hub.demo.reckoning import reckon
from hub.demo.recognition import recognise_methodologies, recognise_project
from hub.demo.refusals import refuse_keys, refuse_records
from hub.demo.sharing import share_parameters
from hub.demo.steps import Step
from hub.demo.world import World
from hub.demo.yearly import close_the_year


def tell(world: World) -> Iterator[Step]:
    """The whole story, step by step, on a world where nothing has happened yet.

    Raises StoryBroken where something else happens than must; the last steps say whether everything adds up.
    """
    yield found(world)
    yield file_methodologies(world)
    yield recognise_methodologies(world)
    filed, issued = issue_credits(world)
    yield issued
    yield recognise_project(world, filed["suzhou"].projects[0])
    yield cross(world, filed)
    yield move_by_work_list(world, filed)
    yield offer_hefei(world, filed)
    retirement, retired = retire(world)
    yield retired
    yield refuse_records(world, filed, retirement)
    yield refuse_keys(world)
    yield share_parameters(world)
    yield reconcile_all(world)
    yield dispute(world, filed)
    yield close_the_year(world)
    yield from reckon(world)
