import stat

import pytest

from readonly_guard.audit import read_anchors, verify_all
from readonly_guard.errors import ConfigurationError


async def test_signed_heads_are_kept_and_find_a_log_that_was_cut_off(log, feed, tmp_path):
    elsewhere = tmp_path / "mount"
    elsewhere.mkdir()
    for _ in range(3):
        log.write(2)
        await feed("anchor_file", path="mount/anchors.jsonl").drain()

    anchors = read_anchors(elsewhere / "anchors.jsonl")
    assert [anchor.head.seq for anchor in anchors] == [4, 9, 14]
    assert stat.S_IMODE((elsewhere / "anchors.jsonl").stat().st_mode) == 0o600
    assert all(found.ok for found in verify_all(log.path, anchors=anchors))
    segment = next(log.path.glob("*.jsonl"))
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:7]))
    (found,) = verify_all(log.path, anchors=anchors)
    assert "its end was cut off" in found.first_fault.what


async def test_a_mount_that_is_not_there_is_named_and_tried_again(log, feed, tmp_path):
    log.write(1)
    with pytest.raises(ConfigurationError, match=r"\[plugin.anchor_file\] path: .*mount/anchors.*No such file"):
        await feed("anchor_file", path="mount/anchors").drain()
    (tmp_path / "mount").mkdir()
    await feed("anchor_file", path="mount/anchors").drain()
    assert len(read_anchors(tmp_path / "mount" / "anchors")) == 1
