"""What a kernel specification says."""

from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from strata_lab import kernels
from strata_lab.kernels import Kernel

KERNEL = Kernel(
    "strata-mine", "mine — Survey", Path("/e/bin/python"), environment="mine", generation="g", lock_hash="h"
)


def test_the_interpreter_ignores_the_users_variables_unless_the_stack_lives_on_them() -> None:
    plain = kernels.specification(KERNEL, Path("/p/kernel_main.py"), isolated=True)["argv"]
    assert plain == ["/e/bin/python", "-E", "-s", "/p/kernel_main.py", "-f", "{connection_file}"]
    assert "-E" not in kernels.specification(KERNEL, Path("/p"), isolated=False)["argv"]


def test_a_kernel_that_cannot_start_says_so_in_its_name_and_why_in_its_metadata() -> None:
    broken = Kernel(
        "strata-mine", "mine — Survey", Path("/e/bin/python"), environment="mine", reason="It needs a rebuild."
    )
    found = kernels.specification(broken, Path("/p"), isolated=True)
    assert found["display_name"] == "mine — Survey (cannot start)"
    assert found["metadata"]["strata"]["disabled"] == "It needs a rebuild."


def test_jupyter_accepts_it() -> None:
    spec = KernelSpec(resource_dir="/", name=KERNEL.name, **kernels.specification(KERNEL, Path("/p"), isolated=True))
    assert spec.metadata["strata"]["lock"] == "h"


def test_an_overlay_comes_before_what_activation_put_on_the_path() -> None:
    assert kernels.first_on_path({"PYTHONPATH": "/a:/b"}, Path("/overlay"))["PYTHONPATH"] == "/overlay:/a:/b"
    assert kernels.first_on_path({}, Path("/overlay"))["PYTHONPATH"] == "/overlay"
