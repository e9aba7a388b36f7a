"""A method for each built-in node type, so that an editor completes its parameters.

Made by ``python -m engine.nodes.signatures``; do not edit it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from engine.model.builder import NodeHandle

Json = Any
#: What `expr` and `template` return: a parameter that is computed when the node runs.
Computed = Mapping[str, str]
Text = str | Computed
Whole = int | Computed
Number = float | Computed
Flag = bool | Computed
#: Seconds, or such as ``"1h 30m"``.
Time = float | str | Computed
List = Sequence[Json] | Computed
Object = Mapping[str, Json]
#: The parameter is left out, and has its default.
UNSET: Any = object()


class Kinds:
    """Adds nodes of the built-in types. Every method returns the node, to be wired."""

    def add(self, key: str, type: str, /, **params: Json) -> NodeHandle:
        """Add a node of any type."""
        raise NotImplementedError

    def _kind(self, key: str, type: str, /, **params: Json) -> NodeHandle:
        given = {name: value for name, value in params.items() if value is not UNSET}
        return self.add(key, type, **given)

    def trigger_manual(
        self,
        key: str,
        /,
        *,
        example: Json = UNSET,
        form: Object | None = UNSET,
    ) -> NodeHandle:
        """Where a run begins: hands on the input that it was started with.

        Args:
            key: its identity in the document.
            example: Filled in when you run the workflow by hand; a run may be given another.
            form: JSON Schema of the input. With it a run asks for its input in a form.
        """
        return self._kind(
            key,
            "trigger.manual",
            example=example,
            form=form,
        )

    def trigger_schedule(
        self,
        key: str,
        /,
        *,
        cron: Text = UNSET,
        every_s: Time | None = UNSET,
        timezone: Text = UNSET,
        missed: Literal["skip", "once", "all"] | Computed = UNSET,
        most_missed: Whole = UNSET,
        overlap: Literal["skip", "queue", "parallel"] | Computed = UNSET,
    ) -> NodeHandle:
        """Starts a run at times of the calendar, or again and again.

        Args:
            key: its identity in the document.
            cron: Cron: minute, hour, day of the month, month, day of the week. L is the last day;
                also @hourly, @daily, @weekly, @monthly, @yearly.
            every_s: A distance instead of the times, counted from when it is armed.
            timezone: Of the times, such as Europe/Berlin. Empty: that of the machine.
            missed: While nobody served it: start nothing, one run for the last, or one for each.
            most_missed: Runs; older firings are passed over, and counted.
            overlap: Start nothing, start when it has ended, or start beside it.
        """
        return self._kind(
            key,
            "trigger.schedule",
            cron=cron,
            every_s=every_s,
            timezone=timezone,
            missed=missed,
            most_missed=most_missed,
            overlap=overlap,
        )

    def trigger_file(
        self,
        key: str,
        /,
        *,
        folder: Text = UNSET,
        pattern: Text = UNSET,
        on: Literal["created", "changed", "both"] | Computed = UNSET,
        settle_s: Time = UNSET,
        scan_s: Time = UNSET,
        existing: Flag = UNSET,
        missed: Literal["skip", "once", "all"] | Computed = UNSET,
        most_missed: Whole = UNSET,
        overlap: Literal["skip", "queue", "parallel"] | Computed = UNSET,
    ) -> NodeHandle:
        """Starts a run for each file that appears in a folder or changes there.

        Args:
            key: its identity in the document.
            folder: Relative to the workflow's file. It may be made later.
            pattern: Glob below the folder: *.csv, or **/*.csv with the folders in it.
            on: Is new, or is another one than before.
            settle_s: A file counts when it has not changed for so long, so that it is whole.
            scan_s: How often the folder is looked at.
            existing: Start a run for each file that is there when it is armed first.
            missed: While nobody served it: start nothing, one run for the last, or one for each.
            most_missed: Runs; older firings are passed over, and counted.
            overlap: Start nothing, start when it has ended, or start beside it.
        """
        return self._kind(
            key,
            "trigger.file",
            folder=folder,
            pattern=pattern,
            on=on,
            settle_s=settle_s,
            scan_s=scan_s,
            existing=existing,
            missed=missed,
            most_missed=most_missed,
            overlap=overlap,
        )

    def trigger_webhook(
        self,
        key: str,
        /,
        *,
        path: Text = UNSET,
        method: Literal["POST", "PUT", "GET", "ANY"] | Computed = UNSET,
        check: Literal["none", "header", "hmac"] | Computed = UNSET,
        secret: Text = UNSET,
        header: Text = UNSET,
        max_bytes: Whole = UNSET,
        answer: Literal["accepted", "result"] | Computed = UNSET,
        wait_s: Time = UNSET,
        overlap: Literal["skip", "queue", "parallel"] | Computed = UNSET,
    ) -> NodeHandle:
        """Starts a run for each HTTP request to a path on this machine.

        Args:
            key: its identity in the document.
            path: Of the address: http://127.0.0.1:8585/hook.
            method: Method
            check: Of the caller: none, a header that is the secret, or one that signs the body.
            secret: In the keychain.
            header: With hmac: HMAC-SHA256 of the body as hex digits, also behind sha256=.
            max_bytes: Body at most
            answer: 202 with the id of the run at once, or its result when it has ended.
            wait_s: After that the answer is 202, and the run goes on.
            overlap: Start nothing, start when it has ended, or start beside it.
        """
        return self._kind(
            key,
            "trigger.webhook",
            path=path,
            method=method,
            check=check,
            secret=secret,
            header=header,
            max_bytes=max_bytes,
            answer=answer,
            wait_s=wait_s,
            overlap=overlap,
        )

    def trigger_event(
        self,
        key: str,
        /,
        *,
        event: Text = UNSET,
        match: Text | None = UNSET,
        read: Literal["payload", "envelope"] | Computed = UNSET,
        missed: Literal["skip", "once", "all"] | Computed = UNSET,
        most_missed: Whole = UNSET,
        overlap: Literal["skip", "queue", "parallel"] | Computed = UNSET,
    ) -> NodeHandle:
        """Starts a run for each event of a name: from another run, or from outside.

        Args:
            key: its identity in the document.
            event: Name of the event, as Emit and headgate signal send it.
            match: Condition on the event's payload: event.amount > 100.
            read: The payload alone, or with its name, id, sender and time.
            missed: While nobody served it: start nothing, one run for the last, or one for each.
            most_missed: Runs; older firings are passed over, and counted.
            overlap: Start nothing, start when it has ended, or start beside it.
        """
        return self._kind(
            key,
            "trigger.event",
            event=event,
            match=match,
            read=read,
            missed=missed,
            most_missed=most_missed,
            overlap=overlap,
        )

    def barrier(
        self,
        key: str,
        /,
        *,
        title: Text = UNSET,
        body: Text = UNSET,
        payload: Json = UNSET,
        view: Literal["auto", "table", "form", "text", "json"] | Computed = UNSET,
        editable: List | None = UNSET,
        form: Object | None = UNSET,
        options: List = UNSET,
        assignees: List = UNSET,
        quorum: Whole = UNSET,
        timeout_s: Time | None = UNSET,
        default: Literal["reject", "approve", "expire", "fail"] | Computed = UNSET,
        guards: List = UNSET,
        reroute_to: List = UNSET,
        record: Flag = UNSET,
    ) -> NodeHandle:
        """Asks a person and waits: approve, reject, change what is shown, or send it back.

        Args:
            key: its identity in the document.
            title: One line; a Jinja template.
            body: What the person should know; Markdown and a Jinja template.
            payload: Shown to the person, who may edit it. Empty: the input of this node.
            view: Shown as
            editable: Columns or fields that may be changed. Not set: all. An empty list: none.
            form: JSON Schema that an edited payload must satisfy.
            options: Each is a button and a port of its own.
            assignees: Names; empty: everybody.
            quorum: How many must agree
            timeout_s: How long the question stays open; empty: for ever.
            default: What happens if nobody has decided; 'expire' leaves through a port 'expired'.
            guards: Channels; if one changes while the question is open, it is asked anew.
            reroute_to: Keys of nodes that the person may send the payload to instead.
            record: Adds a port 'decision' with the choice, the comment, who, and when.
        """
        return self._kind(
            key,
            "barrier",
            title=title,
            body=body,
            payload=payload,
            view=view,
            editable=editable,
            form=form,
            options=options,
            assignees=assignees,
            quorum=quorum,
            timeout_s=timeout_s,
            default=default,
            guards=guards,
            reroute_to=reroute_to,
            record=record,
        )

    def switch(
        self,
        key: str,
        /,
        *,
        cases: List = UNSET,
        mode: Literal["first", "all"] | Computed = UNSET,
        names: Json = UNSET,
        otherwise: Flag = UNSET,
    ) -> NodeHandle:
        """Sends the value on through the first case that is true, or through all of them.

        Args:
            key: its identity in the document.
            cases: Tried from top to bottom.
            mode: The first case that is true, or all that are.
            names: The name of the way, or a list of names, such as an agent chooses; the
                conditions are not looked at then. A name that no case has is a failure.
            otherwise: A port for what no case is true of. Without it such a value is a failure.
        """
        return self._kind(
            key,
            "switch",
            cases=cases,
            mode=mode,
            names=names,
            otherwise=otherwise,
        )

    def join(
        self,
        key: str,
        /,
        *,
        output: Literal[
            "by_source",
            "list",
            "keys",
            "first",
            "last",
            "merge",
            "concat",
            "union",
            "zip",
            "vote",
            "custom",
        ]
        | Computed = UNSET,
        order: List = UNSET,
        majority: Literal["most", "half", "all"] | Computed = UNSET,
        tie: Literal["fail", "first", "null"] | Computed = UNSET,
        value: Json = UNSET,
    ) -> NodeHandle:
        """Waits for several branches and goes on once with what they brought.

        Args:
            key: its identity in the document.
            output: by_source: an object with the value of each source under its key. list: the
                values. keys: the keys of the sources that have brought one. first, last: one of
                the values. merge: objects as one, later sources over earlier ones. concat: lists,
                or texts, one after the other. union: the same without repeats. zip: a list of what
                the lists have at each place. vote: the value that most sources have brought.
                custom: what an expression makes.
            order: Keys of sources; the others follow in the order of the document. It does not
                matter which came first.
            majority: most: more votes than any other. half: more than half. all: every vote.
            tie: fail: Join fails. first: of those with the most votes, the one of the earliest
                branch. null: the result is null.
            value: What is made of the arrivals; input is an object by source.
        """
        return self._kind(
            key,
            "join",
            output=output,
            order=order,
            majority=majority,
            tie=tie,
            value=value,
        )

    def for_each(
        self,
        key: str,
        /,
        *,
        items: Json = UNSET,
        limit: Whole = UNSET,
        batch: Whole = UNSET,
        on_item_failure: Literal["stop", "continue", "collect"] | Computed = UNSET,
        at_least: Whole | None = UNSET,
    ) -> NodeHandle:
        """Runs the nodes up to its Collect once for each item of a list, several at once.

        Args:
            key: its identity in the document.
            items: A list, or an object whose entries become {key, value}. Empty: the input, which
                may be a stream.
            limit: How many items are worked on at the same time.
            batch: Above 1, an item is a list of so many of them; the last may be shorter.
            on_item_failure: stop: the run fails. continue: go on without it. collect: go on, and
                Collect sends the failures through its port 'failed'.
            at_least: How many items must succeed where some fail; with fewer Collect fails. Empty:
                one with continue, none with collect.
        """
        return self._kind(
            key,
            "for_each",
            items=items,
            limit=limit,
            batch=batch,
            on_item_failure=on_item_failure,
            at_least=at_least,
        )

    def collect(
        self,
        key: str,
        /,
        *,
        order: Literal["input", "arrival"] | Computed = UNSET,
        result: Literal["auto", "list", "object"] | Computed = UNSET,
        skipped: Literal["drop", "null"] | Computed = UNSET,
        enough: Json = UNSET,
        rest: Literal["cancel", "leave", "all"] | Computed = UNSET,
    ) -> NodeHandle:
        """Ends a For each: waits for all its items and sends on the list of results.

        Args:
            key: its identity in the document.
            order: The order of the items, or the order in which they were done.
            result: auto: as the items came: a list, or an object with the results under its keys.
                object of a list: by the number of the item.
            skipped: Leave them out, or put null in their place.
            enough: Go on with so many results; 0: at once. An expression is looked at whenever an
                item ends or a channel that it reads changes; input is the results so far. Empty:
                all.
            rest: What becomes of the items that Collect does not wait for. cancel: they are ended.
                leave: those at work go on to their end, no other begins. all: every item still
                runs.
        """
        return self._kind(
            key,
            "collect",
            order=order,
            result=result,
            skipped=skipped,
            enough=enough,
            rest=rest,
        )

    def add_items(
        self,
        key: str,
        /,
        *,
        items: Json = UNSET,
    ) -> NodeHandle:
        """Adds items to the For each that it is inside of; the input goes on.

        Args:
            key: its identity in the document.
            items: A list of items, or one that is no list. Empty: the input.
        """
        return self._kind(
            key,
            "add_items",
            items=items,
        )

    def loop(
        self,
        key: str,
        /,
        *,
        count: Whole | None = UNSET,
        condition: Json = UNSET,
    ) -> NodeHandle:
        """Runs the nodes up to its Until again, each round with the result of the last.

        Args:
            key: its identity in the document.
            count: How many rounds at most. Empty: until a condition ends the loop.
            condition: Looked at before every round; the loop ends when it is not true. input is
                the value that the round would begin with, loop.index counts from 0.
        """
        return self._kind(
            key,
            "loop",
            count=count,
            condition=condition,
        )

    def until(
        self,
        key: str,
        /,
        *,
        condition: Json = UNSET,
    ) -> NodeHandle:
        """Ends a round of its Loop: there is another one, or it sends on the result.

        Args:
            key: its identity in the document.
            condition: Looked at after every round; the loop ends when it is true. input is the
                result of the round, loop.item what it began with.
        """
        return self._kind(
            key,
            "until",
            condition=condition,
        )

    def frame_error(
        self,
        key: str,
        /,
        *,
        frame: Text = UNSET,
    ) -> NodeHandle:
        """Takes the failure of a frame; what is left in the frame is cancelled.

        Args:
            key: its identity in the document.
            frame: Id of the frame whose failures it takes. It stands outside of it.
        """
        return self._kind(
            key,
            "frame.error",
            frame=frame,
        )

    def frame_cancel(
        self,
        key: str,
        /,
        *,
        frame: Text = UNSET,
    ) -> NodeHandle:
        """Ends every task in a frame, withdraws its questions, and goes on.

        Args:
            key: its identity in the document.
            frame: Id of the frame that is cancelled.
        """
        return self._kind(
            key,
            "frame.cancel",
            frame=frame,
        )

    def set(
        self,
        key: str,
        /,
        *,
        fields: Object = UNSET,
        keep_input: Flag = UNSET,
    ) -> NodeHandle:
        """Makes an object from values and expressions, alone or added to the input.

        Args:
            key: its identity in the document.
            fields: Name and value of each field; a value may be an expression.
            keep_input: Adds the fields to those of the input, and replaces those of the same name.
        """
        return self._kind(
            key,
            "set",
            fields=fields,
            keep_input=keep_input,
        )

    def template(
        self,
        key: str,
        /,
        *,
        text: Text = UNSET,
        output: Literal["text", "json"] | Computed = UNSET,
    ) -> NodeHandle:
        """Makes a text from a Jinja template: a mail, a report, a prompt, a request.

        Args:
            key: its identity in the document.
            text: A Jinja template; it sees input, nodes, state, vars, env, run, loop and now.
            output: The text itself, or the value that it is the JSON of.
        """
        return self._kind(
            key,
            "template",
            text=text,
            output=output,
        )

    def score(
        self,
        key: str,
        /,
        *,
        name: Text = UNSET,
        value: Json = UNSET,
    ) -> NodeHandle:
        """Says how good something is; headgate evaluate reads it.

        Args:
            key: its identity in the document.
            name: Of the score. Empty: the key of the node.
            value: A number, or true and false for 1 and 0.
        """
        return self._kind(
            key,
            "score",
            name=name,
            value=value,
        )

    def http_request(
        self,
        key: str,
        /,
        *,
        url: Text,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
        | Computed = UNSET,
        query: Object = UNSET,
        headers: Object = UNSET,
        body_type: Literal["none", "json", "text", "form"] | Computed = UNSET,
        body: Json = UNSET,
        auth: Literal["none", "bearer", "basic", "header"] | Computed = UNSET,
        secret: Text = UNSET,
        user: Text = UNSET,
        auth_header: Text = UNSET,
        expected_status: List = UNSET,
        response: Literal["auto", "json", "text"] | Computed = UNSET,
        timeout_s: Time = UNSET,
        follow_redirects: Flag = UNSET,
        verify_tls: Flag = UNSET,
        send_idempotency_key: Flag = UNSET,
        max_mb: Number = UNSET,
    ) -> NodeHandle:
        """Calls a web service and returns status, headers and body of its answer.

        Args:
            key: its identity in the document.
            method: Method
            url: http or https; a Jinja template.
            query: What follows the question mark; a list repeats the name, null is left out.
            headers: Not for passwords or keys: those belong under Sign in.
            body_type: Body
            body: Empty: the input of this node.
            auth: bearer: a token. basic: name and password. header: a key in a header.
            secret: Name of the token, password or key in the keychain.
            user: User
            auth_header: Header of the key
            expected_status: Such as 2xx, 404 or 200-299; any other answer is a failure.
            response: auto goes by its content type; what is no text comes as base64.
            timeout_s: For the whole request.
            follow_redirects: Follow redirects
            verify_tls: Switch it off only for a test server of your own.
            send_idempotency_key: With POST and PATCH, so that the other side can tell a
                repetition.
            max_mb: Largest answer
        """
        return self._kind(
            key,
            "http.request",
            method=method,
            url=url,
            query=query,
            headers=headers,
            body_type=body_type,
            body=body,
            auth=auth,
            secret=secret,
            user=user,
            auth_header=auth_header,
            expected_status=expected_status,
            response=response,
            timeout_s=timeout_s,
            follow_redirects=follow_redirects,
            verify_tls=verify_tls,
            send_idempotency_key=send_idempotency_key,
            max_mb=max_mb,
        )

    def sql_query(
        self,
        key: str,
        /,
        *,
        url: Text,
        query: Text,
        password_secret: Text = UNSET,
        parameters: Object | List = UNSET,
        max_rows: Whole = UNSET,
    ) -> NodeHandle:
        """Runs one SQL statement: rows come back as a list of objects.

        Args:
            key: its identity in the document.
            url: An SQLAlchemy address without its password. A relative SQLite file starts at the
                folder of the workflow.
            password_secret: Name of the password in the keychain.
            query: One statement. Values come in as :name, never as part of the text.
            parameters: Of the :names. A list of objects runs the statement once for each.
            max_rows: More rows are a failure, so that none is left out unseen.
        """
        return self._kind(
            key,
            "sql.query",
            url=url,
            password_secret=password_secret,
            query=query,
            parameters=parameters,
            max_rows=max_rows,
        )

    def file_read(
        self,
        key: str,
        /,
        *,
        path: Text,
        format: Literal["auto", "text", "json", "jsonl", "csv", "lines"] | Computed = UNSET,
        header: Flag = UNSET,
        typed: Flag = UNSET,
        delimiter: Text = UNSET,
        encoding: Text = UNSET,
        max_mb: Number = UNSET,
    ) -> NodeHandle:
        """Reads a text, JSON or CSV file as a value.

        Args:
            key: its identity in the document.
            path: Relative to the folder of the workflow; ~ is your home. A Jinja template.
            format: auto goes by the name of the file: .json, .jsonl, .csv, .tsv, else text.
            header: Each row is then an object, otherwise a list.
            typed: Numbers, true and false, and empty cells become such values; 007 stays text.
            delimiter: Empty: seen from the first line.
            encoding: Encoding
            max_mb: A larger file is a failure.
        """
        return self._kind(
            key,
            "file.read",
            path=path,
            format=format,
            header=header,
            typed=typed,
            delimiter=delimiter,
            encoding=encoding,
            max_mb=max_mb,
        )

    def file_lines(
        self,
        key: str,
        /,
        *,
        path: Text,
        format: Literal["auto", "text", "json"] | Computed = UNSET,
        empty: Flag = UNSET,
        encoding: Text = UNSET,
    ) -> NodeHandle:
        """Gives the lines of a file to a For each, one by one, however long it is.

        Args:
            key: its identity in the document.
            path: Relative to the folder of the workflow; ~ is your home. A Jinja template.
            format: A text, or a JSON value (auto: in files named .jsonl and .ndjson).
            empty: Otherwise they are passed over.
            encoding: Encoding
        """
        return self._kind(
            key,
            "file.lines",
            path=path,
            format=format,
            empty=empty,
            encoding=encoding,
        )

    def file_write(
        self,
        key: str,
        /,
        *,
        path: Text,
        content: Json = UNSET,
        format: Literal["auto", "text", "json", "jsonl", "csv", "lines"] | Computed = UNSET,
        mode: Literal["replace", "append", "new"] | Computed = UNSET,
        columns: List | None = UNSET,
        delimiter: Text = UNSET,
        encoding: Text = UNSET,
    ) -> NodeHandle:
        """Writes a value as a text, JSON or CSV file; whole, or not at all.

        Args:
            key: its identity in the document.
            path: Relative to the folder of the workflow; ~ is your home. A Jinja template.
            content: Empty: the input of this node.
            format: auto goes by the name of the file: .json, .jsonl, .csv, .tsv, else text.
            mode: Replace it as a whole, add to its end, or fail.
            columns: Not set: all, in the order in which they first appear.
            delimiter: Empty: a comma, or a tab for .tsv.
            encoding: Encoding
        """
        return self._kind(
            key,
            "file.write",
            path=path,
            content=content,
            format=format,
            mode=mode,
            columns=columns,
            delimiter=delimiter,
            encoding=encoding,
        )

    def python_code(
        self,
        key: str,
        /,
        *,
        code: Text,
        memory_mb: Whole = UNSET,
        network: Flag = UNSET,
        local_imports: Flag = UNSET,
    ) -> NodeHandle:
        """Runs your own Python in a process of its own that can be ended at any time.

        Args:
            key: its identity in the document.
            code: Finds input, state, vars, loop, memory and ctx. Its result is the variable
                output, or what main(input) returns. What it leaves in memory it finds there the
                next time. What it prints is shown while it runs.
            memory_mb: The code may use so much memory.
            network: The code, and programs that it starts, may use the network.
            local_imports: Modules beside the workflow's file can be imported.
        """
        return self._kind(
            key,
            "python.code",
            code=code,
            memory_mb=memory_mb,
            network=network,
            local_imports=local_imports,
        )

    def shell_command(
        self,
        key: str,
        /,
        *,
        command: List,
        cwd: Text = UNSET,
        env: Object = UNSET,
        secret_env: Object = UNSET,
        stdin: Text | None = UNSET,
        exit_codes: List = UNSET,
    ) -> NodeHandle:
        """Runs a program with a list of arguments and returns what it prints.

        Args:
            key: its identity in the document.
            command: A list: the program, then one argument each. No shell reads it, so nothing
                needs quotes and nothing can break out; for pipes name a shell: sh, -c, …
            cwd: Where it runs; relative to the folder of the workflow. A Jinja template.
            env: Added to the variables of this program.
            secret_env: Variable and name of the secret; taken out of all output.
            stdin: Text for its standard input.
            exit_codes: Any other exit code is a failure.
        """
        return self._kind(
            key,
            "shell.command",
            command=command,
            cwd=cwd,
            env=env,
            secret_env=secret_env,
            stdin=stdin,
            exit_codes=exit_codes,
        )

    def wait(
        self,
        key: str,
        /,
        *,
        duration_s: Time | None = UNSET,
        until: Text | Number | None = UNSET,
    ) -> NodeHandle:
        """Waits for a while or until a moment. Costs nothing and outlives a restart.

        Args:
            key: its identity in the document.
            duration_s: How long to wait from the moment this node is reached.
            until: A moment instead of a duration: ISO 8601 (without an offset in this computer's
                time zone), or seconds since 1970. In the past: goes on at once.
        """
        return self._kind(
            key,
            "wait",
            duration_s=duration_s,
            until=until,
        )

    def listen(
        self,
        key: str,
        /,
        *,
        event: Text = UNSET,
        match: Text | None = UNSET,
        read: Literal["payload", "envelope"] | Computed = UNSET,
        early: Flag = UNSET,
        timeout_s: Time | None = UNSET,
        on_timeout: Literal["fail", "timeout", "default"] | Computed = UNSET,
        default: Json = UNSET,
    ) -> NodeHandle:
        """Waits for an event from outside or from another run. Outlives a restart.

        Args:
            key: its identity in the document.
            event: Name of the event to wait for.
            match: Condition on the event's payload: event.order == input.order.
            read: The payload alone, or with its name, id, sender and time.
            early: Take an event that was sent before this node was reached, too.
            timeout_s: Empty: without end.
            on_timeout: Fail, leave through a port 'timeout' with the input, or go on with a value.
            default: What the result is if nothing comes.
        """
        return self._kind(
            key,
            "listen",
            event=event,
            match=match,
            read=read,
            early=early,
            timeout_s=timeout_s,
            on_timeout=on_timeout,
            default=default,
        )

    def listen_stream(
        self,
        key: str,
        /,
        *,
        event: Text = UNSET,
        match: Text | None = UNSET,
        until: Text | None = UNSET,
        count: Whole | None = UNSET,
        timeout_s: Time | None = UNSET,
    ) -> NodeHandle:
        """Gives events to a For each, one by one, as they come. Outlives a restart.

        Args:
            key: its identity in the document.
            event: Name of the events; the payload of each is an item.
            match: Condition on the event's payload.
            until: An event of which this is true ends the stream, and is no item.
            count: How many events are taken. Empty: no end.
            timeout_s: The stream ends when nothing has come for so long. Empty: never.
        """
        return self._kind(
            key,
            "listen.stream",
            event=event,
            match=match,
            until=until,
            count=count,
            timeout_s=timeout_s,
        )

    def emit(
        self,
        key: str,
        /,
        *,
        event: Text = UNSET,
        payload: Json = UNSET,
        run_id: Text | None = UNSET,
        keep_s: Time = UNSET,
    ) -> NodeHandle:
        """Sends an event to another run, or to every run that listens for it.

        Args:
            key: its identity in the document.
            event: Name of the event.
            payload: What the event says.
            run_id: Id of the run that it is for. Empty: every run of the store that listens.
            keep_s: A run that listens later than that does not get it.
        """
        return self._kind(
            key,
            "emit",
            event=event,
            payload=payload,
            run_id=run_id,
            keep_s=keep_s,
        )

    def workflow_call(
        self,
        key: str,
        /,
        *,
        path: Text = UNSET,
        document: Object | None = UNSET,
        input: Json = UNSET,
        output: Text | None = UNSET,
        mode: Literal["sync", "async", "forget"] | Computed = UNSET,
        on_failure: Literal["fail", "skip", "default"] | Computed = UNSET,
        default: Json = UNSET,
        timeout_s: Time | None = UNSET,
        trigger: Text = UNSET,
    ) -> NodeHandle:
        """Runs another workflow as a run of its own, and goes on with its result.

        Args:
            key: its identity in the document.
            path: A file in the folder of this workflow.
            document: A whole workflow, kept inside this one instead of in a file.
            input: What the called workflow gets.
            output: What is made of its result, which is called output.
            mode: With the result; at once, while the run waits for it at its end; or at once, and
                never look back.
            on_failure: Fail as well, skip what follows, or go on with a value.
            default: What the result is if it fails.
            timeout_s: Then it is cancelled, and has failed. Empty: without end.
            trigger: Key of the trigger, where the called workflow has several.
        """
        return self._kind(
            key,
            "workflow.call",
            path=path,
            document=document,
            input=input,
            output=output,
            mode=mode,
            on_failure=on_failure,
            default=default,
            timeout_s=timeout_s,
            trigger=trigger,
        )

    def workflow_result(
        self,
        key: str,
        /,
        *,
        run_id: Text = UNSET,
        timeout_s: Time | None = UNSET,
    ) -> NodeHandle:
        """Waits for a run that was called without waiting, and goes on with its result.

        Args:
            key: its identity in the document.
            run_id: Id of the run. Empty: the field run of the input.
            timeout_s: Empty: without end.
        """
        return self._kind(
            key,
            "workflow.result",
            run_id=run_id,
            timeout_s=timeout_s,
        )

    def state_machine(
        self,
        key: str,
        /,
        *,
        states: List = UNSET,
        transitions: List = UNSET,
        max_transitions: Whole = UNSET,
    ) -> NodeHandle:
        """Runs workflows as states, and goes from one to another by how they end.

        Args:
            key: its identity in the document.
            states: Each is a workflow. The first is where it begins.
            transitions: Tried from top to bottom when a state has ended.
            max_transitions: Transitions; one more fails.
        """
        return self._kind(
            key,
            "state_machine",
            states=states,
            transitions=transitions,
            max_transitions=max_transitions,
        )
