"""The embedded broker of the product as a server that a test may stop and start again."""

from __future__ import annotations

from pathlib import Path

from services.process import Service, answers_tcp

from livinglab.demo.broker import broker_command


class Amqtt(Service):
    """The embedded broker: `.host`, `.port`, `.url`, `kill`, `stop`, `start`, `pause`, `resume`.

    Parameters
    ----------
    folder : Path
        Configuration and log live here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__("amqtt", lambda port: broker_command(port, folder), answers_tcp, folder)

    @property
    def url(self) -> str:
        """Address as the product's settings write it."""
        return f"mqtt://{self.host}:{self.port}"
