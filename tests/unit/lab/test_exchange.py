import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from strata_lab import exchange
from strata_lab.environments import Kind, Locked
from strata_lab.errors import InvalidInput, Refused, StrataError
from support.records import locked, make_record

RECORD = make_record(intent={"requirements": ["lines>=1"]}, locked=[locked("lines==1.1"), locked("other==2.0")])
CONDA = make_record(
    intent={"kind": "conda", "requirements": ["gdal >=3"], "python": "3.12"}, channels=["https://conda.example/forge"]
)


def test_requirements_carry_every_hash() -> None:
    text = exchange.export(RECORD, "requirements")
    read = exchange.read(text, "requirements")
    assert read.intent.requirements == ("lines==1.1", "other==2.0")
    assert read.hashes == {"lines==1.1": frozenset({"a" * 64}), "other==2.0": frozenset({"a" * 64})}


def test_a_lock_becomes_pins_with_the_hashes_of_all_its_files() -> None:
    read = exchange.read(exchange.export(RECORD, "pylock"), "pylock")
    assert read.intent.requirements == ("lines==1.1", "other==2.0")
    assert read.hashes["lines==1.1"] == frozenset({"a" * 64})


def test_a_conda_environment_is_written_and_read_as_environment_yml() -> None:
    text = exchange.export(CONDA, "environment-yml")
    assert yaml.safe_load(text)["channels"] == ["https://conda.example/forge"]
    read = exchange.read(text, "environment-yml").intent
    assert (read.kind, read.requirements, read.python) == (Kind.CONDA, ("gdal >=3",), "3.12")


def test_an_environment_yml_of_pip_packages_alone_is_an_overlay() -> None:
    read = exchange.read("dependencies: [python=3.11, pip, {pip: [lines>=1]}]", "environment-yml").intent
    assert (read.kind, read.requirements) == (Kind.OVERLAY, ("lines>=1",))


def test_the_lock_of_a_conda_environment_is_written_and_read_whole() -> None:
    package = Locked(
        name="gdal",
        version="3.9.0",
        url="https://conda.example/forge/linux-64/gdal-3.9.0-h1_0.conda",
        sha256="b" * 64,
        build="h1_0/linux-64",
        index="https://conda.example/forge",
    )
    text = exchange.export(CONDA.model_copy(update={"locked": (package,)}), "rattler-lock")
    read = exchange.read(text, "rattler-lock")
    assert read.hashes == {"gdal==3.9.0": frozenset({"b" * 64})}
    assert read.intent.requirements == ("gdal ==3.9.0",)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("requirements", "-r other.txt"),
        ("requirements", "-e ."),
        ("requirements", "--index-url https://evil.example/simple\nlines"),
        ("requirements", "lines @ https://evil.example/x.whl"),
        ("requirements", "lines==1 --hash=sha256:zz"),
        ("requirements", "lines==1 --hash=md5:abc"),
        ("requirements", "lines>1\nlines<1"),
        ("pylock", "not = [toml"),
        ("pylock", "packages = 3"),
        ("pylock", '[[packages]]\nname = "a"\nversion = "1"'),
        ("pylock", '[[packages]]\nname = "a"\nversion = "1"\n[packages.vcs]\nurl = "https://x"'),
        ("environment-yml", "[1, 2"),
        ("environment-yml", "name: x"),
        ("environment-yml", "dependencies: [gdal, {pip: [lines]}]"),
        ("environment-yml", "dependencies: [{npm: [x]}]"),
        ("environment-yml", "dependencies: ['https://x/y.conda']"),
        ("environment-yml", "dependencies: ['evil::gdal']"),
        ("environment-yml", "dependencies: [3]"),
        ("environment-yml", "!!python/object/apply:os.system ['true']"),
        ("sqlite", "x"),
    ],
)
def test_files_that_ask_for_more_than_names_and_versions_are_refused(form: str, text: str) -> None:
    with pytest.raises((InvalidInput, Refused)):
        exchange.read(text, form)


def test_forms_that_do_not_fit_the_kind_are_told() -> None:
    with pytest.raises(InvalidInput, match="conda"):
        exchange.export(CONDA, "pylock")


@pytest.mark.parametrize("form", ["requirements", "pylock", "environment-yml"])
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(form: str, text: str) -> None:
    try:
        exchange.read(text, form)
    except StrataError:
        return
