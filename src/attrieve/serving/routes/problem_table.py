"""What the types of problems mean."""

from fastapi import APIRouter

from attrieve.serving.answers import problems
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.wire.problems import ProblemType

router = APIRouter(prefix="/problems", tags=["problems"])


@router.get("", summary="Everything that can go wrong")
async def list_problems() -> list[ProblemType]:
    """Return the table of problems."""
    return [_entry(problem) for problem in Problem]


@router.get("/{name}", summary="One kind of problem", responses=problems(Problem.NOT_FOUND))
async def get_problem(name: str) -> ProblemType:
    """Return the entry that a problem's ``type`` names."""
    for problem in Problem:
        if problem.value.name == name:
            return _entry(problem)
    raise ProblemError(
        Problem.NOT_FOUND, f"there is no problem {name[:100]!r}; GET /api/v1/problems lists them"
    )


def _entry(problem: Problem) -> ProblemType:
    return ProblemType(type=problem.type, status=problem.status, title=problem.title)
