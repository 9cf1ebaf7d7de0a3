"""Menu states for tests: a deployment with two payloads, sizes by group, and as many images as a test wants."""

import hashlib
from datetime import UTC, datetime, timedelta

from strata_hub.state import HiddenImage, ImageEntry, MenuState, Payload, Recommendation, Section, Size
from strata_hub.tags import TagKind

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SCIENCE = "registry.example.org/lab/science"
SUMMIT = "registry.example.org:5000/lab/summit"
GIB = 1024**3


def digest_of(name: str) -> str:
    """Return a digest that belongs to `name`."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def entry(tag: str, kind: TagKind = TagKind.WEEKLY, **values: object) -> ImageEntry:
    """Return an image called `tag` that can be started."""
    known: dict[str, object] = {
        "digest": digest_of(tag),
        "tag": tag,
        "kind": kind,
        "display": f"{kind.value.replace('_', ' ').capitalize()} {tag.partition('_')[2] or tag}",
        "created": NOW - timedelta(days=3),
        "size": 2 * GIB,
        "version": tag,
    }
    return ImageEntry.model_validate({**known, **values})


def recommended() -> tuple[ImageEntry, ...]:
    """Return the recommended images of the science payload."""
    return (
        entry(
            "w_2026_22",
            names=("recommended", "latest_weekly"),
            display="Weekly 2026_22",
            section="recommended",
            recommendation=Recommendation(
                title="Recommended", alias="recommended", note="For all notebooks of this semester.", rank=1
            ),
            tested="passed",
            cached=True,
            stack="lsst_distrib w_2026_22",
            cycle="SAL Cycle 0044, Build 007",
            cycle_number=44,
        ),
        entry(
            "r29_2_0",
            TagKind.RELEASE,
            display="Release r29.2.0",
            section="recommended",
            recommendation=Recommendation(title="Stable release", alias="recommended_stable", rank=2),
            stack="lsst_distrib v29.2.0",
        ),
    )


def weeklies(count: int = 4, *, before: int = 22, section: Section | None = "weekly") -> tuple[ImageEntry, ...]:
    """Return `count` weeklies of 2026 and the years before, newest first."""
    found = []
    for index in range(count):
        year, week = divmod(2026 * 52 + before - 2 - index, 52)
        tag = f"w_{year}_{week + 1:02}"
        found.append(entry(tag, display=f"Weekly {tag[2:]}", section=section if index < 4 else None))
    return tuple(found)


def science(images: tuple[ImageEntry, ...] | None = None) -> Payload:
    """Return the payload ``science``; with recommended images, weeklies, dailies and some that need a group."""
    if images is None:
        images = (
            *recommended(),
            entry("r29_1_1", TagKind.RELEASE, display="Release r29.1.1", section="release"),
            *weeklies(),
            entry("d_2026_05_31", TagKind.DAILY, display="Daily 2026_05_31", section="daily", tested="failed"),
            entry("d_2026_05_30", TagKind.DAILY, display="Daily 2026_05_30", section="daily", digest=None),
            entry(
                "exp_w_2026_20_gpu", TagKind.EXPERIMENTAL, display="Experimental Weekly 2026_20 [gpu]", groups=("gpu",)
            ),
        )
    return Payload(
        name="science",
        title="Science pipelines",
        repository=SCIENCE,
        scheme="rubin",
        listed_at=NOW - timedelta(minutes=2),
        images=images,
        hidden=(HiddenImage(tag="w_2025_01", code="policy.window", reason="It is older than the support window."),),
        problems=("The pin “w_2020_01” does not exist.",),
    )


def summit() -> Payload:
    """Return the payload ``summit``."""
    cycle = "SAL Cycle 0044, Build 007"
    return Payload(
        name="summit",
        title="Telescope control",
        repository=SUMMIT,
        scheme="rubin",
        listed_at=NOW - timedelta(minutes=2),
        images=(
            entry(
                "d_2026_05_28_c0044.007",
                TagKind.DAILY,
                digest=digest_of("summit"),
                display="Daily 2026_05_28",
                names=("recommended_c0044",),
                section="recommended",
                recommendation=Recommendation(title="Tonight", alias="recommended_c0044", rank=1),
                cycle=cycle,
                cycle_number=44,
            ),
            entry(
                "w_2026_21",
                digest=digest_of("summit w_2026_21"),
                display="Weekly 2026_21",
                section="weekly",
                cycle=cycle,
                cycle_number=44,
            ),
        ),
    )


def sizes() -> tuple[Size, ...]:
    """Return three sizes, the largest for a group."""
    return (
        Size(
            name="small",
            title="Small",
            purpose="Reading and small plots",
            cpu_limit=1,
            cpu_request=0.25,
            memory_limit=3 * GIB,
            memory_request=GIB,
        ),
        Size(
            name="medium",
            title="Medium",
            purpose="Most notebooks",
            cpu_limit=2,
            cpu_request=0.5,
            memory_limit=6 * GIB,
            memory_request=2 * GIB,
            default=True,
        ),
        Size(
            name="large",
            title="Large",
            purpose="Whole visits",
            cpu_limit=4,
            cpu_request=1,
            memory_limit=16 * GIB,
            memory_request=4 * GIB,
            groups=("staff",),
        ),
    )


def state(*payloads: Payload, generated_at: datetime = NOW) -> MenuState:
    """Return the state of the deployment ``base`` with `payloads`, or with both of this module."""
    return MenuState(
        deployment="base",
        title="Base test stand",
        generated_at=generated_at,
        payloads=payloads or (science(), summit()),
        sizes=sizes(),
    )


def large_state(count: int) -> MenuState:
    """Return a state with `count` images in one payload."""
    return state(science((*recommended(), *weeklies(count - 2))))


def fresh(document: MenuState) -> MenuState:
    """Return `document` as if it had just been read, for a hub that looks at the clock."""
    now = datetime.now(UTC)
    payloads = tuple(payload.model_copy(update={"listed_at": now}) for payload in document.payloads)
    return document.model_copy(update={"generated_at": now, "payloads": payloads})
