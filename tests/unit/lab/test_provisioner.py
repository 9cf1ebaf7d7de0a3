"""How a kernel's process is prepared."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from strata_lab import userview
from strata_lab.provisioner import KernelUnavailable, StrataProvisioner


def provisioner(spec_environ: dict[str, str] | None = None, **facts: Any) -> StrataProvisioner:
    metadata = {"strata": facts} if facts else {}
    argv = [facts.pop("python", sys.executable), "-f", "{connection_file}"]
    spec = KernelSpec(argv=argv, display_name="x", language="python", metadata=metadata, env=spec_environ or {})
    return StrataProvisioner(kernel_spec=spec, kernel_id="1")


def test_jupyter_finds_it_by_its_name() -> None:
    spec = KernelSpec(metadata={"kernel_provisioner": {"provisioner_name": "strata-provisioner"}})
    assert KernelProvisionerFactory.instance().is_provisioner_available(spec)


def test_a_refusal_is_one_sentence_and_a_conflict() -> None:
    refusal = KernelUnavailable("100% of it needs a rebuild.")
    assert str(refusal) == "100% of it needs a rebuild."
    assert refusal.status_code == 409


async def test_a_kernel_that_is_shown_with_a_reason_is_refused_with_it() -> None:
    with pytest.raises(KernelUnavailable, match="It needs a rebuild"):
        await provisioner(disabled="It needs a rebuild.", environment="mine").pre_launch(env={})


async def test_an_interpreter_that_is_gone_is_named_before_anything_is_started() -> None:
    with pytest.raises(KernelUnavailable, match="the environment mine is not there: /gone/python"):
        await provisioner(python="/gone/python", environment="mine").pre_launch(env={})


async def test_an_image_without_a_contract_is_a_refusal_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_IMAGE_CONTRACT", "/nonexistent")
    with pytest.raises(KernelUnavailable, match="cannot be read"):
        await provisioner(environment="mine").pre_launch(env={})


async def test_any_other_kernel_gets_the_users_environment_and_what_its_specification_sets(tmp_path: Path) -> None:
    server = {"PATH": os.defpath, "JUPYTER_DATA_DIR": "/private", "MINE": "1"}
    environ = {**server, userview.CHANGES_VARIABLE: userview.changes({"PATH": os.defpath, "MINE": "1"}, server)}
    prepared = await provisioner({"OMP_NUM_THREADS": "2"}).pre_launch(env=environ)
    expected = {"PATH": os.defpath, "MINE": "1", "OMP_NUM_THREADS": "2", **userview.USER_DEFENCES}
    assert json.loads(json.dumps(prepared["env"])) == expected
