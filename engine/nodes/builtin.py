"""The node types that ship with the program."""

from __future__ import annotations

from engine.model.node_types import NodeType, Registry
from engine.nodes.add_items import ADD_ITEMS
from engine.nodes.barrier import BARRIER
from engine.nodes.collect import COLLECT
from engine.nodes.emit import EMIT
from engine.nodes.end import END
from engine.nodes.file_lines import FILE_LINES
from engine.nodes.file_read import FILE_READ
from engine.nodes.file_write import FILE_WRITE
from engine.nodes.for_each import FOR_EACH
from engine.nodes.frame_cancel import FRAME_CANCEL
from engine.nodes.frame_error import FRAME_ERROR
from engine.nodes.http_request import HTTP_REQUEST
from engine.nodes.join import JOIN
from engine.nodes.listen import LISTEN
from engine.nodes.listen_stream import LISTEN_STREAM
from engine.nodes.loop import LOOP
from engine.nodes.python_code import PYTHON_CODE
from engine.nodes.score import SCORE
from engine.nodes.set_fields import SET
from engine.nodes.shell_command import SHELL_COMMAND
from engine.nodes.sql_query import SQL_QUERY
from engine.nodes.state_machine import STATE_MACHINE
from engine.nodes.switch import SWITCH
from engine.nodes.template import TEMPLATE
from engine.nodes.trigger_event import EVENT_TRIGGER
from engine.nodes.trigger_file import FILE_TRIGGER
from engine.nodes.trigger_manual import MANUAL_TRIGGER
from engine.nodes.trigger_schedule import SCHEDULE_TRIGGER
from engine.nodes.trigger_webhook import WEBHOOK_TRIGGER
from engine.nodes.until import UNTIL
from engine.nodes.wait import WAIT
from engine.nodes.workflow_call import CALL, RESULT

#: In the order of the palette.
BUILTIN: tuple[NodeType, ...] = (
    MANUAL_TRIGGER,
    SCHEDULE_TRIGGER,
    FILE_TRIGGER,
    WEBHOOK_TRIGGER,
    EVENT_TRIGGER,
    BARRIER,
    SWITCH,
    JOIN,
    FOR_EACH,
    COLLECT,
    ADD_ITEMS,
    LOOP,
    UNTIL,
    END,
    FRAME_ERROR,
    FRAME_CANCEL,
    SET,
    TEMPLATE,
    SCORE,
    HTTP_REQUEST,
    SQL_QUERY,
    FILE_READ,
    FILE_LINES,
    FILE_WRITE,
    PYTHON_CODE,
    SHELL_COMMAND,
    WAIT,
    LISTEN,
    LISTEN_STREAM,
    EMIT,
    CALL,
    RESULT,
    STATE_MACHINE,
)


def builtin_registry() -> Registry:
    """Return a new registry with all built-in node types."""
    return Registry(BUILTIN)
