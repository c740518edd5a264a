import pytest
import torch


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Systems are small: more threads only cost synchronisation, and the suite shares the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
