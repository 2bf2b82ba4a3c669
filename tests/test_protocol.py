"""The rules that the server and the widget share, and what a frame may be."""

import json
import time
from pathlib import Path

import pytest

from sessions_app import protocol
from sessions_app.errors import Invalid

VECTORS = json.loads((Path(__file__).parent / "vectors" / "text.json").read_text())["texts"]


@pytest.mark.parametrize(("text", "problem"), VECTORS)
def test_the_server_judges_texts_as_the_widget_does(text, problem):
    """widget_static/tests/vectors.test.js asks the widget the same."""
    text = text[0] * text[1] if isinstance(text, list) else text
    if problem is None:
        assert protocol.clean_text(text) == text.strip()
    else:
        with pytest.raises(Invalid, match={"empty": "is empty", "too_long": "too long"}[problem]):
            protocol.clean_text(text)


def test_no_text_takes_quadratic_time():
    """It took 47 s: a string that does not end, sought for its end from every quotation mark in it."""
    hostile = ("[" * 6 + '"' + '\\"' * 30_000).encode()
    started = time.process_time()
    with pytest.raises(Invalid):
        protocol.parse_document(hostile)
    with pytest.raises(protocol.ProtocolError):
        protocol.parse_frame(hostile.decode(), {})
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        ('{"a": {"b": {"c": {"d": {}}}}}', True),
        ('{"a": {"b": {"c": {"d": {"e": {}}}}}}', False),
        ('{"a": [[[[]]]]}', True),
        ('{"a": [[[[[]]]]]}', False),
        ('{"a": "[[[[[[{{{{{{ \\" [[[[[["}', True),
        ('{"a": [{}, {}, {}, {}, {}, {}, {}]}', True),
        ('{"a": ' + "[" * 3000 + "]" * 3000 + "}", False),
    ],
)
def test_PR04_json_is_at_most_five_levels_deep(text, is_fine):
    if is_fine:
        assert protocol.parse_document(text.encode()) == json.loads(text)
    else:
        with pytest.raises(Invalid):
            protocol.parse_document(text.encode())
