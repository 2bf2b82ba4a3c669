"""How many sockets an address and a session have, over all web processes.

Each process declares its own figures in a Redis hash of its own, absolute ones: to write them twice does no harm, and
nothing can drift. A process that is not heard of for TTL_SECONDS does not count any more. What Redis forgets is
declared anew, and while Redis fails nobody is refused, and nobody closed but beyond SURGE.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Protocol
from uuid import UUID, uuid4

from django.conf import settings

from sessions_app import throttles
from sessions_app.loops import PerLoop
from sessions_app.protocol import CLOSE_REPLACED

logger = logging.getLogger(__name__)

PREFIX = "chatcenter:sockets:"
RENEW_SECONDS = 1.0
# How long a session may have too many without any of them coming or going: a page that is loaded anew is here again
# before its old socket is known to be gone, and the oldest tab must not go for that.
SETTLE_SECONDS = 3.0
# Longer than Redis is left alone after a failure (throttles.py): one failed renewal must not make a process forgotten.
TTL_SECONDS = 10.0
# Longer than one attempt at a Redis that does not answer takes; for what has no timeout, such as finding its address.
ADMIT_SECONDS = 3.0
BATCH = 500
# So many times CHAT_MAX_SOCKETS_PER_SESSION one process never has, not even until then or while Redis fails.
SURGE = 2

# The process ARGV[1] declares fields, `a:ADDRESS` = its number of sockets and `s:SESSION` = their ages in ms, and shows
# that it lives. Answers how many sockets all processes have of each field, and [session, number] where this process has
# to close its so many oldest ones. Answers nothing when Redis does not hold what the process declared last (ARGV[2], a
# number that each declaration changes to ARGV[3]; 0 begins anew): Redis was emptied, has restored an older state, or
# took the process for dead.
#
# A killed process counts until its time is over, and by then its visitors have connected again: to close the oldest
# then would hit sockets that live. So a session stays `crowded` until everybody who counts has been heard of, later
# than a moment (ARGV[7]) after its last change: then all who went have been told of.
#
# The other processes' hashes are not among KEYS, but neither would a Redis cluster do for the channel layer or Celery.
_DECLARE = """
local processes, crowded, own = KEYS[1], KEYS[2], KEYS[3]
local id, known, version, is_whole = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local ttl, most, moment = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function hash_of(process) return string.sub(own, 1, -#id - 1) .. process end
local function is_session(field) return string.sub(field, 1, 2) == 's:' end

-- The dead; their hashes expire.
redis.call('ZREMRANGEBYSCORE', processes, '-inf', now - ttl)
if known == '0' then
  redis.call('DEL', own)
elseif redis.call('HGET', own, 'version') ~= known then
  return {}
end

local fields = {}
for i = 8, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if value == '' then
    redis.call('HDEL', own, field)
  else
    if is_session(field) then
      value = string.gsub(value, '%d+', function(age) return string.format('%.0f', now - age) end)
    end
    redis.call('HSET', own, field, value)
  end
  fields[#fields + 1] = field
end
redis.call('HSET', own, 'version', version)
if is_whole then redis.call('ZADD', processes, now, id) else redis.call('ZADD', processes, 'NX', now, id) end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end

local alive = {}
local heard = redis.call('ZRANGE', processes, 0, -1, 'WITHSCORES')
for i = 1, #heard, 2 do alive[#alive + 1] = {id = heard[i], at = tonumber(heard[i + 1])} end

local counts = {}
for i = 1, #fields do counts[i] = 0 end
for _, process in ipairs(alive) do
  local values = #fields > 0 and redis.call('HMGET', hash_of(process.id), unpack(fields)) or {}
  for i, value in ipairs(values) do
    if value then
      counts[i] = counts[i] + (is_session(fields[i]) and select(2, string.gsub(value, '%d+', '')) or value)
    end
  end
end
for i, field in ipairs(fields) do
  if is_session(field) and counts[i] > most then redis.call('ZADD', crowded, now + moment, field) end
end

local surplus = {}
local waiting = is_whole and redis.call('ZRANGE', crowded, 0, 99, 'WITHSCORES') or {}
for i = 1, #waiting, 2 do
  local field, since, is_settled, sockets = waiting[i], tonumber(waiting[i + 1]), true, {}
  for _, process in ipairs(alive) do
    local value = redis.call('HGET', hash_of(process.id), field)
    if value then
      is_settled = is_settled and process.at > since
      for at in string.gmatch(value, '%d+') do sockets[#sockets + 1] = {at = tonumber(at), process = process.id} end
    end
  end
  if #sockets <= most then
    redis.call('ZREM', crowded, field)
  elseif is_settled then
    table.sort(sockets, function(one, other)
      return one.at < other.at or one.at == other.at and one.process < other.process
    end)
    local number = 0
    for place = 1, #sockets - most do
      if sockets[place].process == id then number = number + 1 end
    end
    if number > 0 then surplus[#surplus + 1] = {string.sub(field, 3), number} end
  end
end
return {counts, surplus}
"""


class Socket(Protocol):
    def close(self, code: int) -> None: ...


class Ledger:
    """The visitors' sockets of this process, and what Redis knows of them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._id = uuid4().hex
        # A thread of its own: a Redis that does not answer must not take one from the database's.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="occupancy")
        self._addresses: Counter[str] = Counter()
        self._sessions: dict[str, dict[Socket, float]] = {}  # to the loop's time of entering, the oldest first
        self._changed: dict[str, None] = {}  # fields, as an ordered set
        self._asking: dict[str, list[asyncio.Future[bool]]] = {}
        self._version = 0
        self._known = 0  # the version that Redis should have; 0: none
        self._wake = asyncio.Event()
        self._keeper: asyncio.Task | None = None

    async def admit(self, address: str) -> bool:
        """Counts one more socket of ``address``, until discharge(). False when it has too many: then it counts not."""
        answer: asyncio.Future[bool] = self._loop.create_future()
        self._addresses[address] += 1
        field = f"a:{address}"
        self._asking.setdefault(field, []).append(answer)
        self._wake.set()
        self._change(field)
        try:
            is_admitted = await asyncio.wait_for(answer, ADMIT_SECONDS)
        except TimeoutError:
            return True
        if not is_admitted:
            self.discharge(address)
        return is_admitted

    def discharge(self, address: str) -> None:
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        self._change(f"a:{address}")

    def enter(self, session_id: UUID, socket: Socket) -> None:
        """``socket`` is the newest of the session. The oldest beyond CHAT_MAX_SOCKETS_PER_SESSION, of whatever process,
        are closed when they still are too many SETTLE_SECONDS after the last one came or went."""
        sockets = self._sessions.setdefault(str(session_id), {})
        sockets[socket] = self._loop.time()
        self._change(f"s:{session_id}")
        for oldest in list(sockets)[: -SURGE * settings.CHAT_MAX_SOCKETS_PER_SESSION]:
            oldest.close(CLOSE_REPLACED)

    def leave(self, session_id: UUID, socket: Socket) -> None:
        sockets = self._sessions.get(str(session_id), {})
        if sockets.pop(socket, None) is None:
            return
        if not sockets:
            del self._sessions[str(session_id)]
        self._change(f"s:{session_id}")

    @property
    def _is_empty(self) -> bool:
        return not self._addresses and not self._sessions

    def _change(self, field: str) -> None:
        self._changed[field] = None
        if self._is_empty:
            self._wake.set()  # the process may be on its way out
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        """Declares at once when somebody asks or the last one goes, and else by the second."""
        while True:
            was_empty = self._is_empty
            self._wake.clear()
            await self._declare()
            if was_empty and self._is_empty:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), RENEW_SECONDS)

    async def _declare(self) -> None:
        is_whole = False
        while not is_whole:
            batch = list(islice(self._changed, BATCH))
            for field in batch:
                del self._changed[field]
            is_whole = not self._changed
            asking = {field: self._asking.pop(field) for field in batch if field in self._asking}
            answer = await self._exchange(batch, is_whole)
            if answer:
                self._judge(batch, asking, *answer)
                continue
            is_whole = False
            self._begin_anew()
            for field, waiting in asking.items():
                self._asking[field] = waiting + self._asking.get(field, [])
            if answer is None:
                self._admit_all()
                return

    async def _exchange(self, batch: list[str], is_whole: bool) -> list | None:
        """One round trip. None when Redis fails; nothing in it when Redis knows another state than we think."""
        self._version += 1
        keys = [f"{PREFIX}processes", f"{PREFIX}crowded", f"{PREFIX}{self._id}"]
        args: list[object] = [self._id, self._known, self._version, int(is_whole)]
        args += [round(TTL_SECONDS * 1000), settings.CHAT_MAX_SOCKETS_PER_SESSION, round(SETTLE_SECONDS * 1000)]
        for field in batch:
            args += [field, self._value(field)]
        try:
            answer = await self._loop.run_in_executor(self._executor, throttles.evaluate, _DECLARE, keys, args)
        except Exception:  # noqa: BLE001 - a bug here must not keep every visitor out
            logger.exception("%d changes were not declared", len(batch))
            return None
        if answer:
            self._known = self._version
        return answer

    def _value(self, field: str) -> str:
        kind, name = field.split(":", 1)
        if kind == "a":
            return str(self._addresses.get(name, ""))
        now = self._loop.time()
        return " ".join(str(round((now - at) * 1000)) for at in self._sessions.get(name, {}).values())

    def _judge(self, batch: list[str], asking: dict[str, list], counts: list[int], surplus: list[list]) -> None:
        for field, count in zip(batch, counts, strict=True):
            too_many = count - settings.CHAT_MAX_SOCKETS_PER_ADDRESS
            for place, answer in enumerate(reversed(asking.get(field, []))):
                if not answer.done():
                    answer.set_result(place >= too_many)
        for name, number in surplus:
            session_id = name.decode()
            # Who has come or gone meanwhile is judged again in a second.
            if f"s:{session_id}" not in self._changed:
                for socket in list(self._sessions.get(session_id, ()))[:number]:
                    socket.close(CLOSE_REPLACED)

    def _admit_all(self) -> None:
        for waiting in self._asking.values():
            for answer in waiting:
                if not answer.done():
                    answer.set_result(True)
        self._asking.clear()

    def _begin_anew(self) -> None:
        self._known = 0
        self._changed = dict.fromkeys(f"a:{address}" for address in self._addresses)
        self._changed |= dict.fromkeys(f"s:{session_id}" for session_id in self._sessions)


ledgers = PerLoop(Ledger)
