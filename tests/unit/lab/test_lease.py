import json
import os
import threading
from pathlib import Path

import pytest
from strata_lab import lease
from strata_lab.errors import Busy, Cancelled


def plant(locks: Path, name: str, **changes: object) -> Path:
    """Put somebody's lease there, and return its folder."""
    mine = lease.acquire(locks, "scratch", "x")
    document = json.loads((mine.folder / f"{mine.tag}.json").read_text()) | changes
    mine.release()
    folder = locks / name
    folder.mkdir()
    (folder / f"{document['tag']}.json").write_text(json.dumps(document))
    return folder


def test_one_holds_and_the_other_is_told_by_whom(tmp_path: Path) -> None:
    with lease.held(tmp_path, "mine", "install", user="ada"):
        with pytest.raises(Busy, match=r"changed by ada on .* install"), lease.held(tmp_path, "mine", "remove"):
            pass
        with lease.held(tmp_path, "other", "remove"):
            pass
    with lease.held(tmp_path, "mine", "remove"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_waiting_ends_when_the_other_is_done(tmp_path: Path) -> None:
    first = lease.acquire(tmp_path, "mine", "install")
    threading.Timer(0.3, first.release).start()
    with lease.held(tmp_path, "mine", "remove", wait=60):
        pass


def test_waiting_can_be_cancelled(tmp_path: Path) -> None:
    with lease.held(tmp_path, "mine", "install"), pytest.raises(Cancelled):
        lease.acquire(tmp_path, "mine", "remove", wait=60, cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes", [{"pid": 2**22 + 1}, {"boot": "another"}, {"started": "1"}], ids=["gone", "rebooted", "pid reused"]
)
def test_a_dead_holder_on_this_host_is_replaced_at_once(tmp_path: Path, changes: dict[str, object]) -> None:
    plant(tmp_path, "mine", **changes)
    with lease.held(tmp_path, "mine", "remove") as mine:
        mine.renew()
    lease.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_holder_elsewhere_is_believed_for_its_whole_term(tmp_path: Path) -> None:
    folder = plant(tmp_path, "mine", host="another-pod")
    with pytest.raises(Busy, match="another-pod"):
        lease.acquire(tmp_path, "mine", "remove")
    (file,) = folder.iterdir()
    os.utime(file, (file.stat().st_atime, file.stat().st_mtime - lease.TERM - 1))
    with lease.held(tmp_path, "mine", "remove"):
        pass


def test_who_was_replaced_notices_and_cannot_release_the_others_lease(tmp_path: Path) -> None:
    mine = lease.acquire(tmp_path, "mine", "install")
    file = mine.folder / f"{mine.tag}.json"
    os.utime(file, (0, 0))
    other = lease.acquire(tmp_path, "mine", "remove")
    with pytest.raises(Busy, match="took this environment over"):
        mine.renew()
    mine.release()
    other.renew()
    other.release()


def test_of_many_that_find_a_dead_lease_one_gets_it(tmp_path: Path) -> None:
    for _ in range(20):
        plant(tmp_path, "mine", pid=2**22 + 1)
        start, won = threading.Barrier(6), []

        def contend(start: threading.Barrier = start, won: list[lease.Lease] = won) -> None:
            start.wait()
            try:
                won.append(lease.acquire(tmp_path, "mine", "x"))
            except Busy:
                return

        threads = [threading.Thread(target=contend) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        won[0].renew()
        won[0].release()
        lease.sweep(tmp_path)


def test_the_living_are_not_swept(tmp_path: Path) -> None:
    with lease.held(tmp_path, "mine", "install") as mine:
        plant(tmp_path, "dead", pid=2**22 + 1, tag="0" * 12)
        assert lease.living(tmp_path) == {mine.tag}
        assert lease.sweep(tmp_path) == 1
        mine.renew()
        assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_lock_that_cannot_be_read_is_left_alone_until_its_time_is_over(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "x.json").write_text("{")
    with pytest.raises(Busy):
        lease.acquire(tmp_path, "mine", "remove")
    assert lease.sweep(tmp_path) == 0
    os.utime(folder, (0, 0))
    assert lease.sweep(tmp_path) == 1
    with lease.held(tmp_path, "mine", "remove"):
        pass


def test_what_was_given_back_but_not_removed_goes_with_the_next_sweep(tmp_path: Path) -> None:
    (tmp_path / ".free.0123456789ab").mkdir()
    assert lease.sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
