"""What every test file shares: the torch oracle, and hypothesis profiles that draw the same examples on every run."""

import os
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings
from oracles import framework

_shared = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", max_examples=100, derandomize=True, **_shared)
settings.register_profile("long", max_examples=3000, **_shared)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "torch: compares with PyTorch, which is not a dependency of the library")


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "torch" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.torch)


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """PyTorch; a test that asks for it carries the marker `torch`."""
    return framework("torch")
