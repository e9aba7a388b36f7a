from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.model.node_types import NodeFailure
from engine.nodes import shell_process
from engine.nodes.shell_command import SHELL_COMMAND
from tests.engine.executors.processes import gone, written
from tests.engine.nodes.contexts import FakeContext, run_later


async def call(fake: FakeContext | None = None, /, *command: str, **params: Any) -> Any:
    return await run_later(SHELL_COMMAND, {"command": command, **params}, fake)


async def failed(fake: FakeContext | None = None, /, *command: str, **params: Any) -> NodeFailure:
    with pytest.raises(NodeFailure) as caught:
        await call(fake, *command, **params)
    return caught.value


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def test_a_program_returns_what_it_prints() -> None:
    fake = FakeContext()
    result = await call(fake, "sh", "-c", "echo out; echo err >&2")
    assert (result["exit_code"], result["stdout"], result["stderr"]) == (0, "out\n", "err\n")
    assert result["seconds"] > 0
    assert sorted(fake.emitted) == [("stderr", "err\n"), ("stdout", "out\n")]


async def test_no_shell_reads_the_arguments() -> None:
    result = await call(None, "echo", "$HOME; rm -rf *", "`id`", '"')
    assert result["stdout"] == '$HOME; rm -rf * `id` "\n'


async def test_output_is_shown_while_the_program_runs(tmp_path: Path) -> None:
    fake, go = FakeContext(), tmp_path / "go"
    wait = f"echo first; while [ ! -e {go} ]; do sleep 0.01; done; echo second"
    task = asyncio.get_running_loop().create_task(call(fake, "sh", "-c", wait))
    while not fake.emitted:
        await asyncio.sleep(0.005)
    assert fake.emitted == [("stdout", "first\n")]
    go.touch()
    assert (await task)["stdout"] == "first\nsecond\n"


async def test_input_folder_and_environment_are_as_asked(tmp_path: Path) -> None:
    fake = FakeContext(folder=tmp_path)
    (tmp_path / "sub").mkdir()
    script = "cat; pwd; echo $COLOUR $HEADGATE_IDEMPOTENCY_KEY"
    result = await call(fake, "sh", "-c", script, cwd="sub", stdin="in\n", env={"COLOUR": "red"})
    assert result["stdout"] == f"in\n{tmp_path / 'sub'}\nred key-1\n"


async def test_without_input_a_program_finds_its_end() -> None:
    assert (await call(None, "cat"))["stdout"] == ""


async def test_an_unexpected_exit_code_is_a_failure_with_the_last_words() -> None:
    failure = await failed(None, "sh", "-c", "echo a lot; echo 'no such thing' >&2; exit 3")
    assert (failure.code, failure.retryable, failure.nothing_happened) == ("exit_code", True, False)
    assert str(failure) == "sh ended with exit code 3: no such thing"
    assert failure.details["exit_code"] == 3
    assert failure.details["stdout"] == "a lot\n"


async def test_other_exit_codes_can_be_expected() -> None:
    assert (await call(None, "sh", "-c", "exit 1", exit_codes=[0, 1]))["exit_code"] == 1


async def test_a_program_that_a_signal_ends_says_which() -> None:
    failure = await failed(None, "sh", "-c", "kill -9 $$")
    assert "SIGKILL" in str(failure)
    assert failure.details["exit_code"] == -9


@pytest.mark.parametrize(
    ("command", "code"), [(("no-such-program",), "not_found"), (("/etc/passwd",), "permission")]
)
async def test_what_cannot_be_started_proves_that_nothing_happened(
    command: tuple[str, ...], code: str
) -> None:
    failure = await failed(None, *command)
    assert (failure.code, failure.retryable, failure.nothing_happened) == (code, False, True)
    assert command[0] in str(failure)


async def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    failure = await failed(FakeContext(folder=tmp_path), "true", cwd="gone")
    assert "there is no folder" in str(failure)
    assert failure.nothing_happened


# --- secrets ------------------------------------------------------------------------------


