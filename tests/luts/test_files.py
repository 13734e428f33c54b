from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from luts.errors import UserError
from luts.files import Journal, claim_folder

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_journal_on_a_full_disk_names_itself_and_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append({"kept": 1})
    journal._file.close()
    journal._file = FULL.open("ab", buffering=0)
    with pytest.raises(OSError, match="No space left") as raised:
        journal.append({"lost": 2})
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(path))
    journal.close()
    assert Journal(path).records == [{"kept": 1}]


def test_a_folder_is_claimed_until_its_handle_is_closed(tmp_path: Path) -> None:
    handle = claim_folder(tmp_path, "it is taken")
    with pytest.raises(UserError, match="it is taken"):
        claim_folder(tmp_path, "it is taken")
    os.close(handle)
    os.close(claim_folder(tmp_path, "it is taken"))
