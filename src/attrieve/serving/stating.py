"""What for and for which case: asked of searches, views and exports where the operator says so."""

from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.settings import ServiceSettings


def require_purpose(settings: ServiceSettings, purpose: str | None, case: str | None) -> None:
    """Refuse what names no purpose and case where both are required.

    Raises:
        ProblemError: ``purpose-required``.
    """
    if not settings.purpose_required:
        return
    missing = [name for name, value in (("purpose", purpose), ("case", case)) if not (value or "").strip()]
    if missing:
        raise ProblemError(
            Problem.PURPOSE_REQUIRED,
            f"this service records what each search, view and export is for; give {' and '.join(missing)}",
            missing=missing,
        )
