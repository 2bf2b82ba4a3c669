"""Limits, counted in Redis so that all processes count together. A Redis that fails limits nobody."""

import ipaddress
import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import redis
from django.conf import settings

from sessions_app.errors import RateLimited, SessionNotFound

logger = logging.getLogger(__name__)

PREFIX = "chatcenter:rate:"
TIMEOUT_SECONDS = 0.5
# After a failure Redis is left alone for this long: a paused one must not cost every message its timeout.
RETRY_AFTER_FAILURE_SECONDS = 5.0

# For each key an exact log of its last events. Each of KEYS takes one, unless a rate (count, seconds in ARGV) is
# used up; answers for each how many ms to wait, 0 = taken. Members carry the index: a key may stand there twice.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local waits, longest, slots = {}, 0, 0
for r = 1, #ARGV, 2 do
  slots = math.max(slots, tonumber(ARGV[r]))
  longest = math.max(longest, ARGV[r + 1] * 1000000)
end
for i, key in ipairs(KEYS) do
  local wait = 0
  for r = 1, #ARGV, 2 do
    local rank = ARGV[r] - 1
    local oldest = redis.call('ZREVRANGE', key, rank, rank, 'WITHSCORES')[2]
    if oldest then wait = math.max(wait, oldest + ARGV[r + 1] * 1000000 - now) end
  end
  if wait == 0 then
    redis.call('ZADD', key, string.format('%.0f', now), string.format('%.0f:%d', now, i))
    redis.call('ZREMRANGEBYRANK', key, 0, -slots - 1)
    redis.call('PEXPIRE', key, longest / 1000)
  end
  waits[i] = math.ceil(wait / 1000)
end
return waits
"""

_GIVE_BACK = "return redis.call('ZPOPMAX', KEYS[1])"

_failed_at = -math.inf

# Address -> until when, by the monotonic clock, no key that comes from there is tried: what this process was told when
# one more had failed. So right keys cost a look-up in a dictionary, and Redis hears of wrong ones alone.
_shut_out: dict[str, float] = {}


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )


def evaluate(script: str, keys: Sequence[str], args: Sequence[object]) -> list | None:
    """What the Lua script answers; None when Redis fails or has failed a moment ago. Blocks."""
    global _failed_at
    if time.monotonic() - _failed_at < RETRY_AFTER_FAILURE_SECONDS:
        return None
    try:
        return _registered(script)(keys=keys, args=args)
    except redis.RedisError as error:
        _failed_at = time.monotonic()
        logger.warning("limits are off for %d s: %s", RETRY_AFTER_FAILURE_SECONDS, type(error).__name__)
        return None


@cache
def _registered(script: str) -> redis.commands.core.Script:
    return _client().register_script(script)


def take(name: str, who: Iterable[object], rates: Sequence[tuple[int, int]]) -> list[int]:
    """Counts one event of ``name`` for each of ``who``; answers how many ms each has to wait, 0 = go ahead.

    A refused event does not count. ``rates``: (count, seconds) pairs, all of which hold.
    """
    keys = [f"{PREFIX}{name}:{one}" for one in who]
    if not keys:
        return []
    waits = evaluate(_TAKE, keys, [number for rate in rates for number in rate])
    return [0] * len(keys) if waits is None else waits


def give_back(name: str, who: object) -> None:
    """Takes back the last event of ``who``: it was none that is to be limited."""
    evaluate(_GIVE_BACK, [f"{PREFIX}{name}:{who}"], [])


@contextmanager
def proof_from(address: str) -> Iterator[None]:
    """Around the look for a session by its id and key: a SessionNotFound counts one failed proof of the address.

    Once CHAT_PROOF_RATES have failed it raises RateLimited, before anything is tried: a right key would be told from
    wrong ones otherwise. Blocks where the proof fails.
    """
    wait = _shut_out.get(address, -math.inf) - time.monotonic()
    if wait > 0:
        raise RateLimited(math.ceil(wait * 1000))
    try:
        yield
    except SessionNotFound:
        [wait_ms] = take("proof", [address], settings.CHAT_PROOF_RATES)
        if not wait_ms:
            raise
        _shut_out_until(address, time.monotonic() + wait_ms / 1000)
        raise RateLimited(wait_ms) from None


def _shut_out_until(address: str, until: float) -> None:
    now = time.monotonic()
    for other, its_end in list(_shut_out.items()):
        if its_end <= now:
            _shut_out.pop(other, None)
    _shut_out[address] = until


def client_address(peer: str | None, forwarded_for: str) -> str:
    """The visitor's address as limits know it: IPv6 by its /64, since one household has all of that.

    ``forwarded_for``, the X-Forwarded-For header, counts only as far as proxies of ours have written it
    (TRUSTED_PROXIES): what stands further left comes from the visitor.
    """
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    proxies = settings.TRUSTED_PROXIES
    text = hops[-proxies] if proxies and len(hops) >= proxies else peer or ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if address.version == 6:
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
