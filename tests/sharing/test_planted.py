"""Secrets planted in many places and forms, and none of them found again."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.flow import Flow
from mitmproxy.http import Headers, HTTPFlow
from mitmproxy.io import FlowWriter

from lp_sentinel.captures.opening import open_capture
from lp_sentinel.cli import main
from lp_sentinel.config import Config, config_from
from lp_sentinel.exchange import FAULT_KEY
from lp_sentinel.reports.formats import FORMATS
from lp_sentinel.sharing.redacting import SharingError, redact_capture, redact_flows
from tests.ours import CAPTURES, SCRIPT, saved_flows
from tests.sharing.planted import SECRETS, flows, found_in
from tests.sharing.same import verdict
from tests.world.proxy import Options, replay

CONFIG = config_from(
    {"accounts": {"12345678": {"apps": [{"client_id": "my-app", "redirect_uris": ["https://app.example/cb"]}]}}}
)


@pytest.fixture(params=["flow", "har"])
def capture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"planted.{request.param}"
    if request.param == "flow":
        save(flows(), path)
    else:
        har = SaveHar().make_har([flow for flow in flows() if isinstance(flow, HTTPFlow)])
        path.write_text(json.dumps(har))
    return path


def save(given: Iterable[Flow], path: Path) -> None:
    with path.open("wb") as file:
        writer = FlowWriter(file)  # type: ignore[no-untyped-call]
        for flow in given:
            writer.add(flow)


def test_the_secrets_are_there(capture: Path) -> None:
    # A HAR holds no comments, messages of sockets, earlier versions and the like.
    assert len(found_in(capture.read_bytes())) >= (len(SECRETS) if capture.suffix == ".flow" else 40)


def test_none_is_in_the_output(capture: Path, tmp_path: Path) -> None:
    target = tmp_path / "shared"
    redacted = redact_capture(capture, target, CONFIG)
    assert redacted.problem is None
    assert found_in(target.read_bytes()) == []
    assert found_in("\n".join(redacted.lines).encode()) == []


@pytest.mark.parametrize(("ending", "magic"), [(".gz", b"\x1f\x8b"), (".zst", b"\x28\xb5\x2f\xfd")])
def test_a_copy_is_packed_as_its_name_says(ending: str, magic: bytes, capture: Path, tmp_path: Path) -> None:
    plain, packed = tmp_path / "shared.har", tmp_path / f"shared.har{ending}"
    for target in (plain, packed):
        redact_capture(capture, target, CONFIG)
    assert packed.read_bytes().startswith(magic)
    assert packed.stat().st_size < plain.stat().st_size
    assert verdict(packed, CONFIG) == verdict(plain, CONFIG)
    redact_flows(flows(), packed.with_name(f"flows.HAR{ending}"), CONFIG)
    with open_capture(packed.with_name(f"flows.HAR{ending}")) as (_, kind):
        assert kind == "har"


def test_the_findings_are_the_same(capture: Path, tmp_path: Path) -> None:
    target = tmp_path / "shared"
    redact_capture(capture, target, CONFIG)
    before = verdict(capture, CONFIG)
    assert verdict(target, CONFIG) == before
    assert {"LPA407", "LPA408"} <= {finding[0] for finding in before[0]}


def test_the_command_and_reports_of_what_it_wrote(capture: Path, tmp_path: Path) -> None:
    target = tmp_path / "shared"
    result = CliRunner().invoke(main, ["redact", str(capture), str(target)])
    assert result.exit_code == 0
    reports = [tmp_path / f"report{ending}" for ending in FORMATS]
    asked = [argument for report in reports for argument in ("--report", str(report))]
    for checked in (target, capture):
        judged = CliRunner().invoke(main, ["check", str(checked), *asked])
        assert judged.exit_code == 1
        for written in (*(report.read_bytes() for report in reports), judged.output.encode()):
            assert found_in(written) == []
    assert found_in(result.output.encode()) == []


def test_nothing_that_mitmproxy_shows_or_saves_of_ours_holds_one(tmp_path: Path) -> None:
    capture, saved = tmp_path / "planted.flow", tmp_path / "saved.flow"
    given = flows()
    for flow in given:
        flow.comment = ""  # what a person wrote there stays
    save(given, capture)
    reports = [tmp_path / f"report{ending}" for ending in FORMATS]
    options: Options = {"lp_report": reports, "flow_detail": "0", "termlog_verbosity": "debug"}
    ended = replay(capture, "-w", saved, "-s", SCRIPT, options=options)
    assert "LPA407" in ended.stdout
    for written in (*(report.read_bytes() for report in reports), ended.stdout.encode(), ended.stderr.encode()):
        assert found_in(written) == []
    comments = [flow.comment for flow in saved_flows(saved)]
    assert any("LPA132" in comment for comment in comments)
    assert found_in("\n".join(comments).encode()) == []


def test_equal_secrets_stay_equal_in_every_form(tmp_path: Path) -> None:
    target = tmp_path / "shared.flow"
    redact_flows(flows(), target, CONFIG)
    begin, _, finish, callback, token, leak, *_ = saved_flows(target)
    state = begin.request.query["state"]
    assert finish.response is not None
    assert finish.response.headers["location"] == callback.request.url
    assert callback.request.query["state"] == state
    assert dict(token.request.urlencoded_form)["code"] == callback.request.query["code"]
    assert leak.request.query["u"] == callback.request.url
    assert (
        state in str(begin.response and begin.response.headers["location"]) or "%25" in begin.request.headers["referer"]
    )


def test_browsers_stay_apart_and_loopback_stays(tmp_path: Path) -> None:
    one, two, three = (flow for flow in flows()[:3])
    two.client_conn.peername = ("203.0.113.78", 1)
    three.client_conn.peername = ("127.0.0.1", 1)
    redact_flows([one, two, three], tmp_path / "shared", Config())
    seen = [flow.client_conn.peername for flow in saved_flows(tmp_path / "shared")]
    assert [address[0] for address in seen if address] == ["10.0.0.1", "10.0.0.2", "127.0.0.1"]


def test_what_stands_beside_a_message_is_replaced_or_left_out(tmp_path: Path) -> None:
    flow = flows()[0]
    assert isinstance(flow, HTTPFlow)
    assert flow.response is not None
    flow.response.trailers = Headers([(b"X-State", SECRETS[0].encode()), (b"Server", b"word")])
    flow.metadata |= {FAULT_KEY: "it; n=1: the code replaced", SECRETS[1]: "1"}
    redacted = redact_flows([flow], tmp_path / "shared", CONFIG)
    assert found_in((tmp_path / "shared").read_bytes()) == []
    [shared] = saved_flows(tmp_path / "shared")
    assert shared.response is not None
    assert shared.response.trailers is not None
    assert shared.response.trailers["server"] == "word"
    assert shared.metadata == {FAULT_KEY: True}
    assert "left out: comments (1)" in redacted.lines


def test_what_was_not_there_is_not_said_to_be_left_out(tmp_path: Path) -> None:
    flow = flows()[0]
    flow.comment = ""
    assert not any("left out" in line for line in redact_flows([flow], tmp_path / "shared", CONFIG).lines)


def test_an_account_of_the_config_stays_wherever_it_stands(tmp_path: Path) -> None:
    flow = flows()[0]
    assert isinstance(flow, HTTPFlow)
    flow.request.path = "/status"
    flow.request.headers["X-Brand"] = "12345678"
    redact_flows([flow], tmp_path / "shared", CONFIG)
    assert saved_flows(tmp_path / "shared")[0].request.headers["x-brand"] == "12345678"


def test_nothing_is_overwritten(capture: Path, tmp_path: Path) -> None:
    target = tmp_path / "there"
    target.write_text("precious")
    before = capture.read_bytes()
    for wanted, force, says in ((target, False, "--force"), (capture, False, "itself"), (capture, True, "itself")):
        with pytest.raises(SharingError, match=says):
            redact_capture(capture, wanted, Config(), may_overwrite=force)
    assert (target.read_text(), capture.read_bytes()) == ("precious", before)
    redact_capture(capture, target, Config(), may_overwrite=True)
    assert target.read_text(errors="replace") != "precious"


def test_a_stream_is_refused_but_not_a_file_of_that_name(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for named in (["-", "out"], [str(capture), "-"]):
        result = CliRunner().invoke(main, ["redact", *named])
        assert (result.exit_code, "expected a file, not a stream" in result.output) == (2, True)
    Path("./-").write_bytes(capture.read_bytes())
    assert CliRunner().invoke(main, ["redact", "./-", "out"]).exit_code == 0


def test_what_is_written_to_stays_what_it_is(capture: Path, tmp_path: Path) -> None:
    there, link, new = tmp_path / "there", tmp_path / "link", tmp_path / "new"
    there.touch(mode=0o640)
    link.symlink_to("there")
    redact_capture(capture, link, Config(), may_overwrite=True)
    assert link.is_symlink()
    assert there.stat().st_size > 0
    assert stat.S_IMODE(there.stat().st_mode) == 0o640
    plain = tmp_path / "plain"
    plain.touch()
    redact_capture(capture, new, Config())
    assert new.stat().st_mode == plain.stat().st_mode
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SharingError, match="--force"):
        redact_capture(capture, pipe, Config())
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_bytes)
        redact_capture(capture, pipe, Config(), may_overwrite=True)
    assert read.result() != b""
    assert found_in(read.result()) == []
    assert pipe.is_fifo()
    assert {one.name for one in tmp_path.iterdir()} == {capture.name, "link", "new", "pipe", "plain", "there"}


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "is empty"), (b"hello", "neither a flow file nor a HAR"), (b"PK\x03\x04", "is a ZIP")]
)
def test_what_is_no_capture(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "in").write_bytes(content)
    result = CliRunner().invoke(main, ["redact", str(tmp_path / "in"), str(tmp_path / "out")])
    assert result.exit_code == 2
    assert says in result.output
    assert not (tmp_path / "out").exists()


def test_of_a_capture_that_cannot_be_read_at_all_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "in").write_text('{"log": {"entries": [1]}}')
    result = CliRunner().invoke(main, ["redact", str(tmp_path / "in"), str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "in: entry 0 cannot be read (ValueError) and is left out" in result.output
    assert not (tmp_path / "out").exists()


def test_a_broken_capture_is_written_as_far_as_it_goes(tmp_path: Path, capture: Path) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(capture.read_bytes()[:-3000])
    result = CliRunner().invoke(main, ["redact", str(cut), str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "ends in the middle" in result.output
    assert found_in((tmp_path / "out").read_bytes()) == []


@pytest.mark.parametrize(("name", "is_told"), [("safe.har", True), ("safe.har.gz", True), ("safe.flow", False)])
def test_a_flow_file_that_is_called_a_har_is_told_to_be_none(tmp_path: Path, name: str, *, is_told: bool) -> None:
    result = CliRunner().invoke(main, ["redact", str(CAPTURES / "demo.flow"), str(tmp_path / name)])
    assert result.exit_code == 0
    assert ("it is a flow file, as the original is" in result.output) is is_told


def test_a_folder_is_told_apart_from_a_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["redact", str(tmp_path), str(tmp_path / "safe.har")])
    assert result.exit_code == 2
    assert "is a folder, and one file is expected" in result.output
