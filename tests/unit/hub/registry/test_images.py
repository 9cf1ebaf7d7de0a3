import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.errors import RegistryProtocolError
from strata_hub.registry.documents import MAX_SIZE, OCI_INDEX, OCI_MANIFEST, parse_config, parse_manifest
from strata_hub.registry.images import Named, choose, describe, not_an_image, unrunnable
from strata_hub.registry.names import Platform
from support import oci_images

AMD64 = Platform("linux", "amd64")
DIGEST = "sha256:" + "0" * 64
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def described(*builts: Any, platform: Platform = AMD64) -> Any:
    chain = [Named(built.digest, parse_manifest(built.manifest, built.media_type, "it")) for built in builts]
    return describe(chain, parse_config(builts[-1].config, "it"), platform)


def test_annotations_of_the_index_go_before_the_manifests_and_those_before_labels() -> None:
    title, source, url = (f"org.opencontainers.image.{key}" for key in ("title", "source", "url"))
    inner = oci_images.image(
        labels={title: "label", source: "label", url: "label"}, annotations={title: "manifest", source: "manifest"}
    )
    outer = oci_images.index(("linux/amd64", inner), annotations={title: "index"})
    found = described(outer, inner)
    assert found.labels == {title: "index", source: "manifest", url: "label"}
    assert found.digest == outer.digest


@pytest.mark.parametrize(
    ("annotation", "label", "config", "year"),
    [
        ("2021-01-01", "2022-01-01", "2023-01-01", 2021),
        (None, "2022-01-01", "2023-01-01", 2022),
        (None, None, "2023-01-01", 2023),
        ("1970-01-01", "2022-01-01", "2023-01-01", 2023),
        (None, None, "1980-01-01", None),
        (None, None, None, None),
    ],
)
def test_the_date_is_the_annotations_then_the_labels_then_the_configs(
    annotation: str | None, label: str | None, config: str | None, year: int | None
) -> None:
    created = "org.opencontainers.image.created"
    built = oci_images.image(
        annotations={created: annotation} if annotation else None,
        labels={created: label} if label else None,
        created=config,
    )
    found = described(built).created
    assert (found.year if found else None) == year


def test_the_label_schemas_date_counts_as_a_label() -> None:
    built = oci_images.image(labels={"org.label-schema.build-date": "2019-05-01T00:00:00Z"}, created=None)
    assert described(built).created.year == 2019


def test_an_attestation_is_never_chosen() -> None:
    built = oci_images.index(("linux/arm64", oci_images.image()), attestation=True)
    why = choose(parse_manifest(built.manifest, built.media_type, "it"), AMD64)
    assert why == "It has no image for linux/amd64; it has: linux/arm64."


def test_the_exact_variant_is_preferred() -> None:
    plain, v8 = oci_images.image(labels={"io.strata.a": "1"}), oci_images.image(labels={"io.strata.a": "2"})
    built = oci_images.index(("linux/arm64", plain), ("linux/arm64/v8", v8))
    manifest = parse_manifest(built.manifest, built.media_type, "it")
    assert choose(manifest, Platform("linux", "arm64", "v8")).digest == v8.digest
    assert choose(manifest, Platform("linux", "arm64")).digest == plain.digest
    assert choose(manifest, Platform("linux", "arm64", "v9")).digest == plain.digest


def test_a_config_without_a_platform_fits() -> None:
    built = oci_images.image()
    manifest = parse_manifest(built.manifest, built.media_type, "it")
    assert describe([Named(built.digest, manifest)], parse_config(b"{}", "it"), AMD64).runnable


def test_the_size_is_that_of_all_layers_and_fits_in_64_bits() -> None:
    assert described(oci_images.image(layers=(b"12345", b"123"))).size == 8
    layer = {"size": MAX_SIZE}
    document = oci_images.image().document | {"layers": [layer, layer]}
    assert parse_manifest(oci_images.dump(document), OCI_MANIFEST, "it").size == MAX_SIZE


@pytest.mark.parametrize("labels", [None, {}, {"a": None}])
def test_an_image_without_labels_has_none(labels: Any) -> None:
    assert described(oci_images.image(labels=labels)).labels == {}


def test_reasons_are_plain_text() -> None:
    built = oci_images.image(extra={"artifactType": "a\u202eb\x1b<script>"})
    assert (
        not_an_image(parse_manifest(built.manifest, built.media_type, "it")) == "It is an artifact of type ab<script>."
    )


@given(
    document=JSON,
    overlay=st.dictionaries(
        st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests", "annotations", "artifactType"]),
        JSON,
    ),
    kind=st.sampled_from([OCI_INDEX, OCI_MANIFEST, "text/html", ""]),
)
def test_any_json_is_a_manifest_or_an_error(document: Any, overlay: dict[str, Any], kind: str) -> None:
    for body in (document, {"schemaVersion": 2, "mediaType": kind} | overlay):
        try:
            manifest = parse_manifest(json.dumps(body).encode(), kind, "it")
            choose(manifest, AMD64)
            assert isinstance(not_an_image(manifest), str)
        except RegistryProtocolError:
            continue


@given(st.one_of(st.binary(max_size=100), JSON.map(json.dumps).map(str.encode)))
def test_any_bytes_are_a_config_or_an_error(body: bytes) -> None:
    built = oci_images.image()
    chain = [Named(built.digest, parse_manifest(built.manifest, built.media_type, "it"))]
    try:
        describe(chain, parse_config(body, "it"), AMD64)
    except RegistryProtocolError:
        return


def test_all_parts_of_an_index_are_kept_so_that_none_is_deleted_under_it() -> None:
    inner, other = oci_images.image(), oci_images.image(labels={"a": "b"})
    outer = oci_images.index(("linux/amd64", inner), ("linux/arm64", other))
    assert described(outer, inner).children == (inner.digest, other.digest)
    top = Named(outer.digest, parse_manifest(outer.manifest, outer.media_type, "it"))
    assert unrunnable(top, "No.").children == (inner.digest, other.digest)
    assert described(inner).children == ()
