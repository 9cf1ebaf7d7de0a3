"""Start kernels in the user's environment: activated, with their own environment first, and nothing of the server's."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from tornado import web

from strata_lab import activation, ipython_folder, kernels, private, userview
from strata_lab.errors import StrataError
from strata_lab.image_contract import ImageContract, load
from strata_lab.kernel_catalogue import site_packages


class KernelUnavailable(web.HTTPError):
    """A kernel that is shown but cannot be started; the message is the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(409, reason)
        self.sentence = reason

    def __str__(self) -> str:
        """Return the sentence alone: Jupyter shows it as the message of its own error."""
        return self.sentence


class StrataProvisioner(LocalProvisioner):
    """A local process; for Strata's own kernels in the stack's environment, for all in the user's own.

    Attributes
    ----------
    facts
        What the kernel was started with: environment, generation, lock; empty for kernels that are not Strata's.
    """

    facts: Mapping[str, Any] = {}
    _prepared: dict[str, str] | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - the base class's signature
        """Prepare the environment before the process starts.

        Raises
        ------
        KernelUnavailable
            The kernel's environment does not fit the stack, or has been deleted.
        """
        facts = dict(self.kernel_spec.metadata.get("strata") or {})
        # The server works in its private folder; a kernel that no notebook asked for works where notebooks are.
        root = getattr(getattr(self.parent, "parent", None), "root_dir", "")
        if root and not kwargs.get("cwd"):
            kwargs["cwd"] = root
        environ = dict(kwargs.get("env") or os.environ)
        if facts:
            self._refuse_if_disabled(facts)
            self.facts = facts
            try:
                self._prepared = await asyncio.to_thread(self._kernel_environment, facts, environ)
            except (StrataError, OSError) as error:
                sentence = error.sentence() if isinstance(error, StrataError) else f"The kernel cannot start: {error}."
                raise KernelUnavailable(sentence) from error
        return dict(await super().pre_launch(**kwargs))

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the kernel's folder when it does not come back."""
        await super().cleanup(restart=restart)
        folder = self._folder()
        if not restart and folder is not None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _finalize_env(self, env: dict[str, str]) -> None:
        """Replace the server's variables, in place, by the user's, keeping what the specification sets."""
        super()._finalize_env(env)
        prepared = userview.restored(env) if self._prepared is None else self._prepared
        declared = {name: env[name] for name in self.kernel_spec.env if name in env}
        env.clear()
        env.update({**prepared, **declared})

    def _refuse_if_disabled(self, facts: Mapping[str, Any]) -> None:
        if facts.get("disabled"):
            raise KernelUnavailable(str(facts["disabled"]))
        python = self.kernel_spec.argv[0]
        if not os.access(python, os.X_OK):
            name = facts.get("environment")
            what = f"the environment {name}" if name else "the image's stack"
            raise KernelUnavailable(f"The interpreter of {what} is not there: {python}.")

    def _kernel_environment(self, facts: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
        """Return the complete environment of one of Strata's kernels."""
        contract = load()
        prefix = Path(self.kernel_spec.argv[0]).parent.parent
        notices: list[str] = []
        if facts.get("own_prefix"):
            result = userview.for_kernel(environ) | {"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": str(prefix)}
        else:
            activated = activation.for_kernel(contract, environ)
            result = dict(activated.environ)
            if activated.report:
                notices.append(f"Your set-up script said:\n{activated.report}")
            site = site_packages(prefix) if facts.get("environment") else None
            if site is not None and result.get("PYTHONPATH"):
                result = kernels.first_on_path(result, site)
        folder = private.of(environ)
        first = [str(folder / "bin")] if folder is not None else []
        result = userview.with_path(result, first=[*first, str(prefix / "bin")], without=_hidden(contract))
        if facts.get("environment"):
            result["STRATA_ENVIRONMENT"] = str(facts["environment"])
        own = self._folder()
        if folder is not None and own is not None:
            result[kernels.FOLDER_VARIABLE] = str(own)
            result[kernels.PIP_VARIABLE] = str(folder / "bin" / "pip")
            safe = environ.get("STRATA_SAFE_MODE") == "1"
            with contextlib.suppress(OSError):
                notices.extend(ipython_folder.prepare(own, userview.restored(environ), safe=safe))
        if notices:
            result[kernels.NOTICE_VARIABLE] = "\n".join(notices)
        return result

    def _folder(self) -> Path | None:
        """Return the folder of this kernel's IPython, off the home; None where no launch made a private folder."""
        folder = private.of(os.environ)
        return None if folder is None or not self.kernel_id else folder / "ipython" / str(self.kernel_id)


def _hidden(contract: ImageContract) -> list[str]:
    return [] if contract.one_python else [str(contract.machinery.prefix / "bin")]
