"""The embedded broker: amqtt, open to this machine alone, sessions kept in memory while it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_CONFIG: Final = """\
listeners:
  default: {{type: tcp, bind: "127.0.0.1:{port}"}}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin: {{allow_anonymous: true}}
"""


def broker_command(port: int, folder: Path) -> list[str]:
    """The command line that starts the embedded broker.

    Parameters
    ----------
    port : int
        Where it listens on 127.0.0.1.
    folder : Path
        Its configuration is written there.
    """
    config = folder / "broker.yaml"
    config.write_text(_CONFIG.format(port=port), encoding="utf-8")
    return [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(config)]
