from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import ValidationError

from engine.executors.process import ProcessPool
from engine.model.node_types import NodeFailure, Output
from engine.nodes.python_code import PYTHON_CODE, PythonCodeParams, run
from tests.engine.executors.processes import gone, written
from tests.engine.nodes.contexts import FakeContext, context, run_later


async def code(text: str, fake: FakeContext | None = None, **params: Any) -> Any:
    return await run_later(PYTHON_CODE, {"code": dedent(text), **params}, fake)


async def result(text: str, fake: FakeContext) -> Output:
    return await run(PythonCodeParams.model_validate({"code": text}), context(fake))


async def failed(text: str, fake: FakeContext | None = None, **params: Any) -> NodeFailure:
    with pytest.raises(NodeFailure) as caught:
        await code(text, fake, **params)
    return caught.value


async def test_the_result_is_the_variable_output() -> None:
    assert await code("output = input * 2", FakeContext(input=21)) == 42


@pytest.mark.parametrize(
    "text",
    [
        "def main(input):\n    return input + 1",
        "def main():\n    return input + 1",
        "async def main(value):\n    return value + 1",
        "output = 0\ndef main(value, more=1):\n    return value + more",
    ],
)
async def test_the_result_is_what_main_returns(text: str) -> None:
    assert await code(text, FakeContext(input=1)) == 2


async def test_the_code_sees_what_expressions_see() -> None:
    fake = FakeContext(input=[1], state={"count": 2}, variables={"rate": 3})
    text = "output = [input, state['count'], vars['rate'], ctx['node'], now.year, ctx['attempt']]"
    assert await code(text, fake) == [[1], 2, 3, "node", 2026, 1]


async def test_code_has_no_network_unless_the_node_says_so() -> None:
    """U122: and what it may do is what the person is asked about."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        dial = f"""
            import socket
            socket.create_connection({server.getsockname()!r}, 5).close()
            output = "connected"
        """
        error = await failed(dial)
        assert error.kind == "PermissionError" and "switch on Network" in str(error)
        assert await code(dial, network=True) == "connected"
    assert set(PYTHON_CODE.capabilities({"network": True})) == {"network", "process"}
    assert set(PYTHON_CODE.capabilities({})) == {"process"}


async def test_what_is_printed_is_shown() -> None:
    fake = FakeContext()
    await code("import sys\nprint('out')\nprint('err', file=sys.stderr)\noutput = 1", fake)
    assert fake.emitted == [("stdout", "out\n"), ("stderr", "err\n")]


async def test_dataclasses_paths_and_dates_become_json() -> None:
    text = """
        from dataclasses import dataclass
        from datetime import date
        from pathlib import PurePosixPath
        @dataclass
        class Row:
            name: "str"
        output = {"row": Row("a"), "day": date(2026, 1, 5), "path": PurePosixPath("x/y"), 1: (2,)}
    """
    assert await code(text) == {"row": {"name": "a"}, "day": "2026-01-05", "path": "x/y", "1": [2]}


async def test_an_error_names_the_line_and_shows_the_code() -> None:
    failure = await failed(
        """\
        def check(row):
            return 1 / row["total"]

        output = [check(row) for row in input]
        """,
        FakeContext(input=[{"total": 0}], node="sums"),
    )
    info = failure.info()
    assert str(failure) == "ZeroDivisionError: division by zero (line 2)"
    assert (info.code, info.kind, info.retryable) == ("exception", "ZeroDivisionError", True)
    assert info.details["line"] == 2
    text = info.details["traceback"]
    assert 'File "<sums>", line 4' in text
    assert 'return 1 / row["total"]' in text
    assert "python_job" not in text


async def test_an_error_keeps_its_causes() -> None:
    text = """\
        try:
            int("x")
        except ValueError as error:
            raise RuntimeError("outer") from error
    """
    info = (await failed(text)).info()
    assert info.message == "RuntimeError: outer (line 4)"
    assert info.causes == ("ValueError: invalid literal for int() with base 10: 'x'",)


async def test_code_that_does_not_parse_is_not_tried_again() -> None:
    failure = await failed("x = 1\noutput = = 2")
    assert str(failure) == "SyntaxError: invalid syntax (line 2)"
    assert not failure.retryable


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "sets no variable 'output'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("output = object()", "not JSON"),
        ("output = []; output.append(output)", "[Rr]ecursion"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
async def test_code_without_a_proper_result_is_a_failure(text: str, words: str) -> None:
    assert re.search(words, str(await failed(text)))


@pytest.mark.parametrize(
    ("text", "code_name"),
    [
        ("import os; os._exit(7)", "crashed"),
        ("import ctypes; ctypes.string_at(0)", "crashed"),
        ("output = len(bytearray(10**9))", "memory"),
    ],
)
async def test_code_that_brings_its_process_down_harms_nobody(text: str, code_name: str) -> None:
    async with ProcessPool(1) as pool:
        fake = FakeContext(pool=pool)
        assert (await failed(text, fake, memory_mb=300)).code == code_name
        assert await code("output = 1", fake) == 1


async def test_code_cannot_read_input_of_the_program() -> None:
    assert "EOFError" in str(await failed("output = __builtins__['input']()"))


async def test_modules_beside_the_workflow_can_be_imported_as_they_are_now(tmp_path: Path) -> None:
    (tmp_path / "prices.py").write_text("RATE = 2", encoding="utf-8")
    async with ProcessPool(1) as pool:
        fake = FakeContext(folder=tmp_path, pool=pool)
        assert await code("import prices\noutput = prices.RATE", fake) == 2
        (tmp_path / "prices.py").write_text("RATE = 30", encoding="utf-8")
        assert await code("import prices\noutput = prices.RATE", fake) == 30
        failure = await failed("import prices", fake, local_imports=False)
    assert "ModuleNotFoundError" in str(failure)


async def test_cancelling_ends_the_code_and_what_it_has_started(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    text = f"""
        import os, subprocess
        child = subprocess.Popen(["sleep", "600"])
        open({str(path)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
        while True: pass
    """
    async with ProcessPool(1) as pool:
        task = asyncio.get_running_loop().create_task(code(text, FakeContext(pool=pool)))
        pids = await written(path)
        task.cancel()
        await asyncio.wait([task])
        assert await gone(*pids)


async def test_secrets_of_the_engine_are_not_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADGATE_SECRET_API", "hush")
    assert "hush" not in str(await code("import os\noutput = dict(os.environ)"))


@pytest.mark.parametrize("params", [{}, {"code": ""}, {"code": {"expr": "input"}}])
def test_code_is_text_and_never_made_from_data(params: Any) -> None:
    with pytest.raises(ValidationError):
        PYTHON_CODE.params.model_validate(params)
    assert "code" not in PYTHON_CODE.templates


async def test_code_finds_what_it_left_in_memory() -> None:
    """U27: what it leaves as it was is not written again."""
    text = "memory['n'] = memory.get('n', 0) + 1\noutput = memory['n']"
    first = await result(text, FakeContext())
    assert (first.ports, first.memory) == ({"out": 1}, {"n": 1})
    assert (await result(text, FakeContext(memory=first.memory))).memory == {"n": 2}
    same = await result("output = memory", FakeContext(memory={"n": 2}))
    assert (same.ports, same.memory) == ({"out": {"n": 2}}, None)
