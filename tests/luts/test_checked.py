from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from luts.checked import read_record
from luts.errors import CorruptFileError, UserError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    latency_ms: float


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: Inner


def test_a_record_is_read_and_its_first_wrong_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text('{"inner": {"latency_ms": 2}}')
    assert read_record(path, Record) == Record(inner=Inner(latency_ms=2.0))
    for text, field in (('{"inner": {"latency_ms": "soon"}}', "inner.latency_ms"),
                        ("{}", "inner"), ('{"inner": {"latency_ms": 2}, "more": 1}', "more")):
        path.write_text(text)
        with pytest.raises(CorruptFileError, match=rf"record\.json: {field} is damaged"):
            read_record(path, Record)


def test_what_is_absent_or_no_json_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        read_record(tmp_path / "absent.json", Record)
    (tmp_path / "torn.json").write_text('{"inner": ')
    with pytest.raises(CorruptFileError, match="not valid JSON"):
        read_record(tmp_path / "torn.json", Record)
