"""Fixtures for every test."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Busy machines miss deadlines, and a failure that comes and goes helps nobody: examples are those of a
# fixed seed.
settings.register_profile("attrieve", deadline=None, derandomize=True)
settings.load_profile("attrieve")


def pytest_configure(config: pytest.Config) -> None:
    # beartype picks the items of a container it checks with `random`; Hypothesis takes that for a
    # strategy that draws behind its back.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning",
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data sets, which never enter the repository."""
    stated = os.environ.get("ATTRIEVE_DATA")
    folder = Path(stated) if stated else Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set ATTRIEVE_DATA to the folder that holds peta/")
    return folder
