"""One minute of bin/chaos, as people run it; it breaks servers of its own."""

import re


def test_a_minute_of_faults_loses_nothing(minute_of_chaos):
    code, output = minute_of_chaos
    print(output)  # with the seed; pytest shows it when the test fails

    assert code == 0
    assert re.search(r"^lost 0, duplicated 0, out of order 0, ", output, re.MULTILINE)
    # That something was broken, and that people chatted all the same.
    [(faults, sent, acknowledged)] = re.findall(r"(\d+) faults; .* (\d+) messages sent, (\d+) acknowledged", output)
    assert int(faults) >= 10
    assert int(acknowledged) >= 500
    assert int(acknowledged) > 0.9 * int(sent)
