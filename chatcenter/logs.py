"""One line for each log record, whatever a visitor put into it."""

import logging


class OneLineFormatter(logging.Formatter):
    """Control characters, line ends included, are written as escapes: no forged lines, no terminal commands."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
