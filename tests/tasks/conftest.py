"""Small domains to train on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.data.toy import write_domains


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_domains(tmp_path_factory.mktemp("toy"))
