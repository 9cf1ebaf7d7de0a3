"""What an image's layout lets Strata promise, in sentences for people."""

from strata_lab.image_contract import ImageContract

_NO_CONTRACT = "This image does not say where its stack is, so there are no environments on top of it."
_ONE_PYTHON = (
    "JupyterLab and the science stack are one Python: environments see those of JupyterLab, and may not replace them.",
    "Whoever may write into that Python, as an administrator in a terminal may, can break the lab itself.",
    "A kernel of the stack can import the server's packages, and their versions limit what can be installed.",
)


def limits(contract: ImageContract | None) -> tuple[str, ...]:
    """Return what cannot be protected in an image; empty for one that keeps machinery and stack apart."""
    if contract is None:
        return (_NO_CONTRACT,)
    return _ONE_PYTHON if contract.one_python else ()
