import pytest

pytest.register_assert_rewrite("tests.acp.places.contract")
