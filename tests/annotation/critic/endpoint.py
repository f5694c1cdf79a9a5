"""A model behind a chat API, as a test wants it: a server on loopback that speaks the protocol."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request: its body, its headers, and the two responses as the model finds them between the marks."""

    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def content(self) -> Any:
        return self.body["messages"][1]["content"]

    @property
    def text(self) -> str:
        """All texts of the question."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.get("text", "") for part in self.content)

    def response(self, side: str) -> str:
        """One of the two responses, with the marks of its messages."""
        inside = re.search(rf"<response-{side} ([0-9a-f]{{16}})>\n(.*)\n</response-{side} \1>", self.text, re.S)
        assert inside, self.text
        return inside.group(2)


@dataclass(frozen=True)
class Reply:
    """What the server answers: a status, a body, headers."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def completion(text: str, **message: Any) -> Reply:
    """A model's answer of 100 tokens read and 20 written."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return Reply(200, {"object": "chat.completion", "model": "judge-2026", "choices": [choice], "usage": usage})


def verdict(verdict: str, **more: Any) -> Reply:
    """A verdict in the form that is asked for."""
    return completion(json.dumps({"critique": f"I say {verdict}.", "principle": 1, "verdict": verdict, **more}))


def prefers(word: str) -> Callable[[Asked], Reply]:
    """A model that prefers the response with that word, wherever it stands."""
    return lambda asked: verdict("A" if word in asked.response("A") else "B")


class Model:
    """The server: `brain` answers each request, and `asked` keeps them."""

    def __init__(self, brain: Callable[[Asked], Reply]) -> None:
        self.brain = brain
        self.asked: list[Asked] = []
        self.url = ""

    def reply(self, asked: Asked) -> Reply:
        """Answer, and remember."""
        self.asked.append(asked)
        return self.brain(asked)


@contextmanager
def serving(brain: Callable[[Asked], Reply]) -> Iterator[Model]:
    """A model that serves until the end of the block."""
    model = Model(brain)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/v1/chat/completions"
            reply = model.reply(Asked(body, dict(self.headers)))
            sent = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(sent)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
