"""The menu state as bytes: the same document as if it were dumped at once, written anew only where it changed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strata_hub.catalogue import Catalogue, Image, ImageMetadata
from strata_hub.judgement import Judgement, judge
from strata_hub.payloads import payload
from strata_hub.policy import PolicyConfig
from strata_hub.refresh.document import Encoder, document, pieces
from strata_hub.state import MenuState, load
from strata_hub.tags.rubin import RubinScheme

NOW = datetime(2026, 11, 21, tzinfo=UTC)
POLICY = PolicyConfig.model_validate(
    {"kinds": {"daily": {"count": 2}}, "recommended": {"first": {"tag": "d_2026_11_03", "title": "First"}}}
)


def image(name: str, *, examined: bool = True) -> Image:
    digest = f"sha256:{name[-2:] * 32}"
    metadata = ImageMetadata(digest, "application/vnd.oci.image.manifest.v1+json", NOW, {"io.strata.note": name})
    return Image(digest, (RubinScheme().parse(name),), metadata if examined else None)


def catalogue(*images: Image) -> Catalogue:
    return Catalogue("registry.example.org/lab", NOW, images)


def parts_of(encoder: Encoder, images: Catalogue) -> tuple[bytes, ...]:
    judged = judge(images, POLICY, NOW)
    head = payload("lab", "Lab", "rubin", images, Judgement((), (), judged.problems))
    return encoder.fragment(head, judged)


def state(*fragments: tuple[bytes, ...]) -> MenuState:
    head = MenuState(deployment="d", title="D", generated_at=NOW, payloads=(), sizes=())
    return load(b"".join(document(head, fragments)))


IMAGES = tuple(image(f"d_2026_11_{day:02}") for day in range(9, 1, -1))


def test_the_document_is_the_one_that_a_dump_of_everything_would_be() -> None:
    whole = catalogue(*IMAGES, image("exp_x_77"))
    expected = payload("lab", "Lab", "rubin", whole, judge(whole, POLICY, NOW))
    assert state(parts_of(Encoder(), whole)).payloads == (expected,)


def test_two_payloads_stand_side_by_side() -> None:
    first, second = parts_of(Encoder(), catalogue(*IMAGES)), parts_of(Encoder(), catalogue())
    assert [len(part.images) for part in state(first, second).payloads] == [8, 0]


def test_what_did_not_change_is_not_written_again() -> None:
    encoder = Encoder()
    before = parts_of(encoder, catalogue(*IMAGES))
    after = parts_of(encoder, catalogue(*IMAGES))
    same = {id(part) for part in before} & {id(part) for part in after if part.startswith(b'{"digest"')}
    assert len(same) == len(IMAGES)


@pytest.mark.parametrize(
    "changed",
    [
        catalogue(image("d_2026_11_10"), *IMAGES),
        catalogue(*IMAGES[1:]),
        catalogue(replace(IMAGES[0], metadata=None), *IMAGES[1:]),
        catalogue(replace(IMAGES[0], tags=(*IMAGES[0].tags, RubinScheme().parse("latest_daily"))), *IMAGES[1:]),
        catalogue(replace(IMAGES[0], digest=f"sha256:{'ab' * 32}"), *IMAGES[1:]),
    ],
)
def test_what_changed_is_written_as_it_is_now(changed: Catalogue) -> None:
    encoder = Encoder()
    parts_of(encoder, catalogue(*IMAGES))
    assert b"".join(parts_of(encoder, changed)) == b"".join(parts_of(Encoder(), changed))


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_pieces_are_the_same_bytes_in_equal_lengths(parts: list[bytes], size: int) -> None:
    cut = list(pieces(parts, size))
    assert b"".join(cut) == b"".join(parts)
    assert all(len(piece) == size for piece in cut[:-1])