async def test_secrets_reach_the_program_and_nobody_else() -> None:
    fake = FakeContext(secrets={"api": "hush-hush"})
    script = "printf hush; sleep 0.05; echo -hush $TOKEN; echo $TOKEN >&2; test $TOKEN = hush-hush"
    result = await call(fake, "sh", "-c", script, secret_env={"TOKEN": "api"})
    assert result["stdout"] == "••• •••\n"
    assert result["stderr"] == "•••\n"
    assert "hush" not in fake.text


async def test_secrets_are_not_in_a_failure() -> None:
    fake = FakeContext(secrets={"api": "hush-hush"})
    failure = await failed(fake, "sh", "-c", "echo $T; exit 1", secret_env={"T": "api"})
    assert "hush" not in str(failure) + str(failure.details)


async def test_what_is_meant_for_the_engine_is_not_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADGATE_SECRET_API", "hush")
    assert "hush" not in (await call(None, "env"))["stdout"]


# --- ending -------------------------------------------------------------------------------


async def cancelled(command: tuple[str, ...]) -> float:
    task = asyncio.get_running_loop().create_task(call(None, *command))
    path = Path(command[-1])
    await written(path)
    start = time.perf_counter()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    return time.perf_counter() - start


async def test_cancelling_ends_the_program_and_what_it_has_started(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    script = "sleep 600 & echo $$ $! > $0; wait"
    assert await cancelled(("sh", "-c", script, str(path))) < 1.0
    assert await gone(*await written(path), within_s=1)


async def test_a_program_gets_a_moment_to_end_by_itself(tmp_path: Path) -> None:
    path, left = tmp_path / "pids", tmp_path / "left"
    script = f"trap 'echo tidy > {left}; exit 0' TERM; echo $$ > $0; sleep 600 & wait"
    await cancelled(("sh", "-c", script, str(path)))
    assert left.read_text(encoding="ascii") == "tidy\n"


async def test_a_program_that_does_not_want_to_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell_process, "GRACE_S", 0.2)
    path = tmp_path / "pids"
    script = "trap '' TERM; echo $$ > $0; while :; do sleep 600; done"
    assert 0.15 < await cancelled(("sh", "-c", script, str(path))) < 1.5
    assert await gone(*await written(path), within_s=1)


async def test_a_program_in_the_background_does_not_hold_the_node_up() -> None:
    start = time.perf_counter()
    result = await call(None, "sh", "-c", "sleep 3 & echo started")
    assert result["stdout"] == "started\n"
    assert time.perf_counter() - start < 2.5


# --- much output --------------------------------------------------------------------------


async def test_much_output_is_kept_whole_up_to_the_limit() -> None:
    fake = FakeContext()
    result = await call(fake, *python("print('x' * 5_000_000)"))
    assert len(result["stdout"]) == 5_000_001
    assert len(fake.text) < 3_000_000


async def test_of_too_much_output_the_end_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_process, "KEPT_CHARACTERS", 1_000)
    result = await call(None, *python("print('a' * 500_000); print('the end')"))
    assert len(result["stdout"]) == 1_000
    assert result["stdout"].endswith("the end\n")
    assert result["left_out"] > 0


async def test_a_flood_leaves_time_for_others() -> None:
    fake, gaps, last = FakeContext(), [0.0], time.perf_counter()
    task = asyncio.get_running_loop().create_task(call(fake, "yes"))
    for _ in range(300):
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now
    task.cancel()
    await asyncio.wait([task])
    assert sorted(gaps)[len(gaps) * 9 // 10] < 0.05
    assert len(fake.text) < 5_000_000


async def test_letters_that_are_cut_by_the_pipe_arrive_whole() -> None:
    code = "import os, time\nfor b in 'é•😀'.encode(): os.write(1, bytes([b])); time.sleep(0.01)"
    fake = FakeContext()
    assert (await call(fake, *python(code)))["stdout"] == "é•😀"
    assert fake.text == "é•😀"


async def test_it_works_beside_qt(qloop: asyncio.AbstractEventLoop) -> None:
    del qloop
    assert (await call(None, "echo", "hello"))["stdout"] == "hello\n"


@pytest.mark.parametrize("command", ["ls -l", [], [""], ["a\0b"], None])
def test_a_command_is_a_list_with_a_program(command: object) -> None:
    with pytest.raises(ValidationError):
        SHELL_COMMAND.params.model_validate({"command": command})
