"""Structured logs: one JSON object per line on stderr, for people and for collectors.

Secrets never get here: what is logged are names, counts and the texts of the product's errors.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import structlog

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(level: str = "info") -> None:
    """Send every log line of this process to stderr as JSON, from `level` upwards."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def logger(part: str) -> Any:  # structlog's loggers are built when they are used first
    """The logger of one part of the service."""
    return structlog.get_logger(part=part)
